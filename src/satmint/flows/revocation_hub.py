"""The feed of revocations: what ends tokens, told to every listener of this process.

One poll of the store serves all listeners and the gateway. A listener gets everything that is
committed from its start on, or from its cursor on: some of it twice, nothing never. It is told the
time only while polls succeed, so that a client of a node without a database hears nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from satmint.flows.revocation_cursor import Cursor, context_of, parse_cursor
from satmint.flows.revocation_listener import (
    MAX_PENDING,
    FeedBatch,
    FeedState,
    RevocationListener,
)
from satmint.flows.service_context import ServiceContext
from satmint.model.events import Event, EventCursor
from satmint.model.refusals import RateLimited, StoreUnavailable
from satmint.model.revocations import EPOCH_EVENTS, Revocation, RevokedKind, revocation_of

MAX_LISTENERS: Final = 1000
"""Listeners of one process."""
MAX_LISTENERS_PER_PROJECT: Final = 100
READY_SECONDS: Final = 3.5
"""How long a new listener waits for a poll."""
_FRESH_SECONDS: Final = 1.0
"""The age of a poll at which it is no longer evidence that nothing has happened."""
_PAGE_SIZE: Final = 1000
_CATCHING_UP: Final = 4
"""Listeners that catch up at the same time."""
_MAX_EPOCHS: Final = 100
"""Epochs that are looked up for one poll."""
_KEY_REPEAT_SECONDS: Final = 5.0
_KEY_REPEATED_SECONDS: Final = 60.0
"""A removed key is told again for so long: other nodes read their keyring files later."""


class RevocationHub:
    """The listeners of this process; see the module."""

    def __init__(
        self, services: ServiceContext, incarnation: UUID, monotonic: Callable[[], float]
    ) -> None:
        """Prepare. The task that polls the store calls `publish`.

        Args:
            services: The services of this process.
            incarnation: The incarnation of the database.
            monotonic: A monotonic clock, in seconds.
        """
        self.monotonic = monotonic
        self.outcomes: Counter[str] = Counter()
        """How feeds began, by `FeedState`, and how many listeners were cut off."""
        self._cuts: Counter[tuple[UUID, UUID]] = Counter()
        """How many listeners were cut off, by project and API token."""
        self._services = services
        self._incarnation = incarnation
        self._listeners: dict[UUID, set[RevocationListener]] = {}
        self._count = 0
        self._begin: int | None = None
        """Everything below this position was published. None: nothing polls."""
        self._polled_at = 0.0
        self._ready = asyncio.Event()
        self._catching_up = asyncio.Semaphore(_CATCHING_UP)
        self._keys = self._key_ids()
        self._removed_keys: dict[str, tuple[float, float]] = {}
        """Until when each is told, and when next, by the monotonic clock."""
        self._log = structlog.get_logger("satmint.revocations")

    # For the task that polls

    @property
    def wanted(self) -> bool:
        """Whether anybody listens, so that polls are needed."""
        return self._count > 0

    def suspend(self) -> None:
        """Nothing polls any more, until the next `publish`."""
        self._begin = None
        self._ready.clear()

    async def publish(self, events: Sequence[Event], begin: int, began_at: float) -> None:
        """Tell listeners of the events that a poll has found.

        Args:
            events: The new events.
            begin: The position below which nothing new can appear.
            began_at: When the poll began, by the monotonic clock.
        """
        concerned = [event for event in events if event.project in self._listeners]
        try:
            epochs = await self._epochs(concerned)
        except BaseException:
            # The poll does not return these events again: listeners get them by their cursors.
            for listener in self.listeners:
                self._cut(listener)
            raise
        # From here on nothing waits: a listener has all that its cursor says it has.
        found: dict[UUID, list[Revocation]] = {}
        for event in concerned:
            revocation = revocation_of(event, epochs.get(event.subscriber or event.project))
            found.setdefault(event.project, []).append(revocation)
        removed = self._removed()
        self._begin, self._polled_at = begin, began_at
        for project, listeners in tuple(self._listeners.items()):
            told = (*found.get(project, ()), *removed)
            if told:
                batch = FeedBatch(told, self.cursor(project))
                for listener in tuple(listeners):
                    self._put(listener, batch)
        self._ready.set()

    # For listeners

    @property
    def listeners(self) -> Sequence[RevocationListener]:
        """All listeners."""
        return [one for listeners in self._listeners.values() for one in listeners]

    @property
    def is_fresh(self) -> bool:
        """Whether a poll has succeeded so recently that it is evidence."""
        return self._begin is not None and self.lag_seconds <= _FRESH_SECONDS

    @property
    def read_seconds(self) -> float | None:
        """Seconds since the beginning of the last successful poll; None if nothing polls."""
        return None if self._begin is None else max(self.monotonic() - self._polled_at, 0.0)

    @property
    def lag_seconds(self) -> float:
        """Seconds since the beginning of the last successful poll; 0 if nobody listens."""
        return (self.read_seconds or 0.0) if self.wanted else 0.0

    @property
    def behind_seconds(self) -> float:
        """How long the oldest revocation has waited that a listener was not sent yet."""
        return max((one.behind_seconds for one in self.listeners), default=0.0)

    def cuts_of(self, project: UUID, api_token: UUID) -> int:
        """How often listeners with an API token were cut off, as far as it is remembered."""
        return self._cuts[project, api_token]

    def cursor(self, project: UUID) -> str:
        """The cursor of a listener of `project` that was told everything so far."""
        context = context_of(self._incarnation, project, self._keys)
        return Cursor(context, self._services.clock.now(), self._begin or 0).encode()

    async def listen(
        self, project: UUID, api_token: UUID, cursor: str | None, address: str | None = None
    ) -> RevocationListener:
        """Begin to listen. The first batch tells how the feed begins.

        Args:
            project: The project of the caller.
            api_token: The API token of the caller.
            cursor: Where the client was before; None: nowhere.
            address: The IP address of the client, for operators.

        Raises:
            RateLimited: there are too many listeners already.
            StoreUnavailable: the store cannot be read now.
        """
        of_project = self._listeners.get(project, set())
        if self._count >= MAX_LISTENERS or len(of_project) >= MAX_LISTENERS_PER_PROJECT:
            raise RateLimited(10, "revocation_listeners")
        now = self._services.clock.now()
        listener = RevocationListener(self, project, api_token, address)
        self._listeners.setdefault(project, set()).add(listener)
        self._count += 1
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready.wait()
            await self._begin_feed(listener, cursor, now)
        except TimeoutError as error:
            listener.close()
            raise StoreUnavailable("revocations_not_polled") from error
        except BaseException:
            listener.close()
            raise
        return listener

    def forget(self, listener: RevocationListener) -> None:
        """Remove a listener, if it is still there."""
        listeners = self._listeners.get(listener.project, set())
        if listener in listeners:
            listeners.remove(listener)
            self._count -= 1
            if not listeners:
                del self._listeners[listener.project]

    # Inside

    async def _begin_feed(self, listener: RevocationListener, text: str | None, now: int) -> None:
        """Put the first batch before all others."""
        cursor = None if text is None else parse_cursor(text)
        state, missed = FeedState.START if text is None else FeedState.RESET, None
        # Of this moment: what is committed later is published to the listener, which is known.
        current = self.cursor(listener.project)
        context = context_of(self._incarnation, listener.project, self._keys)
        if cursor is not None and cursor.is_good(context, now):
            async with self._catching_up:
                missed = await self._missed(listener.project, cursor.position)
        if missed is not None:
            state = FeedState.RESUMED
        self.outcomes[state] += 1
        listener.put_first(FeedBatch(missed or (), current, state))

    async def _missed(self, project: UUID, position: int) -> Sequence[Revocation] | None:
        """What has ended from a position on. None: too much, or the database is behind it."""
        events: list[Event] = []
        cursor = EventCursor(position)
        while True:
            batch = await self._services.store.events.revocations_of(project, cursor, _PAGE_SIZE)
            if position > batch.newest:
                return None
            events += [event for _, event in batch.events]
            if len(events) > MAX_PENDING:
                return None
            if len(batch.events) < _PAGE_SIZE:
                break
            cursor = batch.events[-1][0]
        epochs = await self._epochs(events)
        return [revocation_of(one, epochs.get(one.subscriber or one.project)) for one in events]

    async def _epochs(self, events: Sequence[Event]) -> dict[UUID, int]:
        """The epochs that subscribers and projects have now: those of the events, or later ones.

        One that is not known is left out. Then all answers are forgotten.
        """
        raised = {
            (event.project, event.subscriber) for event in events if event.kind in EPOCH_EVENTS
        }
        if not raised or len(raised) > _MAX_EPOCHS:
            return {}
        store = self._services.store
        found: dict[UUID, int] = {}
        try:
            for project, subscriber in raised:
                if subscriber is None:
                    epoch = await store.projects.epoch(project)
                else:
                    known = await store.subscribers.get(project, subscriber)
                    epoch = None if known is None else known.epoch
                if epoch is not None:
                    found[subscriber or project] = epoch
        except StoreUnavailable:
            return {}
        return found

    def _put(self, listener: RevocationListener, batch: FeedBatch) -> None:
        if not listener.put(batch):
            self._cut(listener)

    def _cut(self, listener: RevocationListener) -> None:
        """Have a client connect again, with its cursor."""
        listener.cut()
        self.forget(listener)
        self.outcomes["cut"] += 1
        self._cuts[listener.project, listener.api_token] += 1
        if len(self._cuts) > MAX_LISTENERS:
            del self._cuts[next(iter(self._cuts))]
        self._log.info("revocation_listener_cut", project=str(listener.project))

    def _key_ids(self) -> frozenset[str]:
        return frozenset(key.id for key in self._services.cipher.keyring.keys)

    def _removed(self) -> Sequence[Revocation]:
        """The master keys that have left the keyring lately, as often as they are told."""
        keys, now = self._key_ids(), self.monotonic()
        for key in self._keys - keys:
            self._removed_keys[key] = now + _KEY_REPEATED_SECONDS, now
        self._keys = keys
        told = []
        for key, (until, following) in tuple(self._removed_keys.items()):
            if key in keys or until < now:
                del self._removed_keys[key]
            elif following <= now:
                self._removed_keys[key] = until, now + _KEY_REPEAT_SECONDS
                told.append(key)
        at = self._services.clock.now()
        return [Revocation(RevokedKind.KEY, f"key:{key}", at) for key in told]
