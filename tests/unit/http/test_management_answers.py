"""Answers of the management API: sessions, devices, presence, events, tokens and webhooks."""

import json
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from satmint.http.management_answers import (
    show_api_token_use,
    show_devices,
    show_event,
    show_presence,
    show_session,
    show_webhook,
)
from satmint.http.webhook_answers import show_delivery, show_test
from satmint.model.claims import Kind
from satmint.model.deliveries import AttemptResult, DeliveryRecord, DeliveryState
from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.permissions import Permission
from satmint.model.records import (
    ApiToken,
    Device,
    DeviceType,
    Presence,
    RegisteredDevice,
    Session,
)
from satmint.model.rotation import Head
from satmint.model.session_filter import SessionEnd
from satmint.model.webhooks import Webhook, WebhookState
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

PROJECT: Final = UUID(int=1)
ID: Final = UUID(int=2)
SUBSCRIBER: Final = UUID(int=3)
AT: Final = [f"2023-11-14T22:13:{second}Z" for second in range(20, 30)]
"""`NOW` and the seconds after it."""

SESSION: Final = Session(
    id=ID,
    project=PROJECT,
    subscriber=SUBSCRIBER,
    kind=Kind.GUEST,
    head=Head(3, since=NOW + 1, expires_at=NOW + 7200, jkt="key"),
    seen_generation=2,
    created_at=NOW,
    deadline=NOW + 9000,
    lives_until=NOW + 2,
    address="192.0.2.7",
    agent="suite/1",
    reference="alice",
)


