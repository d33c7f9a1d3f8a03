"""Response bodies of the management API about the messages to webhooks."""

from uuid import UUID

import msgspec

from satmint.http.answers import Instant
from satmint.model.deliveries import AttemptResult, DeliveryRecord, DeliveryState
from satmint.model.events import EventKind
from satmint.model.times import iso, iso_or_none
from satmint.model.webhooks import Webhook


class DeliveryAnswer(msgspec.Struct, frozen=True):
    """A message to a webhook, with what its last attempt has shown."""

    id: UUID
    """The `webhook-id` of the message, which is the id of its event."""
    state: DeliveryState
    """`pending`; `delivered`: the endpoint answered with 2xx; `given_up`."""
    kind: EventKind | None
    """The kind of the event; null if the event was purged."""
    at: Instant
    """The time of the event."""
    subscriber_id: UUID | None
    reference: str | None
    """The subscriber's reference."""
    attempts: int
    """Attempts that were begun, since the delivery was last requested."""
    last_attempt_at: Instant | None
    """When the last attempt ended."""
    status: int | None
    """The HTTP status of the response to the last attempt; null: there was none."""
    error: str | None
    """Why the message has not arrived; null: it has, or no attempt has ended."""
    latency_ms: int | None
    """Milliseconds until the last header of the response."""
    response: str | None
    """The start of the response's body, as one line of at most 500 printable characters. Endpoints
    choose this text."""
    next_attempt_at: Instant | None
    """When a pending message is sent next, unless it is earlier; null if an operator has paused the
    webhook. While an attempt is running, when another one would begin."""


class WebhookTestAnswer(msgspec.Struct, frozen=True):
    """The result of a test."""

    delivered: bool
    """Whether the endpoint answered with 2xx."""
    status: int | None
    """The HTTP status of the response; null: there was none."""
    error: str | None
    """Why the message has not arrived; null: it has."""
    latency_ms: int | None
    """Milliseconds until the last header of the response."""
    response: str | None
    """The start of the response's body, as one line of at most 500 printable characters. Endpoints
    choose this text."""


def show_delivery(record: DeliveryRecord, webhook: Webhook) -> DeliveryAnswer:
    """Return the answer for a delivery of a webhook."""
    result = record.result
    return DeliveryAnswer(
        id=record.id,
        state=record.state,
        kind=record.kind,
        at=iso(record.at),
        subscriber_id=record.subscriber,
        reference=record.reference,
        attempts=record.attempts,
        last_attempt_at=iso_or_none(record.attempted_at),
        status=result.status,
        error=result.error or None,
        latency_ms=result.latency_ms,
        response=result.response or None,
        next_attempt_at=iso_or_none(record.due_at(webhook)),
    )


def show_test(result: AttemptResult) -> WebhookTestAnswer:
    """Return the answer for a test."""
    return WebhookTestAnswer(
        delivered=not result.error,
        status=result.status,
        error=result.error or None,
        latency_ms=result.latency_ms,
        response=result.response or None,
    )
