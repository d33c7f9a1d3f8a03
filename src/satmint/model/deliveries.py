"""What became of the deliveries of a webhook: a history of bounded length."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from satmint.model.events import EventKind
from satmint.model.webhooks import PausedBy, Webhook

RESPONSE_LIMIT: Final = 500
"""Characters of a response's body that are kept, all of them printable."""
HISTORY_SECONDS: Final = 7 * 86_400
"""How long after its event a delivery that has ended is listed."""
HISTORY_LENGTH: Final = 1000
"""The newest so many deliveries in each final state of a webhook stay listed."""

PAUSED: Final = "paused"
"""`AttemptResult.error` of a delivery that was given up because its webhook was paused so long."""


class DeliveryState(StrEnum):
    """Whether a message has arrived."""

    PENDING = "pending"
    """It waits for its first attempt, for the next one, or is being sent."""
    DELIVERED = "delivered"
    """The endpoint answered with a 2xx status."""
    GIVEN_UP = "given_up"
    """It is not tried any more."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one attempt to send a message has shown."""

    error: str = ""
    """Why it has not arrived, a short stable word; empty: it has."""
    detail: str = ""
    """For the operator's log only: an exception's name."""
    status: int | None = None
    """The HTTP status of the response; None: there was none."""
    latency_ms: int | None = None
    """Milliseconds until the last header of the response; None: there was none."""
    response: str = field(default="", repr=False)
    """The start of the response's body: at most `RESPONSE_LIMIT` printable characters."""

    @property
    def fields(self) -> dict[str, str]:
        """For the log: the `reason` that the owner is told, and the `detail`."""
        return {"reason": self.error} | ({"detail": self.detail} if self.detail else {})


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery of one event to one webhook, with the result of its last attempt."""

    id: UUID
    """The event's id, which is the `webhook-id` of each of its messages."""
    state: DeliveryState
    attempts: int
    """Attempts that were begun, since it was last requested."""
    attempted_at: int | None
    """When the last attempt ended, Unix seconds; None: none has."""
    result: AttemptResult
    """That of the last attempt."""
    next_at: int | None
    """When it is due, Unix seconds; None: it is not pending. During an attempt, when the attempt is
    repeated if the process that makes it dies."""
    kind: EventKind | None
    """None: the event was purged."""
    subscriber: UUID | None
    reference: str | None
    """The reference of the subscriber."""

    @property
    def at(self) -> int:
        """The event's time, Unix seconds: its id begins with it (RFC 9562, section 5.7)."""
        return int.from_bytes(self.id.bytes[:6], "big") // 1000

    def due_at(self, webhook: Webhook) -> int | None:
        """When it is sent next, Unix seconds, unless it is earlier.

        None: it is not pending, or waits until its webhook is resumed.
        """
        if self.next_at is None or webhook.paused_by is PausedBy.OPERATOR:
            return None
        return max(self.next_at, self.at, webhook.next_try_at or 0)