def as_json(answer: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads(msgspec.json.encode(answer))


def test_active_session_is_shown_with_its_devices() -> None:
    device = RegisteredDevice(
        UUID(int=9), PROJECT, ID, SUBSCRIBER, DeviceType.ANDROID, "push", NOW + 3
    )
    assert as_json(show_session(SESSION, [device], None)) == {
        "id": str(ID),
        "subscriber_id": str(SUBSCRIBER),
        "reference": "alice",
        "kind": "guest",
        "state": "active",
        "created_at": AT[0],
        "last_refresh_at": AT[1],
        "expires_at": AT[2],
        "generation": 3,
        "agent": "suite/1",
        "address": "192.0.2.7",
        "fingerprint": "key",
        "revoked_at": None,
        "ended": None,
        "devices": [
            {
                "id": str(UUID(int=9)),
                "device_type": "Android",
                "device_token": "push",
                "date_registered": AT[3],
            }
        ],
    }


@pytest.mark.parametrize(
    ("end", "state", "ended"),
    [
        (
            SessionEnd("session_revoked", NOW + 4, "request", "192.0.2.9"),
            "revoked",
            {"by": "session_revoked", "at": AT[4], "cause": "request", "address": "192.0.2.9"},
        ),
        (
            SessionEnd("expired", NOW + 2),
            "expired",
            {"by": "expired", "at": AT[2], "cause": "", "address": None},
        ),
    ],
)
def test_session_that_has_ended_tells_how(
    end: SessionEnd, state: str, ended: dict[str, object]
) -> None:
    shown = as_json(show_session(SESSION, [], end))
    assert (shown["state"], shown["ended"], shown["devices"]) == (state, ended, [])


def test_device_is_shown_with_its_last_session() -> None:
    (shown,) = as_json(show_devices([Device("key", 2, NOW, SESSION)]))["devices"]
    assert shown == {
        "fingerprint": "key",
        "sessions": 2,
        "created_at": AT[0],
        "last_refresh_at": AT[1],
        "generation": 3,
        "agent": "suite/1",
        "address": "192.0.2.7",
    }


def test_subscriber_is_online_with_a_connection() -> None:
    presence = Presence(PROJECT, UUID(int=5), SUBSCRIBER, ID, NOW + 1, NOW + 60)
    assert as_json(show_presence([presence])) == {
        "online": True,
        "connections": [
            {"id": str(UUID(int=5)), "session_id": str(ID), "since": AT[1]},
        ],
    }
    assert as_json(show_presence([])) == {"online": False, "connections": []}


def test_event_is_shown_with_where_it_came_from() -> None:
    event_id = EventIds(SeededEntropy()).next(NOW)
    event = Event(
        event_id,
        PROJECT,
        EventKind.REFRESHED,
        NOW,
        Origin("request-1", "192.0.2.7", "suite/1"),
        SUBSCRIBER,
        ID,
        UUID(int=7),
        4,
        "rotated",
        "alice",
    )
    assert as_json(show_event(event)) == {
        "id": str(UUID(bytes=event_id)),
        "kind": "refreshed",
        "at": AT[0],
        "subscriber_id": str(SUBSCRIBER),
        "reference": "alice",
        "session_id": str(ID),
        "subject_id": str(UUID(int=7)),
        "generation": 4,
        "cause": "rotated",
        "request_id": "request-1",
        "address": "192.0.2.7",
        "agent": "suite/1",
    }


@pytest.mark.parametrize(("mask", "shown"), [("PTd49e…2be", "PTd49e…2be"), (None, "PT…")])
def test_use_of_an_api_token_is_shown_without_its_text(mask: str | None, shown: str) -> None:
    permissions = frozenset({Permission.VIDEO, Permission.CALLING})
    token = ApiToken(ID, PROJECT, "backend", permissions, b"", NOW, mask, NOW + 5)
    assert as_json(show_api_token_use(token)) == {
        "id": str(ID),
        "name": "backend",
        "permissions": ["calling", "video"],
        "token": shown,
        "created_at": AT[0],
        "last_used_at": AT[5],
    }


def a_webhook(**members: Any) -> Webhook:  # noqa: ANN401 - the members of a webhook
    return Webhook(ID, PROJECT, "https://hooks.example/", "sealed", NOW, **members)


def test_new_webhook_has_no_error_and_is_not_paused() -> None:
    assert as_json(show_webhook(a_webhook())) == {
        "id": str(ID),
        "url": "https://hooks.example/",
        "created_at": AT[0],
        "state": "new",
        "state_since": AT[0],
        "paused_by": None,
        "last_error": None,
        "last_error_at": None,
        "next_try_at": None,
    }


def test_webhook_that_fails_is_shown_with_its_error_and_its_next_try() -> None:
    webhook = a_webhook(
        state=WebhookState.PAUSED,
        state_since=NOW + 1,
        last_error="timeout",
        last_error_at=NOW + 2,
        next_at=NOW + 3,
    )
    assert as_json(show_webhook(webhook)) == {
        "id": str(ID),
        "url": "https://hooks.example/",
        "created_at": AT[0],
        "state": "paused",
        "state_since": AT[1],
        "paused_by": "failures",
        "last_error": "timeout",
        "last_error_at": AT[2],
        "next_try_at": AT[3],
    }


def a_delivery(state: DeliveryState, result: AttemptResult, next_at: int | None) -> DeliveryRecord:
    event = UUID(bytes=EventIds(SeededEntropy()).next(NOW))
    return DeliveryRecord(
        event, state, 2, NOW + 1, result, next_at, EventKind.REUSE_DETECTED, SUBSCRIBER, "alice"
    )


def test_pending_delivery_is_shown_with_why_it_has_not_arrived() -> None:
    result = AttemptResult("status", "", 500, 12, "Internal error")
    record = a_delivery(DeliveryState.PENDING, result, NOW + 3)
    assert as_json(show_delivery(record, a_webhook(state=WebhookState.ACTIVE))) == {
        "id": str(record.id),
        "state": "pending",
        "kind": "reuse_detected",
        "at": AT[0],
        "subscriber_id": str(SUBSCRIBER),
        "reference": "alice",
        "attempts": 2,
        "last_attempt_at": AT[1],
        "status": 500,
        "error": "status",
        "latency_ms": 12,
        "response": "Internal error",
        "next_attempt_at": AT[3],
    }


def test_delivery_that_arrived_has_no_error_and_no_next_attempt() -> None:
    record = a_delivery(DeliveryState.DELIVERED, AttemptResult(status=204, latency_ms=7), None)
    shown = as_json(show_delivery(record, a_webhook(state=WebhookState.ACTIVE)))
    assert (shown["state"], shown["status"], shown["latency_ms"]) == ("delivered", 204, 7)
    assert [shown[name] for name in ("error", "response", "next_attempt_at")] == [None] * 3


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (
            AttemptResult(status=200, latency_ms=3),
            {
                "delivered": True,
                "status": 200,
                "error": None,
                "latency_ms": 3,
                "response": None,
            },
        ),
        (
            AttemptResult("timeout", "TimeoutException", None, None, ""),
            {
                "delivered": False,
                "status": None,
                "error": "timeout",
                "latency_ms": None,
                "response": None,
            },
        ),
        (
            AttemptResult("status", "", 404, 5, "Not here"),
            {
                "delivered": False,
                "status": 404,
                "error": "status",
                "latency_ms": 5,
                "response": "Not here",
            },
        ),
    ],
)
def test_test_of_a_webhook_tells_whether_it_arrived(
    result: AttemptResult, shown: dict[str, object]
) -> None:
    assert as_json(show_test(result)) == shown
