"""A bounded pool of connections to the primary, with a time limit on waiting."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.connecting import Connection, PostgresLimits, open_connection
from satmint.store.postgres.distribution import SESSION_SETTINGS
from satmint.store.postgres.driver_errors import (
    is_connection_unusable,
    is_retryable,
    map_driver_error,
)
from satmint.store.postgres.shards import Shards
from satmint.store.postgres.suitability import (
    IS_NODE,
    READ_ONLY,
    ServerState,
    check_connection,
    read_defaults,
)
from satmint.store.postgres.transactions import Begin, transaction_of
from satmint.store.sql.write_guard import WriteGuard

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]

_MAX_ATTEMPTS: Final = 12
_MIN_RETRY_SECONDS: Final = 0.002
_MAX_RETRY_SECONDS: Final = 0.25


class ConnectionPool:
    """A pool of connections that are opened on demand; each serves one step at a time."""

    def __init__(
        self,
        url: DatabaseUrl,
        limits: PostgresLimits,
        on_revocation: Callable[[], None] = lambda: None,
        guard: WriteGuard | None = None,
    ) -> None:
        """Prepare; no connection is opened yet.

        Args:
            url: The database.
            limits: Connections and time limits.
            on_revocation: Called after the commit of a step that recorded an event that may end
                sessions.
            guard: Refuses writes while the database is unsuitable. None: a connection to such a
                database is refused.
        """
        self._guard = guard
        self._generation = 0
        self._url = url
        self._on_revocation = on_revocation
        self._limits = limits
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._running: set[asyncio.Task[Any]] = set()
        self._unreplicated: set[Connection] = set()
        self._begin = transaction_of(limits)
        self._lists = asyncio.Semaphore(max(1, limits.connections // 4))
        self._closed = False
        self._is_distributed: bool | None = None
        self.shards = Shards()

    @property
    def url(self) -> DatabaseUrl:
        """The database."""
        return self._url

    @property
    def limits(self) -> PostgresLimits:
        """The limits of this pool."""
        return self._limits

    @property
    def distributed(self) -> bool | None:
        """Whether the database distributes the tables; None: it was never reached."""
        return self._is_distributed

    async def is_distributed(self) -> bool:
        """Whether the database distributes the tables: see `distribution`.

        Raises:
            StoreUnavailable: it was never reached.
        """
        if self._is_distributed is None:
            async with self.acquire():
                pass
        return bool(self._is_distributed)

    async def transaction(self, work: Work[T]) -> T:
        """Run `work` in one transaction, durable on return.

        Raises:
            StoreUnavailable: see `run`.
        """
        return await self.run(work, self._begin, writes=True)

    async def query(self, work: Work[T]) -> T:
        """Run `work`, a single statement and so its own transaction.

        Raises:
            StoreUnavailable: see `run`.
        """
        return await self.run(work, None)

    async def query_limited(self, work: Work[T]) -> T:
        """As `query`, for work that may read many rows; limited to a quarter of the connections.

        Raises:
            StoreUnavailable: see `run`.
        """
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await self._lists.acquire()
        except TimeoutError as error:
            raise StoreUnavailable("database_busy") from error
        try:
            return await self.query(work)
        finally:
            self._lists.release()

    async def attempt(
        self, work: Work[T], begin: Begin | None = None, *, writes: bool = False
    ) -> T:
        """As `query`, for a caller that is never cancelled.

        Args:
            work: What to run.
            begin: Begins a transaction around it; None if it is one statement or has its own.
            writes: Whether it writes, which is refused while the database is unsuitable.

        Raises:
            StoreUnavailable: see `run`.
        """
        if writes and self._guard is not None:
            self._guard.check()
        if self._limits.pooler and begin is None:
            # Outside of a transaction each message may reach a different server process.
            begin = self._begin
        attempt = server = 0
        while True:
            try:
                async with self.acquire() as connection:
                    server = connection.get_server_pid()
                    connection.has_revoked = False
                    async with contextlib.nullcontext() if begin is None else begin(connection):
                        result = await work(connection)
                    if connection.has_revoked:
                        self._on_revocation()
                    return result
            except Exception as error:
                attempt += 1
                if attempt == _MAX_ATTEMPTS or not is_retryable(error):
                    refusal = map_driver_error(error)
                    if refusal is error:
                        raise
                    raise refusal from error
            await asyncio.sleep(_retry_delay(attempt, server))

    async def run(self, work: Work[T], begin: Begin | None, *, writes: bool = False) -> T:
        """Run `work` as `begin` says, to its end even if the caller is cancelled.

        The work runs again from its beginning if the database rolled it back because of a
        concurrent transaction.

        Raises:
            StoreUnavailable: the work failed, or its outcome is unknown.
        """
        if self._closed:
            raise StoreUnavailable("store_closed")
        task = asyncio.ensure_future(self.attempt(work, begin, writes=writes))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # or asyncio logs what a cancelled caller did not want to know

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection for the duration of the block.

        Raises:
            StoreUnavailable: none became free in time.
        """
        connection = await self._acquire()
        try:
            yield connection
            self._check_replicated(connection)
        except BaseException as error:
            # Nothing of the failed step may leak into the next one.
            if is_connection_unusable(error) or connection.is_in_transaction():
                connection.terminate()
            raise
        finally:
            self._release(connection)

    async def connect(self) -> Connection:
        """Open a connection outside of the pool; the caller closes it.

        Raises:
            StoreUnavailable: no primary can be reached, or it is unsuitable; see `guard`.
        """
        connection = await open_connection(self._url, self._limits)
        try:
            connection.generation = self._generation
            await self._check_suitable(connection)
            self._is_distributed = connection.is_distributed
            if connection.is_distributed and not self._limits.pooler:
                await connection.execute(SESSION_SETTINGS)
            connection.add_log_listener(self._on_log_message)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, Exception):
                raise map_driver_error(error) from error
            raise
        return connection

    def replace_connections(self) -> None:
        """Close all connections that are open now, each as soon as it is free."""
        self._generation += 1
        for connection in (*self._idle,):
            connection.terminate()

    async def state_of_new_connection(self) -> ServerState:
        """What a new connection finds; it is closed again.

        Raises:
            StoreUnavailable: no primary can be reached.
        """
        pooler, allow_no_fsync = self._limits.pooler, self._limits.allow_no_fsync
        connection = await open_connection(self._url, self._limits)
        try:
            async with self._begin(connection) if pooler else contextlib.nullcontext():
                return await read_defaults(connection, allow_no_fsync=allow_no_fsync)
        except Exception as error:
            raise map_driver_error(error) from error
        finally:
            connection.terminate()

    async def _check_suitable(self, connection: Connection) -> None:
        pooler, allow_no_fsync = self._limits.pooler, self._limits.allow_no_fsync
        async with self._begin(connection) if pooler else contextlib.nullcontext():
            state = await check_connection(
                connection, pin=not pooler, allow_no_fsync=allow_no_fsync
            )
        if state.cause in (READ_ONLY, IS_NODE) or (state.cause and self._guard is None):
            raise StoreUnavailable(state.cause)
        if state.cause and self._guard is not None:
            self._guard.cause = state.cause

    async def close(self) -> None:
        """Finish running work, then close all connections."""
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)
        while self._idle:
            connection = self._idle.popleft()
            with contextlib.suppress(Exception):
                await connection.close(timeout=self._limits.connect_seconds)

    async def _acquire(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open >= self._limits.connections:
            waited_for = await self._wait_for_connection()
            if waited_for is not None:
                return waited_for
        else:
            self._open += 1
        try:
            return await self.connect()
        except BaseException:
            self._on_connection_closed()
            raise

    async def _wait_for_connection(self) -> Connection | None:
        """A connection that became free; None is the permission to open one."""
        if len(self._waiting) >= self._limits.max_waiting:
            raise StoreUnavailable("database_queue_full")
        future: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                return await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                # It was handed over just as the wait ended; pass it on.
                self._hand_over(future.result())
            if isinstance(error, TimeoutError):
                raise StoreUnavailable("database_busy") from error
            raise

    def _on_log_message(self, connection: Connection, message: asyncpg.PostgresLogMessage) -> None:
        """Notice a commit that succeeded with a warning.

        The warning says that the wait for the synchronous standby was cancelled: the commit is on
        this machine and possibly on no other (PostgreSQL, section 27.2.8.3). Its text may be in
        any language; no other warning with this code is known to result from our statements.
        """
        if message.severity_en == "WARNING" and message.sqlstate == "01000":
            self._unreplicated.add(connection)

    def _check_replicated(self, connection: Connection) -> None:
        """Reject the last step's success if its commit may not be replicated."""
        if connection in self._unreplicated:
            raise StoreUnavailable("postgres_not_replicated")

    def _release(self, connection: Connection) -> None:
        # A step that failed for another reason did not check this; it must not affect the next one.
        self._unreplicated.discard(connection)
        if connection.generation != self._generation:
            connection.terminate()
        if connection.is_closed():
            self._on_connection_closed()
        else:
            self._hand_over(connection)

    def _on_connection_closed(self) -> None:
        """Count a closed connection; a waiting step may open another."""
        self._open -= 1
        if any(not future.done() for future in self._waiting):
            self._open += 1
            self._hand_over(None)

    def _hand_over(self, connection: Connection | None) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._idle.append(connection)


def _retry_delay(attempt: int, server: int) -> float:
    """Exponential back-off in seconds, with jitter from the server's process id.

    No random number is needed: transactions that conflict have different server processes.
    """
    longest = min(_MAX_RETRY_SECONDS, _MIN_RETRY_SECONDS * 2**attempt)
    spread = (server * 2_654_435_761 + attempt * 40_503) % 65_536 / 65_536
    return float(longest * (0.25 + 0.75 * spread))
