"""Which events of a project are requested."""

from dataclasses import dataclass
from uuid import UUID

from satmint.model.events import Event, EventKind


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

    def matches(self, event: Event) -> bool:
        """Whether an event is requested."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and self.subscriber in (None, event.subscriber)
            and self.session in (None, event.session)
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
        )
