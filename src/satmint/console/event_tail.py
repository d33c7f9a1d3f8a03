"""Live tails of audit trails: one poll of the store per process serves all with the same filter.

Each process reads the database by itself, so any worker serves a tail with the events of all. A
tail that was cut goes on from a position below which it has everything. It may be told again of
events from there on, which have the same ids.

What a tail costs is bounded: of more than `MAX_RATE` events a second some are skipped, and the tail
says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from satmint.flows.event_feed import EventFeed, event_feed
from satmint.flows.service_context import ServiceContext
from satmint.http.event_stream import ServerSentEvent
from satmint.http.management_answers import show_event
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event, EventCursor
from satmint.model.refusals import RateLimited, StoreUnavailable

POLL_SECONDS: Final = 0.5
MAX_RATE: Final = 1500
"""Events a second, on average. Nobody can read more, and each takes time from refreshes."""
LIFE_SECONDS: Final = 15.0
"""A tail ends after so long. The browser connects again, and its session is examined again."""
MAX_PENDING: Final = 5000
"""Events that wait for a tail, and those that one can catch up on; more are skipped."""
MAX_TAILS: Final = 32
"""Tails of one process. The admin listener has 64 connections for one address, and serves
`/metrics`, too."""
EXAMINE_SECONDS: Final = 1.0
"""How often it is examined whether the reader is still signed in."""
MAX_TAILS_PER_PROJECT: Final = 12
_RETRY_SECONDS: Final = 2
_LEFT_SECONDS: Final = 60.0
_PAGE_SIZE: Final = 1000
_RETRY_MILLISECONDS: Final = 200
_encode: Final = msgspec.json.Encoder().encode

Told = tuple[Event, bytes]
"""An event, and its answer in JSON."""


class EventTail:
    """The events for one browser; see `event_stream.Events`. Close it in the end."""

    def __init__(self, follower: "_Follower") -> None:
        self._follower = follower
        self._pending: list[Told] = []
        self._is_first = True
        self._was_away = False
        self._changed = asyncio.Event()
        self._ends_at = follower.monotonic() + LIFE_SECONDS
        self._skipped = False

    @property
    def is_left(self) -> bool:
        """Whether nobody can read it any more: its response was never sent."""
        return self._follower.monotonic() > self._ends_at + _LEFT_SECONDS

    def put(self, told: Sequence[Told], *, skipped: bool) -> None:
        """Add new events, of which some may have been skipped."""
        self._pending += told
        self._skipped = self._skipped or skipped
        if len(self._pending) > MAX_PENDING:
            del self._pending[:-MAX_PENDING]
            self._skipped = True
        self._changed.set()

    def wake(self) -> None:
        """Look at the state of the store again."""
        self._changed.set()

    async def catch_up(self, position: int) -> None:
        """Read what was committed since a position, before what comes from now on.

        Raises:
            StoreUnavailable: it cannot be read now.
        """
        told, is_whole = await self._follower.since(position)
        known = {event.id for event, _ in told}
        self._pending = [*told, *(one for one in self._pending if one[0].id not in known)]
        self._skipped = not is_whole
        self._changed.set()

    async def __anext__(self) -> ServerSentEvent:
        """See `Events`. All that is new is one event, with a list."""
        if self._is_first:
            self._is_first = False
            return self._news(retry=_RETRY_MILLISECONDS)
        while True:
            left = self._ends_at - self._follower.monotonic()
            if left <= 0 and not self._pending:
                raise StopAsyncIteration
            if self._follower.is_away != self._was_away:
                self._was_away = self._follower.is_away
                return ServerSentEvent("{}", "away" if self._was_away else "back")
            if self._pending:
                return self._news()
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(left, 0)):
                    await self._changed.wait()

    def _news(self, retry: int | None = None) -> ServerSentEvent:
        told, self._pending = self._pending, []
        skipped, self._skipped = self._skipped, False
        events = b",".join(text for _, text in told)
        data = b'{"skipped":%s,"events":[%s]}' % (b"true" if skipped else b"false", events)
        # Everything below the follower's position was put before, and so is sent now.
        return ServerSentEvent(data.decode(), "events", str(self._follower.position), retry=retry)

    async def aclose(self) -> None:
        """See `Events`."""
        self._follower.forget(self)


class ExaminedEvents:
    """The events of a tail, for as long as its reader is signed in; see `event_stream.Events`."""

    def __init__(self, tail: EventTail, is_signed_in: Callable[[], Awaitable[bool]]) -> None:
        """Wrap a tail.

        Args:
            tail: The tail, which is closed with this.
            is_signed_in: Says whether the reader may still read. It is asked once a second.
        """
        self._tail = tail
        self._is_signed_in = is_signed_in
        self._monotonic = asyncio.get_running_loop().time
        self._due = self._monotonic() + EXAMINE_SECONDS

    async def __anext__(self) -> ServerSentEvent:
        """See `Events`. The end: the tail is at its end, or the reader was signed out."""
        while True:
            if self._monotonic() >= self._due:
                with suppress(StoreUnavailable):  # nothing new can be read either
                    if not await self._is_signed_in():
                        raise StopAsyncIteration
                self._due = self._monotonic() + EXAMINE_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._due):
                    return await self._tail.__anext__()

    async def aclose(self) -> None:
        """See `Events`."""
        await self._tail.aclose()


class _Follower:
    """Follows the audit trail of a project for the tails with one filter."""

    def __init__(
        self,
        services: ServiceContext,
        project: UUID,
        wanted: EventFilter,
        on_end: Callable[[], object],
    ) -> None:
        self.is_away = False
        self.monotonic = asyncio.get_running_loop().time
        self._services = services
        self._project = project
        self._wanted = wanted
        self._on_end = on_end
        self._feed: EventFeed = event_feed(services, project, self.monotonic, wanted)
        self._polled_at = self.monotonic()
        self._tails: set[EventTail] = set()
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Lock()

    @property
    def count(self) -> int:
        """How many tails it has."""
        return len(self._tails)

    @property
    def position(self) -> int:
        """See `EventFeed.position`."""
        return self._feed.position

    async def listen(self, position: int | None) -> EventTail:
        tail = EventTail(self)
        self._tails.add(tail)
        try:
            async with self._first:
                if not self._feed.started:
                    await self._feed.poll()
            if position is not None:
                await tail.catch_up(position)
        except BaseException:
            self.forget(tail)
            raise
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        return tail

    async def since(self, position: int) -> tuple[list[Told], bool]:
        """Events from a position on, and whether these are all; otherwise the first are."""
        found: list[Told] = []
        cursor = EventCursor(position)
        while len(found) < MAX_PENDING:
            batch = await self._services.store.events.after(
                self._project, cursor, _PAGE_SIZE, self._wanted
            )
            found += [(event, _answer(event)) for _, event in batch.events]
            if len(batch.events) < _PAGE_SIZE:
                return found, True
            cursor = batch.events[-1][0]
        return found, False

    def forget(self, tail: EventTail) -> None:
        self._tails.discard(tail)
        if not self._tails:
            if self._task is not None:
                self._task.cancel()
            self._on_end()

    async def _follow(self) -> None:
        while self._tails:
            await asyncio.sleep(POLL_SECONDS)
            for tail in [one for one in self._tails if one.is_left]:
                self.forget(tail)
            now = self.monotonic()
            limit = int(MAX_RATE * (now - self._polled_at)) + 1
            try:
                events = await self._feed.poll(min(limit, MAX_PENDING))
            except StoreUnavailable:
                self._tell_away(True)
                continue
            self._polled_at = now
            self._tell_away(False)
            if events:
                told = [(event, _answer(event)) for event in events]
                for tail in self._tails:
                    tail.put(told, skipped=self._feed.skipped)

    def _tell_away(self, is_away: bool) -> None:
        if is_away is not self.is_away:
            self.is_away = is_away
            for tail in self._tails:
                tail.wake()


@dataclass(frozen=True, slots=True)
class EventTails:
    """The tails of a process."""

    _followers: dict[tuple[UUID, EventFilter], _Follower] = field(default_factory=dict)

    async def listen(
        self,
        services: ServiceContext,
        project: UUID,
        wanted: EventFilter,
        position: int | None = None,
    ) -> EventTail:
        """A tail of a project's events that match a filter.

        Args:
            services: With the store.
            project: The project.
            wanted: The filter.
            position: Where to go on: the `id` of a `ServerSentEvent` of an earlier tail. None: from
                now on.

        Raises:
            RateLimited: there are too many tails already.
            StoreUnavailable: the store cannot be read now.
        """
        counts = [(key[0], one.count) for key, one in self._followers.items()]
        of_project = sum(count for listened, count in counts if listened == project)
        if of_project >= MAX_TAILS_PER_PROJECT or sum(one for _, one in counts) >= MAX_TAILS:
            raise RateLimited(_RETRY_SECONDS, "event_tails")
        key = (project, wanted)
        follower = self._followers.get(key)
        if follower is None:
            made = follower = _Follower(services, *key, lambda: self._forget(key, made))
            self._followers[key] = follower
        return await follower.listen(position)

    def _forget(self, key: tuple[UUID, EventFilter], follower: _Follower) -> None:
        if self._followers.get(key) is follower:
            del self._followers[key]


def _answer(event: Event) -> bytes:
    return _encode(show_event(event))
