"""Which sessions of a project are requested, and what ended a session."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind


class SessionStatus(StrEnum):
    """Whether a session is active, and if not, how it ended."""

    ACTIVE = "active"
    """It is not revoked, and a token of it has not expired."""
    REVOKED = "revoked"
    EXPIRED = "expired"
    """All of its tokens have expired, and it was not revoked before."""


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """The requested sessions; None matches any value."""

    state: SessionStatus | None = None
    kind: Kind | None = None
    subscriber: UUID | None = None
    since: int | None = None
    """Unix seconds: opened then or later."""
    bound: bool | None = None
    """Whether it is bound to a key."""
    jkt: str | None = None
    """The RFC 7638 thumbprint of its key."""
    caller_address: str | None = None
    """The IP address that it was issued to."""

    def active(self) -> "SessionFilter | None":
        """The active ones of the requested sessions; None: none of them can be."""
        if self.state not in (None, SessionStatus.ACTIVE):
            return None
        return replace(self, state=SessionStatus.ACTIVE)


EXPIRED: Final = "expired"
REVOKED: Final = "revoked"


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """What ended a session."""

    by: str
    """The kind of the event, `expired`, or `revoked` if the audit trail does not have the event any
    more."""
    at: int
    """Unix seconds."""
    cause: str = ""
    """The cause of the event."""
    address: str | None = None
    """The IP address that the request came from, or a word such as `cli`; None if unknown."""

    @property
    def status(self) -> SessionStatus:
        """The state of the session."""
        return SessionStatus.EXPIRED if self.by == EXPIRED else SessionStatus.REVOKED
