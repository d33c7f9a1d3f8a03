"""Deliveries of a webhook as values: when each is sent next, and what the log says."""

from uuid import UUID

import pytest

from satmint.model.deliveries import (
    HISTORY_LENGTH,
    HISTORY_SECONDS,
    RESPONSE_LIMIT,
    AttemptResult,
    DeliveryRecord,
    DeliveryState,
)
from satmint.model.events import EventIds
from satmint.model.webhooks import PausedBy, Webhook, WebhookState
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

ID = UUID(bytes=EventIds(SeededEntropy()).next(NOW))


def record(next_at: int | None) -> DeliveryRecord:
    state = DeliveryState.DELIVERED if next_at is None else DeliveryState.PENDING
    return DeliveryRecord(ID, state, 1, NOW, AttemptResult(), next_at, None, None, None)


def webhook(paused_by: PausedBy | None = None, next_at: int = 0) -> Webhook:
    found = Webhook(
        *(UUID(int=9), UUID(int=1), "https://hooks.example/", "sealed", NOW),
        state=WebhookState.PAUSED if paused_by is PausedBy.FAILURES else WebhookState.ACTIVE,
        next_at=next_at,
        paused_at=NOW if paused_by is PausedBy.OPERATOR else 0,
    )
    assert found.paused_by is paused_by
    return found


def test_time_of_a_delivery_is_that_of_its_event() -> None:
    assert record(None).at == NOW


@pytest.mark.parametrize(
    ("next_at", "of", "due_at"),
    [
        (None, webhook(), None),
        (NOW + 30, webhook(), NOW + 30),
        (NOW - 30, webhook(), NOW),
        (NOW + 30, webhook(next_at=NOW + 60), NOW + 30),
        (NOW + 30, webhook(PausedBy.FAILURES, NOW + 60), NOW + 60),
        (NOW + 90, webhook(PausedBy.FAILURES, NOW + 60), NOW + 90),
        (NOW + 30, webhook(PausedBy.OPERATOR, NOW + 60), None),
        (None, webhook(PausedBy.FAILURES, NOW + 60), None),
    ],
    ids=str,
)
def test_pending_delivery_is_due_when_it_and_its_webhook_may_be_tried(
    next_at: int | None, of: Webhook, due_at: int | None
) -> None:
    assert record(next_at).due_at(of) == due_at


def test_log_names_the_reason_and_what_more_is_known() -> None:
    assert AttemptResult("timeout").fields == {"reason": "timeout"}
    assert AttemptResult("unreachable", "OSError").fields == {
        "reason": "unreachable",
        "detail": "OSError",
    }


def test_attempt_that_arrived_has_no_error_and_nothing_else_unless_it_is_said() -> None:
    assert AttemptResult() == AttemptResult("", "", None, None, "")


def test_bounds_of_the_history() -> None:
    assert (HISTORY_SECONDS, HISTORY_LENGTH) == (604_800, 1000)
    assert RESPONSE_LIMIT == 500
