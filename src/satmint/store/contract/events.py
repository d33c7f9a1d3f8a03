"""The store's contract for the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from satmint.model.event_filter import EventFilter
from satmint.model.event_page import EventPage
from satmint.model.events import Event, EventCursor
from satmint.model.listing import Window
from satmint.model.records import Session

TRUSTED_SKEW_SECONDS: Final = 3600
"""By how much the order of events and that of their times may differ in filtered lists."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events after a cursor, in order."""

    events: Sequence[tuple[EventCursor, Event]]
    settled: int
    """No event that is not visible yet will have a position below this one."""
    newest: int
    """Every transaction that begins from now on has at least this position."""


class EventStore(Protocol):
    """Reads the audit trail. Each change writes its own events, in its own transaction.

    Events are ordered by their positions, which the database assigns: no clock has a part in it.
    Events of one transaction have one position, or adjacent ones. In PostgreSQL a transaction
    with a lower position may be committed after one with a higher position. So who follows the
    trail either reads only what is below `settled`, or reads again from there and ignores what it
    has seen.
    """

    async def list(
        self,
        project: UUID,
        window: Window,
        wanted: EventFilter = EventFilter(),  # noqa: B008 - immutable
        *,
        settled: bool = False,
    ) -> EventPage:
        """A project's events, in order; the window's anchor has a position as its value.

        A page examines a bounded number of events: see `Page`. With `since` or `until`, an event
        may be missing whose clock was `TRUSTED_SKEW_SECONDS` away from those of its neighbours.

        Args:
            project: The project.
            window: The requested part.
            wanted: The filter.
            settled: Whether to omit events before which others may still appear.
        """
        ...

    async def record(self, event: Event) -> None:
        """Write an event without a change: an attempt that was refused."""
        ...

    async def after(
        self,
        project: UUID,
        cursor: EventCursor,
        limit: int,
        wanted: EventFilter = EventFilter(),  # noqa: B008 - immutable
    ) -> EventBatch:
        """A project's events after `cursor` that match a filter."""
        ...

    async def of_revocations(self, project: UUID, sessions: Sequence[Session]) -> Sequence[Event]:
        """Events that may have revoked some sessions.

        Those of the sessions and of their inviters, and the latest ones of their subscribers and of
        the project. Reads a bounded number of events for each session.
        """
        ...

    async def revocations_of(self, project: UUID, cursor: EventCursor, limit: int) -> EventBatch:
        """As `revocations`, of one project."""
        ...

    async def revocations(self, cursor: EventCursor, limit: int) -> EventBatch:
        """Events of all projects that may end sessions, after `cursor`.

        Those of the kinds in `REVOCATION_EVENTS`. Processes learn of each other's revocations by
        this query, so it must be cheap.
        """
        ...
