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
        self.skipped = False
        """Whether the last poll left out events, because there were more than its limit."""

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

    async def poll(self, limit: int | None = None) -> Sequence[Event]:
        """New events, in order as far as it is known. The first poll returns none.

        Args:
            limit: How many it returns at most; if there are more, `skipped` says so, and the next
                poll returns what was committed since. None: all.

        Raises:
            StoreUnavailable: the next poll returns what this one would have returned.
        """
        begin = self._begin
        if begin is None:
            begin = (await self._read(EventCursor(0), 0)).settled
        found: list[tuple[EventCursor, Event]] = []
        new: list[Event] = []
        batch = first = await self._read(EventCursor(begin), _PAGE_SIZE)
        while True:
            found += batch.events
            new += [event for cursor, event in batch.events if cursor not in self._returned]
            is_full = limit is not None and len(new) > limit
            if is_full or len(batch.events) < _PAGE_SIZE:
                break
            batch = await self._read(found[-1][0], _PAGE_SIZE)
        is_start = self._begin is None
        self._begin = max(begin, first.settled, self._bound(first), batch.newest if is_full else 0)
        self._returned = frozenset(cursor for cursor, _ in found if cursor.position >= self._begin)
        self.skipped = is_full and not is_start
        return () if is_start else new[:limit]

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
