"""Audit events. They never contain a token."""

from enum import StrEnum
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from satmint.model.entropy import Entropy

AGENT_LIMIT: Final = 200

_pack_uuid: Final = Struct(">QQ").pack


class EventKind(StrEnum):
    """Kinds of audit events; see `event_texts`."""

    ISSUED = "issued"
    REFRESHED = "refreshed"
    REPLAYED = "replayed"
    REUSE_DETECTED = "reuse_detected"
    BOUND = "bound"
    DEVICE_TOKEN_ISSUED = "device_token_issued"  # noqa: S105 - an event's name
    KEY_MISMATCH = "key_mismatch"
    DOWNGRADE_REFUSED = "downgrade_refused"
    SESSION_REVOKED = "session_revoked"
    PROJECT_REVOKED = "project_revoked"
    SUBSCRIBER_REVOKED = "subscriber_revoked"
    SUBSCRIBER_DELETED = "subscriber_deleted"
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105 - an event's name
    API_TOKEN_UPDATED = "api_token_updated"  # noqa: S105 - an event's name
    API_TOKEN_DELETED = "api_token_deleted"  # noqa: S105 - an event's name
    C2C_TOKEN_CREATED = "c2c_token_created"  # noqa: S105 - an event's name
    C2C_TOKEN_DISABLED = "c2c_token_disabled"  # noqa: S105 - an event's name
    KEY_ROTATED = "key_rotated"
    KEY_RETIRED = "key_retired"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_DELETED = "webhook_deleted"
    ADDRESS_DELETED = "address_deleted"
    DATABASE_ADOPTED = "database_adopted"
    ROOM_DELETED = "room_deleted"
    C2C_TOKEN_DELETED = "c2c_token_deleted"  # noqa: S105 - an event's name
    WEBHOOK_PAUSED = "webhook_paused"
    WEBHOOK_RESUMED = "webhook_resumed"
    PROJECT_RENAMED = "project_renamed"

    @classmethod
    def _missing_(cls, value: object) -> "EventKind | None":
        """A kind of a later version, which a server of it has written during an update.

        It is listed as it is, and nothing follows from it. It is no member of the enumeration.
        """
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value.upper()
        unknown._value_ = value
        return unknown


REVOCATION_EVENTS: Final = frozenset(
    {
        EventKind.REUSE_DETECTED,
        EventKind.SESSION_REVOKED,
        EventKind.PROJECT_REVOKED,
        EventKind.SUBSCRIBER_REVOKED,
        EventKind.SUBSCRIBER_DELETED,
        EventKind.ADDRESS_DELETED,
    }
)
"""Events that end sessions: live sessions that they concern have to be rechecked."""

REFRESH_EVENTS: Final = frozenset({EventKind.REFRESHED, EventKind.DEVICE_TOKEN_ISSUED})
"""Events of refreshes: most of the audit trail. Indexes by session and subscriber omit them."""

FREQUENT_EVENTS: Final = REFRESH_EVENTS | {EventKind.ISSUED}
"""These and the events of sign-ins. The index by kind omits them."""


class Origin(msgspec.Struct, frozen=True):
    """The origin of a request."""

    request_id: str
    address: str
    """The caller's IP address, or a word such as `cli`."""
    agent: str
    """User-Agent, cut to `AGENT_LIMIT` characters."""


class Event(msgspec.Struct, frozen=True):
    """An entry of the audit trail, written in the transaction of the change that it records."""

    id: bytes
    """The 16 bytes of a time-ordered UUID (RFC 9562, version 7)."""
    project: UUID
    kind: EventKind
    at: int
    """Unix seconds."""
    origin: Origin
    subscriber: UUID | None = None
    session: UUID | None = None
    subject: UUID | None = None
    """The token, webhook, address or room concerned, or the inviting subscriber."""
    generation: int | None = None
    cause: str = ""
    reference: str | None = None
    """The subscriber's reference, if it has one; set when the event is read. A deleted subscriber
    has none, except in the event of its deletion."""


class EventCursor(NamedTuple):
    """A place in the audit trail; see `satmint.store.contract.events`."""

    position: int
    id: bytes = b""
    """The event's id. Empty: before the events of this position."""


def first_id_at(at: int) -> bytes:
    """The lower bound of the ids of events from `at` (Unix seconds) on, for comparison."""
    return (min(max(at, 0) * 1000, (1 << 48) - 1)).to_bytes(6, "big")


class EventIds:
    """Generates ids that sort by time, and within one second and process by creation order.

    UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then a 32-bit counter and a
    random 42-bit salt for each process in the free bits.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._salt = int.from_bytes(entropy.take(6), "big") & ((1 << 42) - 1)
        self._counter = 0

    def next(self, now: int) -> bytes:
        """The next id, for an event at `now` (Unix seconds)."""
        self._counter = counter = (self._counter + 1) & 0xFFFFFFFF
        upper = (now * 1000) << 16 | 0x7000 | counter >> 20
        lower = 0b10 << 62 | (counter & 0xFFFFF) << 42 | self._salt
        return _pack_uuid(upper, lower)
