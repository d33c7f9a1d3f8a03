"""Connections for writing and reading, each with a thread for slow work.

A batch of writes is one transaction: one `BEGIN IMMEDIATE`, one `COMMIT`, one `fsync`. Its
statements take microseconds and run on the event loop's thread: a hand-over to another thread
costs more than the statements, because each of them would pass the interpreter lock back and forth.
So do reads of a few rows by key, which most requests begin with. Slow work runs on the worker's
thread: the commit, waiting for a lock that another process holds, steps over many rows, and lists.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import msgspec

from satmint.model.refusals import StoreUnavailable
from satmint.store.group_commit import GroupCommit, Outcomes
from satmint.store.sql.write_guard import WriteGuard
from satmint.store.sqlite.database_file import DatabaseFile
from satmint.store.sqlite.driver_errors import is_busy, is_unavailable, map_driver_error
from satmint.store.sqlite.events import BEGIN_POSITION

_MIN_BUSY_SHARE: Final = 0.05
"""The share of the busy timeout that a batch has at least, however long its steps have waited."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Done = Callable[[Outcomes[Any]], None]


class Step(msgspec.Struct, frozen=True):
    """One caller's part of a batch."""

    work: Work[Any]
    may_raise: bool
    """Whether it may raise after a write: then it runs in its own savepoint."""
    slow: bool
    """Whether it may touch many rows."""
    submitted_at: float
    """The event loop's time."""


class ConnectionWorker:
    """A connection with its thread; runs batches of reads, each of which sees every commit."""

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
        self, work: Work[T], *, may_raise: bool = False, slow: bool = False
    ) -> asyncio.Future[T]:
        """Run `work` on the connection as part of a batch.

        Raises:
            StoreUnavailable: the store was closed, or too many steps are waiting.
        """
        if self._closed:
            raise StoreUnavailable("store_closed")
        step = Step(work, may_raise, slow, self._loop.time())
        return cast("asyncio.Future[T]", self._gather.submit(step))

    async def close(self) -> None:
        """Finish all submitted steps, then close the connection."""
        if self._closed:
            return
        self._closed = True
        await self._gather.drained()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _run(self, steps: Sequence[Step], done: Done) -> None:
        self._on_thread(lambda: [_outcome_of(self._connection, step.work) for step in steps], done)

    def _on_thread(self, job: Callable[[], Outcomes[Any]], done: Done) -> None:
        self._jobs.put(lambda: self._post(done, job()))

    def _post(self, done: Done, outcomes: Outcomes[Any]) -> None:
        self._loop.call_soon_threadsafe(done, outcomes)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class ReaderPool:
    """The reading connections: for look-ups, for a few rows, and for lists, which may take long."""

    def __init__(
        self,
        lookup_connection: sqlite3.Connection,
        lookup_worker: ConnectionWorker,
        list_worker: ConnectionWorker,
    ) -> None:
        lookup_connection.execute("PRAGMA busy_timeout = 0")
        self._lookup_connection = lookup_connection
        self._lookup_worker = lookup_worker
        self._list_worker = list_worker
        self._closed = False

    async def lookup(self, work: Work[T]) -> T:
        """Run `work` that reads rows by a key, at once. It sees every commit.

        Only where another process holds the whole file, as after a crash, it waits on a thread.

        Raises:
            StoreUnavailable: the store was closed, or the database failed.
        """
        if self._closed:
            raise StoreUnavailable("store_closed")
        try:
            return work(self._lookup_connection)
        except sqlite3.Error as error:
            if not is_busy(error):
                raise map_driver_error(error) from error
        return await self._lookup_worker.submit(work)

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Run `work` that reads a few rows; see `ConnectionWorker.submit`."""
        return self._lookup_worker.submit(work)

    def submit_list(self, work: Work[T]) -> asyncio.Future[T]:
        """Run `work` that may read many rows; see `ConnectionWorker.submit`."""
        return self._list_worker.submit(work)

    async def close(self) -> None:
        """Finish all submitted steps, then close the connections."""
        self._closed = True
        self._lookup_connection.close()
        await self._lookup_worker.close()
        await self._list_worker.close()


class WriterWorker(ConnectionWorker):
    """The writing connection. Its busy timeout is 0: only its thread waits for locks."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        observe: Callable[[int], None],
        busy_seconds: float,
        guard: WriteGuard,
        file: DatabaseFile,
    ) -> None:
        connection.execute("PRAGMA busy_timeout = 0")
        self._guard = guard
        self._file = file
        self._busy_seconds = busy_seconds
        super().__init__(connection, name, observe)

    def submit(
        self, work: Work[T], *, may_raise: bool = False, slow: bool = False
    ) -> asyncio.Future[T]:
        """See `ConnectionWorker.submit`. Refused while the database is unsuitable."""
        self._guard.check()
        return super().submit(work, may_raise=may_raise, slow=slow)

    def _run(self, steps: Sequence[Step], done: Done) -> None:
        # A step that waited in the queue for an earlier batch has waited for the same lock.
        waited = self._loop.time() - steps[0].submitted_at
        busy_seconds = max(self._busy_seconds - waited, self._busy_seconds * _MIN_BUSY_SHARE)
        if any(step.slow for step in steps):
            self._on_thread(lambda: self._run_blocking(steps, busy_seconds), done)
            return
        try:
            outcomes = execute_steps(self._connection, steps)
        except sqlite3.Error as error:
            if is_busy(error):
                self._on_thread(lambda: self._run_blocking(steps, busy_seconds), done)
            else:
                self._loop.call_soon(done, _all_failed(error, steps))
            return
        self._on_thread(lambda: self._commit(outcomes), done)

    def _run_blocking(self, steps: Sequence[Step], busy_seconds: float) -> Outcomes[Any]:
        """Run and commit the batch; waits for the lock if another process holds it."""
        self._connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        try:
            return self._commit(execute_steps(self._connection, steps))
        except sqlite3.Error as error:
            return _all_failed(error, steps)
        finally:
            self._connection.execute("PRAGMA busy_timeout = 0")

    def _commit(self, outcomes: Sequence[Any]) -> Outcomes[Any]:
        """Commit an executed batch, unless its file is not the database any more."""
        committed = commit(self._connection, outcomes)
        try:
            self._file.check()
        except StoreUnavailable as replaced:
            return [replaced] * len(outcomes)
        return committed


