"""The database port: the interface between this package's operations and SQLite or PostgreSQL.

Statements number their parameters `$1`, `$2`, … and name their columns. UUIDs, bytes, text,
integers and booleans are passed unchanged. A row is a mapping by column name; `read_uuid` reads its
UUIDs. Where the databases differ further, `Transaction` has a method or `Dialect` a piece of SQL.

An operation is a coroutine. In a transaction it awaits only the statements of that transaction:
SQLite runs it to its end without an event loop, on the connection's thread or between other
callers' steps.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.possession import Possession, PossessionResult

T = TypeVar("T")
Found_co = TypeVar("Found_co", covariant=True)

Row = Any
"""A mapping by column name: a `sqlite3.Row` or an `asyncpg.Record`."""
Build = Callable[[Row], T]
"""Builds a value from a row."""

REVOKING_PROJECT: Final = 0
"""Lock name: while a project is revoked, no other transaction decides about its sessions."""
ADDING_WEBHOOK: Final = 0x5A7_0003
"""Lock name: webhooks are added to a project one at a time."""
NAMING_PROJECT: Final = 0x5A7_0019
"""Lock name: projects are named one at a time."""
RECORDING_KEYS: Final = 0x5A7_0004
"""Lock name: keyrings are recorded one at a time."""


class UniqueViolation(Exception):
    """A statement would have stored a second row with the same value in a unique index."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """SQL fragments that differ between the databases."""

    differs: str
    """Operator that compares two values, either of which may be NULL."""
    for_update: str
    """Appended to a `SELECT` to lock its rows until the end of the transaction."""
    skip_locked: str
    """The same, but skips rows that another transaction has locked."""
    index: str
    """Appended to a table's name to force an index, whose name replaces `{}`."""
    location: str
    """Query for `IncarnationStore.location`."""
    changes: str
    """Query for `IncarnationStore.changes`."""
    settled: str
    """Expression for `EventBatch.settled`."""
    newest: str
    """Expression for `EventBatch.newest`."""
    drops_changed_keys: bool
    """Whether a trigger drops the key of a changed reference, for servers that know no keys."""
    moves_rows: bool
    """Whether one statement can move a row to another table: a `WITH` that deletes."""
    by_project: bool = False
    """Whether the tables are distributed: a statement that locks or changes rows is of one project,
    and an event that `settled` says is written may be missing from the same statement."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup by key. All strings are constants of this package; none is input."""

    table: str
    columns: str
    key: tuple[str, ...]
    order: str = ""
    limit: int | None = None
    """None if a key has at most one row."""


class RowLookup(Protocol[Found_co]):
    """Finds rows by key; PostgreSQL batches concurrent lookups."""

    async def one(self, *key: UUID | bytes) -> Found_co | None:
        """The row of this key, or None."""
        ...

    async def all(self, *key: UUID | bytes) -> Sequence[Found_co]:
        """The rows of this key, in order."""
        ...


class Transaction(ABC):
    """Runs the statements of one transaction."""

    dialect: Dialect

    @abstractmethod
    async def fetch(self, build: Build[T], sql: str, *values: object) -> Sequence[T]:
        """The rows that a statement returns."""

    async def fetch_one(self, build: Build[T], sql: str, *values: object) -> T | None:
        """The only row that a statement returns, or None."""
        found = await self.fetch(build, sql, *values)
        return found[0] if found else None

    @abstractmethod
    async def execute(self, sql: str, *values: object) -> int:
        """Run a statement that writes. Returns the number of written rows.

        Raises:
            UniqueViolation: the transaction cannot continue.
        """

    @abstractmethod
    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement that writes once for each of `rows`, all or nothing."""

    @abstractmethod
    async def insert_many(
        self, target: str, types: Sequence[str], rows: Sequence[Sequence[object]], on_conflict: str
    ) -> None:
        """Insert rows, in one statement where the database can.

        Args:
            target: The table and, in parentheses, its columns.
            types: PostgreSQL's types of these columns.
            rows: The values; no two rows have the same key.
            on_conflict: An `ON CONFLICT` clause.
        """

    @abstractmethod
    async def record(self, *events: Event) -> None:
        """Write events; of a kind in `ALERTS`, also their pending deliveries."""

    @abstractmethod
    async def revoke_sessions(
        self, project: UUID, subscriber: UUID, now: int, jkt: str | None = None
    ) -> int:
        """Revoke a subscriber's active sessions, all or those of a key. Returns their number."""

    @abstractmethod
    async def revoke_each(
        self, project: UUID, sessions: Sequence[UUID], now: int
    ) -> Sequence[tuple[UUID, UUID]]:
        """Revoke some sessions. Returns those that were not yet revoked, with their subscribers."""

    @abstractmethod
    async def lock_session(self, project: UUID, session: UUID) -> None:
        """Lock a session's row, if it exists, until the end of the transaction.

        Call it before any other statement of the transaction.
        """

    @abstractmethod
    async def prove(self, possession: Possession, now: int, mismatch: Event) -> PossessionResult:
        """Check a proof of a bound session's key and use it up; see `SessionStore.prove`.

        Args:
            possession: The token and the proof.
            now: Unix seconds.
            mismatch: Recorded if the proof is of another key.
        """

    @abstractmethod
    async def lock(self, name: int, project: UUID) -> None:
        """Take a lock of this project until the end of the transaction."""


