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
    LEASE_SECONDS,
    SECRET_BYTES,
    SLOW_SECONDS,
    Delivery,
    PausedBy,
    Webhook,
    WebhookState,
    body_of,
    body_of_test,
    is_exhausted,
    pause_seconds,
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


def test_bounds_that_receivers_are_promised() -> None:
    assert (LEASE_SECONDS, GIVE_UP_SECONDS, SLOW_SECONDS) == (30, 259_200, 2.0)
    assert (CLOCK_SKEW_SECONDS, SECRET_BYTES) == (5, 32)


def test_pauses_grow_up_to_ten_minutes() -> None:
    assert [pause_seconds(failures) for failures in range(1, 8)] == [5, 30, 120, 600, 600, 600, 600]


@pytest.mark.parametrize(
    ("state", "paused_at", "paused_by", "shown", "since", "next_try_at"),
    [
        (WebhookState.NEW, 0, None, WebhookState.NEW, NOW, None),
        (WebhookState.ACTIVE, 0, None, WebhookState.ACTIVE, NOW + 1, None),
        (WebhookState.SLOW, 0, None, WebhookState.SLOW, NOW + 1, None),
        (WebhookState.PAUSED, 0, PausedBy.FAILURES, WebhookState.PAUSED, NOW + 1, NOW + 60),
        (WebhookState.ACTIVE, NOW + 9, PausedBy.OPERATOR, WebhookState.PAUSED, NOW + 9, None),
        (WebhookState.PAUSED, NOW + 9, PausedBy.OPERATOR, WebhookState.PAUSED, NOW + 9, None),
    ],
)
def test_state_that_its_owner_is_shown(
    state: WebhookState,
    paused_at: int,
    paused_by: PausedBy | None,
    shown: WebhookState,
    since: int,
    next_try_at: int | None,
) -> None:
    state_since = 0 if state is WebhookState.NEW else NOW + 1
    paused = replace(WEBHOOK, paused_at=paused_at, next_at=NOW + 60)
    webhook = replace(paused, state=state, state_since=state_since)
    assert webhook.paused_by is paused_by
    assert (webhook.shown_state, webhook.shown_since) == (shown, since)
    assert webhook.next_try_at == next_try_at
    assert webhook.is_secret_used is (state is not WebhookState.NEW)
    assert replace(webhook, secret_used=True).is_secret_used


def test_operator_pauses_for_any_time_and_a_failure_until_the_next_attempt() -> None:
    assert not WEBHOOK.is_paused(NOW)
    assert replace(WEBHOOK, paused_at=1).is_paused(NOW)
    waiting = replace(WEBHOOK, next_at=NOW + 1, set_at=NOW)
    assert waiting.is_paused(NOW)
    assert not waiting.is_paused(NOW + 1)


def test_new_webhook_has_no_history_and_hides_its_secrets() -> None:
    assert WEBHOOK.state is WebhookState.NEW
    assert (WEBHOOK.state_since, WEBHOOK.failures, WEBHOOK.last_error) == (0, 0, "")
    assert (WEBHOOK.last_error_at, WEBHOOK.next_at, WEBHOOK.set_at) == (0, 0, 0)
    assert (WEBHOOK.paused_at, WEBHOOK.secret_used) == (0, False)
    assert "hooks.example" not in repr(WEBHOOK)
    assert "sealed" not in repr(WEBHOOK)


def test_message_of_a_delivery_has_its_event_and_hides_where_it_goes() -> None:
    event = Event(ID, UUID(int=1), EventKind.PROJECT_REVOKED, NOW, ORIGIN)
    message = Delivery(WEBHOOK, event, 1).message
    assert (message.project, message.url) == (WEBHOOK.project, WEBHOOK.url)
    assert (message.id, message.body) == (UUID(bytes=ID), body_of(event))
    assert "hooks.example" not in repr(message)
    assert "req-1" not in repr(message)


def test_body_of_a_test_names_the_request_and_no_session() -> None:
    assert json.loads(body_of_test(UUID(int=5), UUID(int=1), NOW, ORIGIN)) == {
        "type": "test",
        "timestamp": "2023-11-14T22:13:20Z",
        "data": {
            "id": str(UUID(int=5)),
            "project_id": str(UUID(int=1)),
            "request_id": "req-1",
            "address": "192.0.2.7",
            "agent": "suite/1",
        },
    }
