"""The store's contract for the audit trail."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import Page, Window


class EventStore(Protocol):
    """Reads the audit trail. Each change writes its own events, in its own transaction."""

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """A project's events, by time."""
        ...

    async def record(self, event: Event) -> None:
        """Write an event without a change: an attempt that was refused."""
        ...

    async def revocations(self, after: bytes, limit: int) -> Sequence[Event]:
        """Events of all projects that may end sessions, oldest first.

        Those of the kinds in `REVOCATION_EVENTS` whose ids are above `after`.

        Processes learn of each other's revocations by this query, so it must be cheap. Ids of
        different processes are not in strict order: the caller looks back some seconds, and takes
        an event as a hint to recheck what it names, never as the fact itself.
        """
        ...