Work = Callable[[Transaction], Coroutine[Any, Any, T]]


class Database(ABC):
    """Runs transactions, and single statements, which are their own transactions.

    Every write is durable on return.
    """

    dialect: Dialect

    @abstractmethod
    async def read(self, work: Work[T], *, is_list: bool = False) -> T:
        """Run one read-only statement; a list may delay other lists but nothing else."""

    @abstractmethod
    async def transaction(
        self,
        work: Work[T],
        *,
        project: UUID | None = None,
        may_raise: bool = False,
        slow: bool = False,
        read_committed: bool = False,
        keyed: KeyedRequest | None = None,
    ) -> T:
        """Run `work` in a transaction; retries it if the database rolls it back.

        Args:
            work: The statements. It must have no effect outside of the transaction.
            project: Whose rows it writes; None: of no project, or of several. While a row is
                locked, the transactions of its project do not delay those of others.
            may_raise: Whether it may raise after a write.
            slow: Whether it may touch many rows.
            read_committed: Whether it must see what was committed while it waited for a lock,
                as a revocation must, whatever the default isolation level is.
            keyed: The request that it serves, if that has an idempotency key. Its key is claimed
                first, and is free again if `work` returns False.

        Raises:
            UniqueViolation: nothing was written.
            RequestRepeated: likewise; an earlier request has the key.
        """

    @abstractmethod
    async def time(self, now: int) -> int:
        """The time by which rows that several processes share are due, Unix seconds.

        Args:
            now: The time by the caller's clock. It is returned unless the servers of a shared
                database, whose clocks may differ, measure by that of the database.
        """

    async def is_by_project(self) -> bool:
        """Whether statements are of one project: see `Dialect.by_project`."""
        return self.dialect.by_project

    @abstractmethod
    def lookup(self, lookup: Lookup, build: Build[T]) -> RowLookup[T]:
        """Prepare a lookup of rows by key.

        Args:
            lookup: The lookup.
            build: Builds a value from a row that begins with the columns of the lookup.
        """

    async def fetch(self, build: Build[T], sql: str, *values: object) -> Sequence[T]:
        """The rows that a statement reads."""
        return await self.read(lambda tx: tx.fetch(build, sql, *values))

    async def fetch_list(self, build: Build[T], sql: str, *values: object) -> Sequence[T]:
        """As `fetch`, for lists."""
        return await self.read(lambda tx: tx.fetch(build, sql, *values), is_list=True)

    async def fetch_one(self, build: Build[T], sql: str, *values: object) -> T | None:
        """The only row that a statement reads, or None."""
        return await self.read(lambda tx: tx.fetch_one(build, sql, *values))

    async def execute(self, sql: str, *values: object, project: UUID | None = None) -> int:
        """Run a statement that writes, as a `transaction`. Returns the number of written rows."""
        return await self.transaction(lambda tx: tx.execute(sql, *values), project=project)

    async def execute_many(
        self, sql: str, rows: Sequence[Sequence[object]], *, project: UUID | None = None
    ) -> None:
        """Run a statement that writes once for each of `rows`, all or nothing."""
        await self.transaction(lambda tx: tx.execute_many(sql, rows), project=project, slow=True)


def read_uuid(value: Any) -> UUID:  # noqa: ANN401 - bytes, or the driver's UUID type
    """The UUID in a column, as the standard library's type."""
    # In a third of the time of the constructor; a session has five.
    return msgspec.convert(value if isinstance(value, bytes) else value.bytes, UUID)


def read_optional_uuid(value: Any) -> UUID | None:  # noqa: ANN401 - as above
    """The UUID in a column that may be NULL."""
    return None if value is None else read_uuid(value)


def placeholders(count: int) -> str:
    """Numbered parameters, separated by commas: `$1, $2`."""
    return ", ".join(f"${number}" for number in range(1, count + 1))
