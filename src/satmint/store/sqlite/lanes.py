"""Two connections: one writes, one reads; and a thread each for what may take its time.

A batch of writes is one transaction: one `BEGIN IMMEDIATE`, one `COMMIT`, one `fsync`. Its
statements take microseconds and run where the event loop runs: handing them to a thread costs more
than doing them, because every statement would pass the interpreter's lock to and fro. What can
take long runs on the lane's thread: making it durable, waiting for a lock that another process
holds, steps over many rows, and all reading of lists.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from satmint.model.refusals import StoreUnavailable
from satmint.store.group_commit import GroupCommit, Outcomes
from satmint.store.sqlite.connection import BUSY_SECONDS, is_busy, is_trouble, trouble

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Done = Callable[[Outcomes[Any]], None]


class Step(msgspec.Struct, frozen=True):
    """One caller's part of a batch."""

    work: Work[Any]
    may_refuse: bool = False
    """Whether it can raise after it has written: then it runs in a savepoint of its own."""
    slow: bool = False
    """Whether it may touch many rows."""


class Lane:
    """A connection, fed in batches, and its thread. Reads: each sees all that was committed."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._gather = GroupCommit[Step, Any](self._run, observe=observe)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, work: Work[T], *, may_refuse: bool = False, slow: bool = False
    ) -> asyncio.Future[T]:
        """Have `work` done with the connection, as part of a batch.

        Raises:
            StoreUnavailable: the store was closed, or too much waits already.
        """
        if self._closed:
            raise StoreUnavailable("store_closed")
        return cast("asyncio.Future[T]", self._gather.submit(Step(work, may_refuse, slow)))

    async def close(self) -> None:
        """Finish what was submitted, then close the connection."""
        if self._closed:
            return
        self._closed = True
        await self._gather.drained()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _run(self, steps: Sequence[Step], done: Done) -> None:
        self._on_thread(lambda: [_attempt(self._connection, step.work) for step in steps], done)

    def _on_thread(self, job: Callable[[], Outcomes[Any]], done: Done) -> None:
        self._jobs.put(lambda: self._post(done, job()))

    def _post(self, done: Done, outcomes: Outcomes[Any]) -> None:
        self._loop.call_soon_threadsafe(done, outcomes)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class Readers:
    """Two lanes for reading: lists take their time, and nobody who shows a token waits for them."""

    def __init__(self, looking: Lane, listing: Lane) -> None:
        self._looking = looking
        self._listing = listing

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Have `work` done that reads a few rows by their keys; see `Lane.submit`."""
        return self._looking.submit(work)

    def browse(self, work: Work[T]) -> asyncio.Future[T]:
        """The same for work that may read many."""
        return self._listing.submit(work)

    async def close(self) -> None:
        """Finish what was begun, then close both connections."""
        await self._looking.close()
        await self._listing.close()


class WritingLane(Lane):
    """The connection that writes. Its busy timeout is 0: only its thread waits for locks."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        observe: Callable[[int], None],
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        connection.execute("PRAGMA busy_timeout = 0")
        self._busy_milliseconds = int(busy_seconds * 1000)
        super().__init__(connection, name, observe)

    def _run(self, steps: Sequence[Step], done: Done) -> None:
        if any(step.slow for step in steps):
            self._on_thread(lambda: self._patiently(steps), done)
            return
        try:
            outcomes = stage(self._connection, steps)
        except sqlite3.Error as error:
            if is_busy(error):
                self._on_thread(lambda: self._patiently(steps), done)
            else:
                self._loop.call_soon(done, _all_failed(error, steps))
            return
        self._on_thread(lambda: commit(self._connection, outcomes), done)

    def _patiently(self, steps: Sequence[Step]) -> Outcomes[Any]:
        """The whole batch, waiting for the lock if another process has it."""
        self._connection.execute(f"PRAGMA busy_timeout = {self._busy_milliseconds}")
        try:
            return commit(self._connection, stage(self._connection, steps))
        except sqlite3.Error as error:
            return _all_failed(error, steps)
        finally:
            self._connection.execute("PRAGMA busy_timeout = 0")


class _Broken(Exception):
    """One step of a batch has a bug."""

    def __init__(self, at: int, error: Exception) -> None:
        super().__init__(at)
        self.at = at
        self.error = error


def stage(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[Any]:
    """Begin a transaction and run all steps in it; it is left open, to be committed.

    A step that refuses takes only itself back. A step with a bug is left out, and the others are
    run again without it.

    Raises:
        sqlite3.Error: the database is in trouble, and nothing has happened.
    """
    left_out: dict[int, Exception] = {}
    while True:
        try:
            return _stage_without(connection, steps, left_out)
        except _Broken as broken:
            left_out[broken.at] = broken.error


def commit(connection: sqlite3.Connection, outcomes: Sequence[Any]) -> Outcomes[Any]:
    """Make a staged batch durable; its outcomes, or why there are none."""
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        return _all_failed(error, outcomes)
    return outcomes


def _stage_without(
    connection: sqlite3.Connection, steps: Sequence[Step], left_out: Mapping[int, Exception]
) -> list[Any]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        return [
            left_out[at] if at in left_out else _write(connection, step, at)
            for at, step in enumerate(steps)
        ]
    except BaseException:
        _roll_back(connection)
        raise


def _write(connection: sqlite3.Connection, step: Step, at: int) -> object:
    try:
        if not step.may_refuse:
            return step.work(connection)
        connection.execute("SAVEPOINT step")
        try:
            result: object = step.work(connection)
        except sqlite3.Error:
            raise
        except Exception as refusal:  # noqa: BLE001 - it belongs to this step's caller
            connection.execute("ROLLBACK TO step")
            result = refusal
        connection.execute("RELEASE step")
    except Exception as error:
        if isinstance(error, sqlite3.Error) and is_trouble(error):
            raise
        raise _Broken(at, error) from error
    return result


def _attempt(connection: sqlite3.Connection, work: Work[T]) -> T | Exception:
    try:
        return work(connection)
    except sqlite3.Error as error:
        return trouble(error)
    except Exception as error:  # noqa: BLE001 - it belongs to this step's caller
        return error


def _all_failed(error: sqlite3.Error, steps: Sequence[object]) -> list[Exception]:
    return [trouble(error)] * len(steps)


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that failed; SQLite may have ended it by itself already."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):  # on a dead disk; the log undoes it on opening
            connection.execute("ROLLBACK")