class _StepFailed(Exception):
    """One step of a batch raised an unexpected error."""

    def __init__(self, at: int, error: Exception) -> None:
        super().__init__(at)
        self.at = at
        self.error = error


def execute_steps(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[Any]:
    """Begin a transaction and run all steps in it; the caller commits it.

    A step that raises a refusal rolls only itself back. A step that raises an unexpected error is
    excluded, and the others run again without it.

    Raises:
        sqlite3.Error: the database failed; nothing was changed.
    """
    excluded: dict[int, Exception] = {}
    while True:
        try:
            return _execute_steps_except(connection, steps, excluded)
        except _StepFailed as failed:
            excluded[failed.at] = failed.error


def commit(connection: sqlite3.Connection, outcomes: Sequence[Any]) -> Outcomes[Any]:
    """Commit an executed batch. Returns its outcomes, or the error for every step."""
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        return _all_failed(error, outcomes)
    return outcomes


def _execute_steps_except(
    connection: sqlite3.Connection, steps: Sequence[Step], excluded: Mapping[int, Exception]
) -> list[Any]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(BEGIN_POSITION)
        return [
            excluded[at] if at in excluded else _run_step(connection, step, at)
            for at, step in enumerate(steps)
        ]
    except BaseException:
        _roll_back(connection)
        raise


def _run_step(connection: sqlite3.Connection, step: Step, at: int) -> object:
    try:
        if not step.may_raise:
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
        if isinstance(error, sqlite3.Error) and is_unavailable(error):
            raise
        raise _StepFailed(at, error) from error
    return result


def _outcome_of(connection: sqlite3.Connection, work: Work[T]) -> T | Exception:
    try:
        return work(connection)
    except sqlite3.Error as error:
        return map_driver_error(error)
    except Exception as error:  # noqa: BLE001 - it belongs to this step's caller
        return error


def _all_failed(error: sqlite3.Error, steps: Sequence[object]) -> list[Exception]:
    return [map_driver_error(error)] * len(steps)


def _roll_back(connection: sqlite3.Connection) -> None:
    """Roll a failed transaction back; SQLite may have done so by itself already."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):  # on a failed disk; the log undoes it on opening
            connection.execute("ROLLBACK")
