"""Waiting for locks that other transactions hold, without occupying connections.

A row may be locked by somebody whom nobody can hurry: an operator's open transaction, a server that
has stopped. A step that needs such a row tries, pauses and tries again until its time is over. In
the pauses it has no connection, so that other steps do not wait for the same lock. A caller that
is cancelled in a pause has changed nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar
from uuid import UUID

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import RequestRepeated
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.connection_pool import ConnectionPool, Work
from satmint.store.postgres.driver_errors import LOCK_NOT_AVAILABLE
from satmint.store.postgres.transactions import transaction_of

T = TypeVar("T")

MAX_FOR_SESSION: Final = 50
MAX_FOR_PROJECT: Final = 500
MAX_IN_TOTAL: Final = 2000
_MIN_PAUSE_SECONDS: Final = 0.005
_MAX_PAUSE_SECONDS: Final = 0.2
_MAX_SESSION_PAUSE_SECONDS: Final = 0.05
"""Shorter, because only one step of a session is tried at a time."""
_RESERVED_CONNECTIONS: Final = 2
"""Connections of a pool that only batches and lookups use."""
_NIL: Final = UUID(int=0)


class LockWaits:
    """The steps that wait for a lock: few for each session and project, bounded in total."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._by_project: Counter[UUID] = Counter()
        self._by_session: Counter[tuple[UUID, UUID]] = Counter()
        self._queues: dict[tuple[UUID, UUID], asyncio.Lock] = {}
        """By session: its steps are tried in the order in which they arrived."""

    def __len__(self) -> int:
        """How many steps wait now."""
        return self._by_project.total()

    async def repeat(
        self, project: UUID, session: UUID | None, attempt: Callable[[], Awaitable[T | None]]
    ) -> T:
        """Repeat `attempt` after growing pauses until it returns a value.

        Args:
            project: The project of the step.
            session: The session whose row is locked, if it is known.
            attempt: Returns None if the lock is still held. It must not wait for the lock.

        Raises:
            StoreUnavailable: the lock was held for too long, or too many steps wait already.
        """
        time = asyncio.get_running_loop().time
        end, pause = time() + self._seconds, _MIN_PAUSE_SECONDS
        longest = _MAX_PAUSE_SECONDS if session is None else _MAX_SESSION_PAUSE_SECONDS
        with self._counted(project, session):
            queue = asyncio.Lock()
            if session is not None:
                queue = self._queues.setdefault((project, session), queue)
            try:
                async with asyncio.timeout(self._seconds):
                    await queue.acquire()
            except TimeoutError as error:
                raise StoreUnavailable(LOCK_NOT_AVAILABLE) from error
            try:
                while time() < end:
                    await asyncio.sleep(min(pause, max(end - time(), 0)))
                    pause = min(2 * pause, longest)
                    result = await attempt()
                    if result is not None:
                        return result
            finally:
                queue.release()
        raise StoreUnavailable(LOCK_NOT_AVAILABLE)

    def is_waiting(self, project: UUID, session: UUID) -> bool:
        """Whether a step waits for this session, which a later step must not overtake.

        A caller that presented the head's token would be behind the head by then: a reuse.
        """
        return (project, session) in self._queues

    @contextmanager
    def _counted(self, project: UUID, session: UUID | None) -> Iterator[None]:
        key = project, session or _NIL
        if (
            len(self) >= MAX_IN_TOTAL
            or self._by_project[project] >= MAX_FOR_PROJECT
            or (session is not None and self._by_session[key] >= MAX_FOR_SESSION)
        ):
            raise StoreUnavailable("too_many_lock_waits")
        self._by_project[project] += 1
        self._by_session[key] += 1
        try:
            yield
        finally:
            _decrement(self._by_project, project)
            _decrement(self._by_session, key)
            if key not in self._by_session:
                self._queues.pop(key, None)


class _Turn:
    """While steps of a project wait for locks, its transactions run one at a time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


class Transactions:
    """Runs the transactions that are not batches: each has a connection of its own.

    A statement waits for a lock for a moment, on the connection. If that is not enough, the
    transaction is repeated as described above. Meanwhile, the other transactions of its project
    run one at a time, so that those that will meet the same lock do not occupy the connections of
    other projects.
    """

    def __init__(self, connections: ConnectionPool, waits: LockWaits) -> None:
        limits = connections.limits
        self._connections = connections
        self._waits = waits
        self._wait_seconds = limits.wait_seconds
        self._running = asyncio.Semaphore(max(1, limits.connections - _RESERVED_CONNECTIONS))
        self._turns: dict[UUID, _Turn] = {}
        short = limits.short_lock_seconds
        self._begin = {
            (read_committed, repeated): transaction_of(
                limits,
                read_committed=read_committed,
                lock_seconds=short / 5 if repeated else short,
                confirms_reads=True,
            )
            for read_committed in (False, True)
            for repeated in (False, True)
        }

    async def run(self, work: Work[T], *, project: UUID | None, read_committed: bool = False) -> T:
        """Run `work` in one transaction, durable on return.

        The work runs again from its beginning if the database rolled it back because of a
        concurrent transaction, or if it met a lock. Cancelling the waiting caller does not cancel
        a transaction that is running.

        Args:
            work: The statements.
            project: Whose rows they change; None: of no project, or of several.
            read_committed: Whether the transaction is READ COMMITTED whatever the default level
                is, as a revocation must be: it waits for the holder of a row, then reads the
                newest version, and is not starved by new sessions. Concurrent transactions of a
                stricter level detect the conflict.

        Raises:
            StoreUnavailable: the work failed, or its outcome is unknown.
        """
        project = project or _NIL
        first = await self._attempt(work, project, read_committed, repeated=False)
        if first is not None:
            return first[0]
        turn = self._turns.setdefault(project, _Turn())
        turn.waiting += 1
        try:
            done = await self._waits.repeat(
                project, None, lambda: self._attempt(work, project, read_committed, repeated=True)
            )
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[project]
        return done[0]

    async def _attempt(
        self, work: Work[T], project: UUID, read_committed: bool, *, repeated: bool
    ) -> tuple[T] | None:
        """The result of the transaction; None if it met a lock."""
        begin = self._begin[read_committed, repeated]
        while True:
            turn = self._turns.get(project)
            async with (
                self._acquired(None if turn is None else turn.lock),
                self._acquired(self._running),
            ):
                if self._turns.get(project) is not turn:
                    continue  # others have met a lock meanwhile, or do not wait any more
                try:
                    return (await self._connections.run(work, begin, writes=True),)
                except RequestRepeated:
                    # It was rolled back, so nothing has waited for the earlier request's commit.
                    await self._connections.run(_nothing, begin, writes=True)
                    raise
                except StoreUnavailable as error:
                    if error.cause != LOCK_NOT_AVAILABLE:
                        raise
                    return None

    @asynccontextmanager
    async def _acquired(self, lock: asyncio.Lock | asyncio.Semaphore | None) -> AsyncIterator[None]:
        if lock is None:
            yield
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await lock.acquire()
        except TimeoutError as error:
            raise StoreUnavailable("database_busy") from error
        try:
            yield
        finally:
            lock.release()


async def _nothing(_connection: Connection) -> None:
    """A transaction without statements."""


def _decrement(counts: Counter[T], key: T) -> None:
    """Subtract one; an entry at zero is removed."""
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
