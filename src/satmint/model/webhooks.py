"""Webhooks: they notify a project's owner of suspected theft and of revocations.

Messages follow Standard Webhooks 1.0 (standardwebhooks.com), for which receivers have
libraries: `webhook-id`, `webhook-timestamp`, and `webhook-signature`, an HMAC-SHA-256 over
`<id>.<timestamp>.<body>`. A message is an audit event; it never holds a token.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import REVOCATION_EVENTS, Event, EventKind, Origin
from satmint.model.times import iso

ALERTS: Final = REVOCATION_EVENTS | {EventKind.KEY_MISMATCH, EventKind.DOWNGRADE_REFUSED}
"""The kinds of events that webhooks report."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix (Standard Webhooks)
SECRET_BYTES: Final = 32

LEASE_SECONDS: Final = 30
"""How long a process may work on a delivery before another one may claim it."""
GIVE_UP_SECONDS: Final = 3 * 86_400
"""How long a delivery is retried."""
SLOW_SECONDS: Final = 2.0
"""An endpoint that takes longer to respond is slow."""
CLOCK_SKEW_SECONDS: Final = 5
"""The clocks of two servers may differ by so much. A time that is further in the future shows that
a clock was set back (spec 6.3): what was set to wait at that time is due."""

_RETRY_DELAYS: Final = (5, 30, 120, 600, 1800)
_MAX_RETRY_DELAY: Final = 3600
_MAX_PAUSE: Final = 600


class WebhookState(StrEnum):
    """What the last attempts to deliver to an endpoint showed."""

    NEW = "new"
    """Nothing was delivered yet."""
    ACTIVE = "active"
    """The endpoint accepts its messages."""
    SLOW = "slow"
    """It accepts them, but took longer than `SLOW_SECONDS` for the last one."""
    PAUSED = "paused"
    """The last attempt failed. One delivery at a time is tried, after growing pauses. Shown also
    for a webhook that an operator has paused."""


class PausedBy(StrEnum):
    """Why a webhook is paused."""

    OPERATOR = "operator"
    """Somebody paused it. Nothing is sent before it is resumed."""
    FAILURES = "failures"
    """The last attempt failed."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint of a project for alerts."""

    id: UUID
    project: UUID
    url: str = field(repr=False)  # it may contain a secret
    sealed_secret: str = field(repr=False)
    """The signing secret, encrypted with the keyring."""
    created_at: int
    state: WebhookState = WebhookState.NEW
    state_since: int = 0
    """When `state` began, Unix seconds; 0 for a new webhook."""
    failures: int = 0
    """Failed attempts since the last success, without those that ran at the same time."""
    last_error: str = ""
    """The public reason of the last failure, also after a success; empty if there was none."""
    last_error_at: int = 0
    """When that was."""
    next_at: int = 0
    """Nothing is sent before this time."""
    set_at: int = 0
    """When `next_at` was set."""
    paused_at: int = 0
    """When an operator paused it, Unix seconds; 0: nobody did. `state` knows nothing of it."""
    secret_used: bool = False
    """Whether a message was signed with its secret. Earlier versions do not record it."""

    @property
    def paused_by(self) -> PausedBy | None:
        """Why nothing is sent, or one delivery at a time; None: it is not paused."""
        if self.paused_at:
            return PausedBy.OPERATOR
        return PausedBy.FAILURES if self.state is WebhookState.PAUSED else None

    @property
    def shown_state(self) -> WebhookState:
        """`state` for its owner: paused, by an operator or after failures."""
        return WebhookState.PAUSED if self.paused_at else self.state

    @property
    def shown_since(self) -> int:
        """When `shown_state` began, Unix seconds."""
        return self.paused_at or self.state_since or self.created_at

    @property
    def next_try_at(self) -> int | None:
        """When a delivery is tried next, Unix seconds; None: not paused, or until it is resumed."""
        return self.next_at if self.paused_by is PausedBy.FAILURES else None

    @property
    def is_secret_used(self) -> bool:
        """Whether a message was signed with its secret, whichever version has sent it."""
        return self.secret_used or self.state is not WebhookState.NEW

    def is_paused(self, now: int) -> bool:
        """Whether nothing may be sent now; never because of a clock that was set back."""
        waits = self.next_at > now and self.set_at <= now + CLOCK_SKEW_SECONDS
        return waits or self.paused_at > 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A pending delivery of one event to one webhook."""

    webhook: Webhook
    event: Event
    attempt: int
    """Number of this attempt, from 1."""

    @property
    def message(self) -> "OutgoingMessage":
        """What is sent."""
        webhook, message_id = self.webhook, UUID(bytes=self.event.id)
        return OutgoingMessage(webhook.project, webhook.url, message_id, body_of(self.event))


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to an endpoint, without the headers of an attempt."""

    project: UUID
    url: str = field(repr=False)
    id: UUID
    """The `webhook-id`, the same for all attempts."""
    body: bytes = field(repr=False)


