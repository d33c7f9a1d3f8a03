"""What the feed of revocations tells: which kept answers about tokens are to be forgotten."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import Event, EventKind


class RevokedKind(StrEnum):
    """What a revocation names."""

    SESSION = "session"
    SUBSCRIBER = "subscriber"
    PROJECT = "project"
    ADDRESS = "address"
    KEY = "key"
    """A master key that left the keyring."""


class Revocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something ended: every answer whose `depends_on` contains `id` is to be forgotten.

    With one exception: an answer about a token of this very subscriber, or project, whose epoch is
    `epoch` or later was given for a session that was opened afterwards.
    """

    type: RevokedKind
    id: str
    """The UUID, or `key:` with the id of the key."""
    at: int
    """Unix seconds."""
    epoch: int | None = None
    """Of a subscriber or a project: the revocation epoch from now on. Absent: forget all."""
    reason: str = ""
    """The kind of the audit event; empty for a key."""


EPOCH_EVENTS: Final = frozenset({EventKind.SUBSCRIBER_REVOKED, EventKind.PROJECT_REVOKED})
"""Events that raise an epoch: tokens that were issued with the new one are not concerned."""


def revocation_of(event: Event, epoch: int | None = None) -> Revocation:
    """What an event of a kind in `REVOCATION_EVENTS` ends.

    An event that names no session concerns some or all of its subscriber, and one that names
    nothing its project: then more is forgotten than has ended, and never less.

    Args:
        event: The event.
        epoch: The epoch of its subscriber or project now. None: unknown.
    """
    kind, subject = _named(event)
    known = epoch if event.kind in EPOCH_EVENTS else None
    return Revocation(kind, str(subject), event.at, known, event.kind.value)


def _named(event: Event) -> tuple[RevokedKind, UUID]:
    if event.session is not None:
        return RevokedKind.SESSION, event.session
    if event.subscriber is not None:
        return RevokedKind.SUBSCRIBER, event.subscriber
    if event.subject is not None:
        return RevokedKind.ADDRESS, event.subject
    return RevokedKind.PROJECT, event.project
