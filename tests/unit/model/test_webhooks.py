"""Webhooks as values: the body of a message, its signature, when to try again and when to stop."""

import json
from base64 import b64decode
from dataclasses import replace
from uuid import UUID

import pytest

from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.webhooks import (
    CLOCK_SKEW_SECONDS,
    GIVE_UP_SECONDS,
    Delivery,
    Webhook,
    WebhookState,
    body_of,
    is_exhausted,
    retry_delay,
    signature,
)
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

ID = EventIds(SeededEntropy()).next(NOW)
ORIGIN = Origin(request_id="req-1", address="192.0.2.7", agent="suite/1")
WEBHOOK = Webhook(UUID(int=9), UUID(int=1), "https://hooks.example/?key=1", "sealed", NOW)


def test_body_of_an_event() -> None:
    event = Event(
        id=ID,
        project=UUID(int=1),
        kind=EventKind.REUSE_DETECTED,
        at=1_700_000_000,
        origin=ORIGIN,
        subscriber=UUID(int=2),
        session=UUID(int=3),
        subject=UUID(int=4),
        generation=5,
        cause="replay",
    )
    assert json.loads(body_of(event)) == {
        "type": "reuse_detected",
        "timestamp": "2023-11-14T22:13:20Z",
        "data": {
            "id": str(UUID(bytes=ID)),
            "project_id": str(UUID(int=1)),
            "subscriber_id": str(UUID(int=2)),
            "session_id": str(UUID(int=3)),
            "generation": 5,
            "cause": "replay",
            "request_id": "req-1",
            "address": "192.0.2.7",
            "agent": "suite/1",
        },
    }


def test_members_without_a_value_are_absent() -> None:
    event = Event(ID, UUID(int=1), EventKind.PROJECT_REVOKED, NOW, Origin("", "", ""))
    assert json.loads(body_of(event))["data"].keys() == {"id", "project_id"}


def test_signature_is_that_of_the_example_of_standard_webhooks() -> None:
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_delay_grows_to_an_hour() -> None:
    delays = [retry_delay(attempt) for attempt in range(1, 9)]
    assert delays == [5, 30, 120, 600, 1800, 3600, 3600, 3600]


@pytest.mark.parametrize(("age", "exhausted"), [(-1, False), (0, True), (1, True)])
def test_delivery_is_given_up_after_three_days(age: int, exhausted: bool) -> None:
    event = Event(ID, UUID(int=1), EventKind.PROJECT_REVOKED, NOW, ORIGIN)
    assert GIVE_UP_SECONDS == 3 * 24 * 60 * 60
    assert is_exhausted(Delivery(WEBHOOK, event, 1), NOW + 3 * 86_400 + age) is exhausted


def test_webhook_prints_neither_its_url_nor_its_secret() -> None:
    assert "key=1" not in repr(WEBHOOK)
    assert "sealed" not in repr(WEBHOOK).replace("sealed_secret", "")


@pytest.mark.parametrize(
    ("next_at", "set_at", "paused"),
    [
        (NOW + 1, NOW, True),
        (NOW, NOW, False),
        (NOW - 1, NOW - 5, False),
        (NOW + 100, NOW + CLOCK_SKEW_SECONDS, True),
        (NOW + 100, NOW + CLOCK_SKEW_SECONDS + 1, False),  # the clock was set back
    ],
)
def test_nothing_is_sent_before_the_next_try(next_at: int, set_at: int, *, paused: bool) -> None:
    webhook = replace(WEBHOOK, state=WebhookState.PAUSED, next_at=next_at, set_at=set_at)
    assert webhook.is_paused(NOW) is paused
    assert webhook.next_try_at == next_at
    assert replace(webhook, state=WebhookState.ACTIVE).next_try_at is None
