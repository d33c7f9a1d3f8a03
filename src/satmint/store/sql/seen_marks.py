"""Seen marks: evidence that a head is in use, kept in memory until it is in the database.

The caller of `add` never waits. A background task writes the marks in batches. A mark whose row
another transaction has locked, or whose batch failed, is written again later, with back-off, until
it is durable or has no meaning any more. Until then, `of` tells the decisions of this
process about it.

Memory is bounded: a session has at most one mark, that of its newest generation, and there are at
most `MAX_PENDING`. Beyond that, the oldest marks are dropped, because they matter least: after
`replay_seconds`, a spent token is refused with and without them. Whatever is lost is logged.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from msgspec.structs import replace

from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import RefreshTokenRef, SessionState, is_concurrent

MAX_PENDING: Final = 50_000
"""About 20 MB."""
FLUSH_SECONDS: Final = 3.0
"""How long `close` tries to write what is left."""
_BATCH_SIZE: Final = 512
_MIN_RETRY_SECONDS: Final = 0.05
_MAX_RETRY_SECONDS: Final = 1.0
_LOG_INTERVAL_SECONDS: Final = 60.0

Key = tuple[UUID, UUID]
"""Project and session."""


class SeenMark(NamedTuple):
    """A SAT of this generation, the session's head at that time, was accepted."""

    project: UUID
    session: UUID
    generation: int
    first_at: int | None
    """Unix seconds of its first acceptance; None: the time of the database at the write."""
    last_at: int | None
    """Likewise, of its last one."""


Write = Callable[[Sequence[SeenMark]], Awaitable[Sequence[bool]]]
"""Writes marks; for each, in order, whether it is settled: durable, or without meaning because the
session has a newer head or does not exist. The others could not be written because of a lock."""


def with_evidence(state: SessionState, mark: SeenMark | None) -> SessionState:
    """The state of a session, with what its pending mark tells."""
    if mark is None or mark.generation < state.head.generation:
        return state
    is_late = any(
        at is not None and not is_concurrent(state.age(at)) for at in (mark.first_at, mark.last_at)
    )
    return replace(state, seen=True, seen_late=state.seen_late or is_late)


class SeenMarks:
    """The marks of one store that are not durable yet. Bound to one event loop."""

    def __init__(self, write: Write, max_pending: int = MAX_PENDING) -> None:
        self._write = write
        self._max_pending = max_pending
        self._pending: dict[Key, SeenMark] = {}
        """By session, in order of age."""
        self._due: dict[Key, None] = {}
        """What the next batches write, in order; the rest of `_pending` waits for its retry."""
        self._retry_at, self._delay = math.inf, _MIN_RETRY_SECONDS
        self._changed, self._closed = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._log_dropped_at = 0.0
        self._dropped = 0
        self._failing = False
        self._log = structlog.get_logger("satmint.store")

    def __len__(self) -> int:
        """How many marks are not durable yet."""
        return len(self._pending)

    def add(self, ref: RefreshTokenRef, at: int | None) -> None:
        """Keep the mark of this generation until it is written. Returns at once, never fails.

        Args:
            ref: The contents of the SAT.
            at: See `SeenMark`.
        """
        key = ref.project, ref.session
        known = self._pending.get(key)
        if self._closed.is_set() or (known is not None and known.generation > ref.generation):
            return
        if known is not None and known.generation == ref.generation:
            self._pending[key] = known._replace(last_at=at)
            return
        self._pending.pop(key, None)
        self._pending[key] = SeenMark(*key, ref.generation, at, at)
        self._due[key] = None
        if len(self._pending) > self._max_pending:
            self._drop_oldest()
        self._changed.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    def of(self, project: UUID, session: UUID) -> SeenMark | None:
        """The session's pending mark."""
        return self._pending.get((project, session))

    async def drained(self) -> None:
        """Wait until every mark is settled."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Try to write all marks for at most `seconds`; log how many are lost. Accepts no more."""
        self._closed.set()
        self._changed.set()
        self._retry_at, self._delay = 0.0, _MIN_RETRY_SECONDS
        task = self._task
        if task is not None:
            await asyncio.wait([task], timeout=seconds)
            task.cancel()
            await asyncio.wait([task])
        lost = len(self._pending) + self._dropped
        if lost:
            self._log.warning("seen_marks_lost", count=lost, reason="stopped")
        self._pending.clear()
        self._dropped = 0

    def _drop_oldest(self) -> None:
        oldest = next(iter(self._pending))
        del self._pending[oldest]
        self._due.pop(oldest, None)
        self._dropped += 1
        if self._loop.time() >= self._log_dropped_at:
            self._log_dropped_at = self._loop.time() + _LOG_INTERVAL_SECONDS
            self._log.warning("seen_marks_lost", count=self._dropped, reason="too_many")
            self._dropped = 0

    async def _run(self) -> None:
        try:
            while self._pending:
                if not self._due:
                    await self._wait(self._changed, self._retry_at - self._loop.time())
                self._changed.clear()
                if self._loop.time() >= self._retry_at:
                    self._retry_at = math.inf
                    self._due = dict.fromkeys(self._pending)
                if self._due:
                    await self._write_batch()
        finally:
            self._task = None
            self._retry_at, self._delay = math.inf, _MIN_RETRY_SECONDS

    async def _write_batch(self) -> None:
        """Write the first marks that are due; those that cannot be written are due later."""
        keys = list(islice(self._due, _BATCH_SIZE))
        marks = [self._pending[key] for key in keys]
        for key in keys:
            del self._due[key]
        try:
            settled = await self._write(marks)
        except Exception as error:  # noqa: BLE001 - not even a bug may end the task
            self._note_failure(error)
            self._retry_later()
            await self._wait(self._closed, self._delay)
            return
        if self._failing:
            self._failing = False
            self._log.info("seen_marks_resumed", count=len(self._pending))
        for mark, is_settled in zip(marks, settled, strict=True):
            key = mark.project, mark.session
            if not is_settled or key not in self._pending:
                continue
            if self._pending[key] == mark:
                del self._pending[key]
                self._due.pop(key, None)
            else:
                self._due[key] = None  # it was seen again meanwhile
        if not all(settled):
            self._retry_later()

    def _retry_later(self) -> None:
        if self._retry_at == math.inf:
            self._retry_at = self._loop.time() + self._delay
            longest = _MIN_RETRY_SECONDS if self._closed.is_set() else _MAX_RETRY_SECONDS
            self._delay = min(2 * self._delay, longest)

    def _note_failure(self, error: Exception) -> None:
        """Log the first failure of several in a row."""
        if not self._failing:
            cause = error.cause if isinstance(error, StoreUnavailable) else type(error).__name__
            self._log.warning("seen_marks_delayed", cause=cause, count=len(self._pending))
        self._failing = True

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for `event`, but not for long while `close` waits for the marks."""
        if self._closed.is_set():
            await asyncio.sleep(_MIN_RETRY_SECONDS)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await event.wait()
