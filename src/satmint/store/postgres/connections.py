"""Connections to the primary: so many at the most, and nobody waits for one for ever."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import asyncpg

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.trouble import is_beyond_use, may_be_repeated, trouble

T = TypeVar("T")
Connection = Any
"""An `asyncpg.Connection`: the driver carries no types of its own."""

Work = Callable[[Connection], Awaitable[T]]

Begin = Callable[[Connection], AbstractAsyncContextManager[Any]]

_ATTEMPTS: Final = 12
_FIRST_REST_SECONDS: Final = 0.002
_LONGEST_REST_SECONDS: Final = 0.25
_ISOLATIONS: Final = frozenset({"read committed", "read uncommitted", "serializable"})

# What a decision relies on. «repeatable read» would let a session that is being opened slip past a
# revocation of its subscriber: it has neither the fresh looks of the one nor the other's checks.
_SELF: Final = """
SELECT current_setting('default_transaction_isolation') AS isolation,
       current_setting('synchronous_commit') AS durability,
       pg_is_in_recovery() AS is_replica
"""


@dataclass(frozen=True, slots=True)
class PostgresLimits:
    """How much is asked of the database, and for how long."""

    connections: int = 8
    """At the most, for each server process."""
    connect_seconds: float = 5.0
    wait_seconds: float = 5.0
    """How long a step waits for a connection to become free."""
    lock_seconds: float = 4.0
    """How long a statement waits for a lock."""
    statement_seconds: float = 10.0
    """How long a statement may take."""
    most_waiting: int = 10_000
    """Steps that may wait for a connection; past that, new ones are turned away at once."""
    pooler: bool = False
    """Whether a pooler in transaction mode stands between, such as PgBouncer: no prepared
    statements then, no settings of a connection's own, no listening."""