def retry_delay(attempt: int) -> int:
    """Seconds to wait after a failed attempt (from 1): increases up to an hour."""
    return _RETRY_DELAYS[attempt - 1] if attempt <= len(_RETRY_DELAYS) else _MAX_RETRY_DELAY


def pause_seconds(failures: int) -> int:
    """Seconds in which an endpoint gets nothing after so many failures: up to ten minutes.

    The maximum is less than that of `retry_delay`: an endpoint that works again must not wait an
    hour for the next alert.
    """
    return min(retry_delay(failures), _MAX_PAUSE)


def is_exhausted(delivery: Delivery, now: int) -> bool:
    """Whether the delivery has to be given up."""
    return now >= delivery.event.at + GIVE_UP_SECONDS


class Message(msgspec.Struct, frozen=True):
    """The body of a delivery."""

    type: str
    """The event's kind."""
    timestamp: str
    """Time of the event, ISO 8601 in UTC."""
    data: "MessageData"


class MessageData(msgspec.Struct, frozen=True, omit_defaults=True):
    """The event's data; members without a value are absent."""

    id: UUID
    project_id: UUID
    subscriber_id: UUID | None = None
    reference: str | None = None
    """The subscriber's reference."""
    session_id: UUID | None = None
    generation: int | None = None
    cause: str = ""
    request_id: str = ""
    address: str = ""
    agent: str = ""


TEST_TYPE: Final = "test"
"""`type` of a message that somebody requested to try a webhook out. There is no such event."""

_encode: Final = msgspec.json.Encoder().encode


def body_of(event: Event) -> bytes:
    """The JSON body of an event's message; identical for every attempt."""
    origin = event.origin
    data = MessageData(
        UUID(bytes=event.id),
        event.project,
        event.subscriber,
        event.reference,
        event.session,
        event.generation,
        event.cause,
        origin.request_id,
        origin.address,
        origin.agent,
    )
    return _encode(Message(event.kind.value, iso(event.at), data))


def body_of_test(message_id: UUID, project: UUID, now: int, origin: Origin) -> bytes:
    """The JSON body of a test message.

    Args:
        message_id: Its `webhook-id`.
        project: The webhook's project.
        now: Unix seconds.
        origin: The origin of the request to send it.
    """
    data = MessageData(
        message_id,
        project,
        request_id=origin.request_id,
        address=origin.address,
        agent=origin.agent,
    )
    return _encode(Message(TEST_TYPE, iso(now), data))


def signature(secret: bytes, message_id: str, at: int, body: bytes) -> str:
    """The `webhook-signature` header of one attempt.

    Args:
        secret: The webhook's signing secret.
        message_id: The `webhook-id` header, the same for all attempts.
        at: The `webhook-timestamp` header: Unix seconds of this attempt.
        body: The body.
    """
    signed = b"%b.%d.%b" % (message_id.encode("ascii"), at, body)
    return "v1," + b64encode(hmac_digest(secret, signed, sha256)).decode("ascii")
