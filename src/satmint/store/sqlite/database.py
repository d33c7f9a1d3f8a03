"""The port of `satmint.store.sql` over SQLite."""

import re
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.possession import Possession, PossessionResult
from satmint.store.sql.keyed_requests import once
from satmint.store.sql.port import (
    Build,
    Database,
    Dialect,
    Lookup,
    Transaction,
    UniqueViolation,
    Work,
    placeholders,
)
from satmint.store.sqlite.events import record
from satmint.store.sqlite.possession import prove
from satmint.store.sqlite.session_rows import revoke_each, revoke_sessions
from satmint.store.sqlite.workers import ConnectionWorker, ReaderPool

T = TypeVar("T")

# Only one transaction writes at a time, so no row needs a lock.
DIALECT: Final = Dialect(
    differs="IS NOT",
    for_update="",
    skip_locked="",
    index=" INDEXED BY {}",
    location="SELECT ''",  # a file may be moved: its path says nothing
    changes="PRAGMA data_version",  # counts the commits of all other connections
    settled="(SELECT position + 1 FROM event_counter)",
    newest="(SELECT position + 1 FROM event_counter)",
    drops_changed_keys=False,  # servers that share a file have the same version
    moves_rows=False,
)
_PARAMETER: Final = re.compile(r"\$(\d)")


class SqliteTransaction(Transaction):
    """The open transaction of a connection; see `Transaction`. No method suspends."""

    dialect = DIALECT

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, build: Build[T], sql: str, *values: object) -> Sequence[T]:
        """See `Transaction.fetch`."""
        return tuple(build(row) for row in self._run(sql, values))

    async def execute(self, sql: str, *values: object) -> int:
        """See `Transaction.execute`."""
        return self._run(sql, values).rowcount

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """See `Transaction.execute_many`."""
        self._connection.executemany(_in_sqlite(sql), [_encoded(row) for row in rows])

    async def insert_many(
        self, target: str, types: Sequence[str], rows: Sequence[Sequence[object]], on_conflict: str
    ) -> None:
        """See `Transaction.insert_many`."""
        values = placeholders(len(types))
        await self.execute_many(f"INSERT INTO {target} VALUES ({values}) {on_conflict}", rows)

    async def record(self, *events: Event) -> None:
        """See `Transaction.record`."""
        for event in events:
            record(self._connection, event)

    async def revoke_sessions(
        self, project: UUID, subscriber: UUID, now: int, jkt: str | None = None
    ) -> int:
        """See `Transaction.revoke_sessions`."""
        return revoke_sessions(self._connection, project, subscriber, now, jkt)

    async def revoke_each(
        self, project: UUID, sessions: Sequence[UUID], now: int
    ) -> Sequence[tuple[UUID, UUID]]:
        """See `Transaction.revoke_each`."""
        return revoke_each(self._connection, project, sessions, now)

    async def lock_session(self, project: UUID, session: UUID) -> None:
        """See `Transaction.lock_session`."""

    async def prove(self, possession: Possession, now: int, mismatch: Event) -> PossessionResult:
        """See `Transaction.prove`."""
        return prove(self._connection, possession, None, now, mismatch, mismatch)

    async def lock(self, name: int, project: UUID) -> None:
        """See `Transaction.lock`."""

    def _run(self, sql: str, values: Iterable[object]) -> sqlite3.Cursor:
        return _execute(self._connection, _in_sqlite(sql), _encoded(values))


class SqliteDatabase(Database):
    """See `Database`."""

    dialect = DIALECT

    def __init__(self, writer: ConnectionWorker, reader: ReaderPool) -> None:
        self._writer = writer
        self._reader = reader

    async def read(self, work: Work[T], *, is_list: bool = False) -> T:
        """See `Database.read`."""
        submit = self._reader.submit_list if is_list else self._reader.submit
        return await submit(_step(work))

    async def transaction(
        self,
        work: Work[T],
        *,
        project: UUID | None = None,  # noqa: ARG002 - the lock is of the whole file
        may_raise: bool = False,
        slow: bool = False,
        read_committed: bool = False,  # noqa: ARG002 - there is one isolation level, stricter
        keyed: KeyedRequest | None = None,
    ) -> T:
        """See `Database.transaction`."""
        may_raise = may_raise or keyed is not None
        return await self._writer.submit(_step(once(keyed, work)), may_raise=may_raise, slow=slow)

    async def time(self, now: int) -> int:
        """See `Database.time`: one machine has one clock."""
        return now

    def lookup(self, lookup: Lookup, build: Build[T]) -> "SqliteLookup[T]":
        """See `Database.lookup`."""
        return SqliteLookup(self._reader, lookup, build)


class SqliteLookup(Generic[T]):
    """See `RowLookup`."""

    def __init__(self, reader: ReaderPool, lookup: Lookup, build: Build[T]) -> None:
        self._reader = reader
        self._build = build
        key = " AND ".join(f"{name} = ?" for name in lookup.key)
        self._query = f"SELECT {lookup.columns} FROM {lookup.table} WHERE {key}"
        if lookup.limit is not None:
            self._query += f" ORDER BY {lookup.order} LIMIT {lookup.limit}"

    async def one(self, *key: UUID | bytes) -> T | None:
        """See `RowLookup.one`."""
        found = await self.all(*key)
        return found[0] if found else None

    async def all(self, *key: UUID | bytes) -> Sequence[T]:
        """See `RowLookup.all`."""
        # Directly on the connection: every request looks credentials up.
        return await self._reader.lookup(
            lambda connection: [
                self._build(row) for row in _execute(connection, self._query, _encoded(key))
            ]
        )


def _step(work: Work[T]) -> Callable[[sqlite3.Connection], T]:
    """`work` as a step of a worker's batch."""
    return lambda connection: run(work(SqliteTransaction(connection)))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; its statements never suspend, as SQLite's do not."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("a transaction awaited something other than its own statements")


def _execute(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    try:
        return cursor.execute(sql, values)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise UniqueViolation from error
        raise


def _encoded(values: Iterable[object]) -> list[Any]:
    return [value.bytes if isinstance(value, UUID) else value for value in values]


@lru_cache(maxsize=512)
def _in_sqlite(sql: str) -> str:
    return _PARAMETER.sub(r"?\1", sql)
