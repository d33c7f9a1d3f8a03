"""Which events of a project are requested."""

from dataclasses import dataclass
from uuid import UUID

from satmint.model.events import EventKind


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The requested events; None matches any value."""

    kinds: frozenset[EventKind] = frozenset()
    """Empty: any kind."""
    subscriber: UUID | None = None
    session: UUID | None = None
    since: int | None = None
    """Unix seconds: of that time or later."""
    until: int | None = None
    """Unix seconds: before that time."""
