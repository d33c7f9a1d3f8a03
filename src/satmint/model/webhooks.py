"""Webhooks: telling a project's owner of what looks like a theft, or ends a session.

Messages are those of Standard Webhooks 1.0 (standardwebhooks.com), for which receivers have
libraries: `webhook-id`, `webhook-timestamp`, and `webhook-signature`, an HMAC-SHA-256 over
`<id>.<timestamp>.<body>`. A message is an audit event; it never holds a token.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import ENDING, Event, EventKind
from satmint.model.times import iso

ALERTS: Final = ENDING | {EventKind.KEY_MISMATCH, EventKind.DOWNGRADE_REFUSED}
"""The kinds of events that webhooks tell of."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with (Standard Webhooks)
SECRET_BYTES: Final = 32

LEASE_SECONDS: Final = 60
"""How long one process may be busy with a delivery before another one takes it on."""
GIVE_UP_SECONDS: Final = 3 * 86_400
"""How long a delivery is tried."""

_RESTS: Final = (5, 30, 120, 600, 1800)
_LONGEST_REST: Final = 3600


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a project wants to be told."""

    id: UUID
    project: UUID
    url: str = field(repr=False)  # it may well hold a secret of its own
    sealed_secret: str = field(repr=False)
    """The signing secret, sealed by the keyring."""
    created_at: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event, on its way to one webhook."""

    webhook: Webhook
    event: Event
    attempt: int
    """Which one this is, from 1."""


def rest_after(attempt: int) -> int:
    """Seconds to wait after a failed attempt, counted from 1: longer each time, up to an hour."""
    return _RESTS[attempt - 1] if attempt <= len(_RESTS) else _LONGEST_REST


def is_hopeless(delivery: Delivery, now: int) -> bool:
    """Whether nobody will be told any more."""
    return now >= delivery.event.at + GIVE_UP_SECONDS


class Message(msgspec.Struct, frozen=True):
    """The body of a delivery."""

    type: str
    """The event's kind."""
    timestamp: str
    """When it happened, ISO 8601 in UTC."""
    data: "MessageData"


class MessageData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the event tells of; absent where it tells of none."""

    id: UUID
    project_id: UUID
    subscriber_id: UUID | None = None
    session_id: UUID | None = None
    generation: int | None = None
    cause: str = ""
    request_id: str = ""
    address: str = ""
    agent: str = ""


_encode: Final = msgspec.json.Encoder().encode


def body_of(event: Event) -> bytes:
    """An event as a message's JSON. The same event is the same bytes each time it is sent."""
    origin = event.origin
    data = MessageData(
        UUID(bytes=event.id),
        event.project,
        event.subscriber,
        event.session,
        event.generation,
        event.cause,
        origin.request_id,
        origin.address,
        origin.agent,
    )
    return _encode(Message(event.kind.value, iso(event.at), data))


def signature(secret: bytes, message_id: str, at: int, body: bytes) -> str:
    """The `webhook-signature` header of one sending.

    Args:
        secret: The webhook's.
        message_id: The `webhook-id` header, the same for every sending of an event.
        at: The `webhook-timestamp` header, Unix seconds of this sending.
        body: As sent.
    """
    signed = b"%b.%d.%b" % (message_id.encode("ascii"), at, body)
    return "v1," + b64encode(hmac_digest(secret, signed, sha256)).decode("ascii")