class Connections:
    """A few connections, opened as they are needed, lent to one step at a time."""

    def __init__(self, place: DatabaseUrl, limits: PostgresLimits) -> None:
        self._place = place
        self._limits = limits
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._doubtful: set[Connection] = set()
        self._browsing = asyncio.Semaphore(max(1, limits.connections // 4))
        self._closed = False

    async def decide(self, work: Work[T]) -> T:
        """Have `work` done in one transaction, durable on return.

        It is done again, from its beginning, where the database rolled it back for the sake of
        others. A caller that is cancelled while it waits does not stop it.

        Raises:
            StoreUnavailable: it could not be done, or it is not known whether it was.
        """
        return await self._finished(work, _as_usual)

    async def insist(self, work: Work[T]) -> T:
        """As `decide`, for a revocation, which must not lose to newcomers again and again.

        It is READ COMMITTED whatever is usual here: it waits for whoever holds a row, then sees the
        newest one, and never has to begin anew for their sake. Who is stricter notices it.

        Raises:
            StoreUnavailable: see `decide`.
        """
        return await self._finished(work, _read_committed)

    async def look(self, work: Work[T]) -> T:
        """Have `work` done, which is one statement, and so a transaction of its own.

        Raises:
            StoreUnavailable: see `decide`.
        """
        return await self._finished(work, None)

    async def browse(self, work: Work[T]) -> T:
        """As `look`, for work that may read many rows: most connections are never lent for it.

        Raises:
            StoreUnavailable: see `decide`.
        """
        try:
            await asyncio.wait_for(self._browsing.acquire(), self._limits.wait_seconds)
        except TimeoutError as error:
            raise StoreUnavailable("database_busy") from error
        try:
            return await self.look(work)
        finally:
            self._browsing.release()

    async def attempt(self, work: Work[T], begin: Begin | None = None) -> T:
        """As `look`, for a caller that is never cancelled.

        Args:
            work: What to do.
            begin: Begins a transaction around it; None: it is one statement, or has its own.

        Raises:
            StoreUnavailable: see `decide`.
        """
        if self._limits.pooler and begin is None:
            # Outside of a transaction each message may reach another server.
            begin = _as_usual
        attempt = server = 0
        while True:
            try:
                async with self.lent() as connection:
                    server = connection.get_server_pid()
                    if begin is None:
                        return await work(connection)
                    async with begin(connection):
                        return await work(connection)
            except Exception as error:
                attempt += 1
                if attempt == _ATTEMPTS or not may_be_repeated(error):
                    refusal = trouble(error)
                    if refusal is error:
                        raise
                    raise refusal from error
            await asyncio.sleep(_rest(attempt, server))

    async def _finished(self, work: Work[T], begin: Begin | None) -> T:
        """What comes of it, whether its caller waits for that or not."""
        if self._closed:
            raise StoreUnavailable("store_closed")
        task = asyncio.ensure_future(self.attempt(work, begin))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Connection]:
        """A connection, for as long as the block takes.

        Raises:
            StoreUnavailable: none could be had in time.
        """
        connection = await self._take()
        try:
            yield connection
            self._believe(connection)
        except BaseException as error:
            # Whatever it was doing, nothing of it may leak into the next step.
            if is_beyond_use(error) or connection.is_in_transaction():
                connection.terminate()
            raise
        finally:
            self._give_back(connection)

    async def connect(self) -> Connection:
        """A connection beside all others, which the caller closes.

        Raises:
            StoreUnavailable: there is no way to a primary that keeps what it acknowledges.
        """
        limits = self._limits
        settings = {} if limits.pooler else _settings(limits)
        try:
            connection: Connection = await asyncpg.connect(
                **_arguments(self._place),
                timeout=limits.connect_seconds,
                command_timeout=limits.statement_seconds * 1.2,
                statement_cache_size=0 if limits.pooler else 256,
                max_cached_statement_lifetime=0,
                server_settings=settings,
                target_session_attrs="any" if limits.pooler else "read-write",
            )
            connection.add_log_listener(self._hear)
            await _check(connection)
        except ValueError as error:
            # The driver's text may repeat what it was given.
            raise StoreUnavailable("postgres_url_not_understood") from error
        except Exception as error:
            raise trouble(error) from error
        return connection

    async def close(self) -> None:
        """Finish what was begun, then close them all."""
        self._closed = True
        while self._under_way:
            await asyncio.wait(self._under_way)
        while self._idle:
            connection = self._idle.popleft()
            with contextlib.suppress(Exception):
                await connection.close(timeout=self._limits.connect_seconds)

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open >= self._limits.connections:
            waited_for = await self._wait()
            if waited_for is not None:
                return waited_for
        else:
            self._open += 1
        try:
            return await self.connect()
        except BaseException:
            self._leave()
            raise

    async def _wait(self) -> Connection | None:
        """A connection that became free; None: the right to open one."""
        if len(self._waiting) >= self._limits.most_waiting:
            raise StoreUnavailable("database_queue_full")
        future: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            return await asyncio.wait_for(future, self._limits.wait_seconds)
        except BaseException as error:
            if future.done() and not future.cancelled():
                # It was handed over in the very moment in which nobody waited any longer.
                self._hand_on(future.result())
            if isinstance(error, TimeoutError):
                raise StoreUnavailable("database_busy") from error
            raise

    def _hear(self, connection: Connection, message: asyncpg.PostgresLogMessage) -> None:
        """Notice what the server calls a success with a warning.

        A commit whose wait for the synchronous standby was cancelled is one: it is on this machine
        and, for all that is known, on no other (PostgreSQL, section 27.2.8.3). The text may be in
        any language; no other warning of this code is known to follow from what is done here.
        """
        if message.severity_en == "WARNING" and message.sqlstate == "01000":
            self._doubtful.add(connection)

    def _believe(self, connection: Connection) -> None:
        """Take the success of the last step for one, if there was no such warning."""
        if connection in self._doubtful:
            raise StoreUnavailable("postgres_not_replicated")

    def _give_back(self, connection: Connection) -> None:
        # A step that failed for another reason as well has not asked; the next one is not to hear.
        self._doubtful.discard(connection)
        if connection.is_closed():
            self._leave()
        else:
            self._hand_on(connection)

    def _leave(self) -> None:
        """One connection fewer: whoever waits may open another."""
        self._open -= 1
        if any(not future.done() for future in self._waiting):
            self._open += 1
            self._hand_on(None)

    def _hand_on(self, connection: Connection | None) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._idle.append(connection)


def _as_usual(connection: Connection) -> AbstractAsyncContextManager[Any]:
    """A transaction of the isolation that the database was given."""
    transaction: AbstractAsyncContextManager[Any] = connection.transaction()
    return transaction


def _read_committed(connection: Connection) -> AbstractAsyncContextManager[Any]:
    transaction: AbstractAsyncContextManager[Any] = connection.transaction(
        isolation="read_committed"
    )
    return transaction


def _arguments(place: DatabaseUrl) -> dict[str, str]:
    """For `asyncpg.connect`, which takes one of the secrets in no other way than in the URL."""
    given = {"dsn": place.shown}
    if "password" in place.secrets:
        given["password"] = place.secrets["password"]
    if "sslpassword" in place.secrets:
        mark = "&" if "?" in place.shown else "?"
        given["dsn"] += mark + urlencode({"sslpassword": place.secrets["sslpassword"]})
    return given


def _settings(limits: PostgresLimits) -> dict[str, str]:
    return {
        "application_name": "satmint",
        "statement_timeout": str(int(limits.statement_seconds * 1000)),
        "lock_timeout": str(int(limits.lock_seconds * 1000)),
        # A process that died with a transaction open must not keep its locks.
        "idle_in_transaction_session_timeout": str(int(limits.statement_seconds * 1000)),
        "jit": "off",
        # What is asked for is always a few rows, by their keys. While tables are small, or grow
        # faster than statistics are taken, the planner thinks of other ways.
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    }


async def _check(connection: Connection) -> None:
    """Let only a connection pass whose answers can be relied upon."""
    fault = "postgres_lost"
    try:
        found = await connection.fetchrow(_SELF)
        fault = _fault_of(found["is_replica"], found["isolation"], found["durability"])
    finally:
        if fault:
            connection.terminate()
    if fault:
        raise StoreUnavailable(fault)


def _fault_of(is_replica: bool, isolation: str, durability: str) -> str:
    if is_replica:
        return "postgres_read_only"
    if isolation not in _ISOLATIONS:
        return "postgres_isolation_unsupported"
    return "postgres_commits_not_durable" if durability == "off" else ""


def _rest(attempt: int, server: int) -> float:
    """Seconds before the next attempt: longer each time, and of another length on each connection.

    No dice are needed for that: who got into each other's way have different server processes.
    """
    longest = min(_LONGEST_REST_SECONDS, _FIRST_REST_SECONDS * 2**attempt)
    spread = (server * 2_654_435_761 + attempt * 40_503) % 65_536 / 65_536
    return float(longest * (0.25 + 0.75 * spread))
