"""The audit trail: what happened to whom, from where. Never a token."""

from enum import StrEnum
from struct import Struct
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.entropy import Entropy

AGENT_LIMIT: Final = 200

_two_words: Final = Struct(">QQ").pack


class EventKind(StrEnum):
    """What an audit event tells of."""

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
    C2C_TOKEN_DELETED = "c2c_token_deleted"  # noqa: S105 - an event's name


ENDING: Final = frozenset(
    {
        EventKind.REUSE_DETECTED,
        EventKind.SESSION_REVOKED,
        EventKind.PROJECT_REVOKED,
        EventKind.SUBSCRIBER_REVOKED,
        EventKind.SUBSCRIBER_DELETED,
    }
)
"""Events that end sessions: whoever holds one that is live has to look whether it still is."""


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from."""

    request_id: str
    address: str
    """The caller's IP address, or a word such as `cli`."""
    agent: str
    """User-Agent, cut to `AGENT_LIMIT` characters."""


class Event(msgspec.Struct, frozen=True):
    """One line of the audit trail, written in the transaction of what it tells of."""

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
    """The API token, C2C token or webhook that it is about, or the subscriber who has invited."""
    generation: int | None = None
    cause: str = ""


class EventIds:
    """Makes ids that sort by time, and within one second and process by order of making.

    UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then a counter of 32 bits and
    a salt of 42 bits drawn once for each process in the places that are free.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._salt = int.from_bytes(entropy.take(6), "big") & ((1 << 42) - 1)
        self._counter = 0

    def next(self, now: int) -> bytes:
        """The next id, for an event at `now` (Unix seconds)."""
        self._counter = counter = (self._counter + 1) & 0xFFFFFFFF
        upper = (now * 1000) << 16 | 0x7000 | counter >> 20
        lower = 0b10 << 62 | (counter & 0xFFFFF) << 42 | self._salt
        return _two_words(upper, lower)


def before_all_ids_of(second: int) -> bytes:
    """What sorts before the id of every event at or after `second` (Unix seconds)."""
    return (max(second, 0) * 1000).to_bytes(6, "big") + bytes(10)
