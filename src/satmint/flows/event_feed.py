"""Follows the audit trail: every committed event once, whatever the clocks of the servers say.

A transaction may be committed after one with a higher position. So each poll reads again from the
position below which nothing can appear any more, and leaves out what it has returned before.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event, EventCursor
from satmint.store.contract import EventBatch

_PAGE_SIZE: Final = 1000
_LONGEST_TRANSACTION_SECONDS: Final = 60.0
"""No transaction of satmint that records events lasts longer. Transactions of other applications on
the same PostgreSQL server may, and `EventBatch.settled` waits for them too: without this bound,
polls would read more and more again."""

ReadAfter = Callable[[EventCursor, int], Awaitable[EventBatch]]
"""Reads up to a number of events after a cursor."""


class EventFeed:
    """The events that are committed from the first poll on."""

    def __init__(self, read: ReadAfter, monotonic: Callable[[], float]) -> None:
        """Prepare to follow.

        Args:
            read: Reads events from the store.
            monotonic: A monotonic clock, in seconds.
        """
        self._read = read
        self._monotonic = monotonic
        self._begin: int | None = None
        """The position from which the next poll reads. None: not started."""
        self._returned: frozenset[EventCursor] = frozenset()
        """Events from `_begin` on that were returned, or that were committed before the start."""
        self._newest: deque[tuple[float, int]] = deque()
        """`EventBatch.newest` of earlier polls, with their times."""

    @property
    def started(self) -> bool:
        """Whether there was a successful poll since the creation or the last `stop`."""
        return self._begin is not None

    @property
    def position(self) -> int:
        """The position below which every event was returned; 0 if not started."""
        return self._begin or 0

    def stop(self) -> None:
        """Forget the position: the next poll starts anew."""
        self._begin = None

    async def poll(self) -> Sequence[Event]:
        """New events, in order as far as it is known. The first poll returns none.

        Raises:
            StoreUnavailable: the next poll returns what this one would have returned.
        """
        begin = self._begin
        if begin is None:
            begin = (await self._read(EventCursor(0), 0)).settled
        found: list[tuple[EventCursor, Event]] = []
        batch = first = await self._read(EventCursor(begin), _PAGE_SIZE)
        found += batch.events
        while len(batch.events) == _PAGE_SIZE:
            batch = await self._read(found[-1][0], _PAGE_SIZE)
            found += batch.events
        new = [event for cursor, event in found if cursor not in self._returned]
        is_start, self._begin = self._begin is None, max(begin, first.settled, self._bound(first))
        self._returned = frozenset(cursor for cursor, _ in found if cursor.position >= self._begin)
        return () if is_start else new

    def _bound(self, batch: EventBatch) -> int:
        """A position below which nothing can appear, because too much time has passed."""
        now, bound = self._monotonic(), 0
        while self._newest and self._newest[0][0] <= now - _LONGEST_TRANSACTION_SECONDS:
            bound = self._newest.popleft()[1]
        self._newest.append((now, batch.newest))
        return bound


def event_feed(
    services: ServiceContext,
    project: UUID,
    monotonic: Callable[[], float],
    wanted: EventFilter = EventFilter(),  # noqa: B008 - immutable
) -> EventFeed:
    """A feed of a project's events that match a filter."""

    async def read(cursor: EventCursor, limit: int) -> EventBatch:
        return await services.store.events.after(project, cursor, limit, wanted)

    return EventFeed(read, monotonic)


def revocation_feed(services: ServiceContext, monotonic: Callable[[], float]) -> EventFeed:
    """A feed of the events of all projects that may end sessions."""

    async def read(cursor: EventCursor, limit: int) -> EventBatch:
        return await services.store.events.revocations(cursor, limit)

    return EventFeed(read, monotonic)
