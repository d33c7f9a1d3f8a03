"""The port of `satmint.store.sql` over PostgreSQL."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import asyncpg

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.possession import Possession, PossessionResult
from satmint.store.postgres.batched_lookup import BatchedLookup
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.events import FIRST_POSITION, record
from satmint.store.postgres.lock_waits import Transactions
from satmint.store.postgres.possession import prove_in_transaction
from satmint.store.postgres.routing import Statement, one_shard, repeat_project, statement
from satmint.store.postgres.session_rows import (
    DATABASE_TIME,
    lock_project,
    lock_session,
    revoke_each,
    revoke_sessions,
)
from satmint.store.sql.keyed_requests import once
from satmint.store.sql.port import (
    REVOKING_PROJECT,
    Build,
    Database,
    Dialect,
    Lookup,
    Row,
    Transaction,
    UniqueViolation,
    Work,
)

T = TypeVar("T")

_PRIMARY_KEY: Final = re.compile(r"_pkey(_\d+)?\b")
"""The constraint's name, which has a number on a node of a cluster, in the message alone."""

DIALECT: Final = Dialect(
    differs="IS DISTINCT FROM",
    for_update=" FOR UPDATE",
    skip_locked=" FOR UPDATE SKIP LOCKED",
    index="",
    # A new cluster, database or table has another number. A standby has the same ones, as has a
    # cluster that was copied as files.
    location=(
        "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
        " (SELECT oid FROM pg_database WHERE datname = current_database()),"
        " 'incarnation'::regclass::oid)"
    ),
    changes="SELECT pg_current_wal_insert_lsn()::text",
    settled=f"{FIRST_POSITION} + txid_snapshot_xmin(txid_current_snapshot())",
    newest=f"{FIRST_POSITION} + txid_snapshot_xmax(txid_current_snapshot())",
    drops_changed_keys=True,
    moves_rows=True,
)
# A transaction of several nodes is over on the first one before its rows are visible on the others.
# Until then it holds the lock of its number, of which the catalog has the lower 32 bits. One that
# began after the snapshot has a number above its `xmax`.
_OLDEST: Final = """
(SELECT least(txid_snapshot_xmin(s),
              (SELECT min(txid_snapshot_xmax(s)
                          - ((txid_snapshot_xmax(s) - transactionid::text::bigint) & 4294967295))
                 FROM pg_catalog.pg_locks
                WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock'
                  AND ((txid_snapshot_xmax(s) - transactionid::text::bigint) & 4294967295)
                      < 2147483648))
   FROM (SELECT txid_current_snapshot() AS s OFFSET 0) AS snapshot)
"""
DISTRIBUTED_DIALECT: Final = replace(
    DIALECT, settled=f"{FIRST_POSITION} + {_OLDEST}", moves_rows=False, by_project=True
)


class PostgresTransaction(Transaction):
    """The open transaction of a connection; see `Transaction`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Migrations may run on a connection that is not of a pool.
        distributed = getattr(connection, "is_distributed", False)
        self.dialect = DISTRIBUTED_DIALECT if distributed else DIALECT

    async def fetch(self, build: Build[T], sql: str, *values: object) -> Sequence[T]:
        """See `Transaction.fetch`."""
        rows = await self._connection.fetch(self._routed(sql), *values)
        return tuple(build(row) for row in rows)

    async def execute(self, sql: str, *values: object) -> int:
        """See `Transaction.execute`."""
        status = await self._connection.execute(self._routed(sql), *values)
        return int(status.rpartition(" ")[2])

    def _routed(self, sql: str) -> str:
        return repeat_project(sql) if self.dialect.by_project else sql

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """See `Transaction.execute_many`. The driver runs it as one transaction."""
        await self._connection.executemany(sql, rows)

    async def insert_many(
        self, target: str, types: Sequence[str], rows: Sequence[Sequence[object]], on_conflict: str
    ) -> None:
        """See `Transaction.insert_many`."""
        arrays = ", ".join(f"${n}::{of}[]" for n, of in enumerate(types, start=1))
        await self._connection.execute(
            f"INSERT INTO {target} SELECT * FROM unnest({arrays}) {on_conflict}",
            *zip(*rows, strict=True),
        )

    async def record(self, *events: Event) -> None:
        """See `Transaction.record`."""
        await record(self._connection, *events)

    async def revoke_sessions(
        self, project: UUID, subscriber: UUID, now: int, jkt: str | None = None
    ) -> int:
        """See `Transaction.revoke_sessions`."""
        return await revoke_sessions(self._connection, project, subscriber, now, jkt=jkt)

    async def revoke_each(
        self, project: UUID, sessions: Sequence[UUID], now: int
    ) -> Sequence[tuple[UUID, UUID]]:
        """See `Transaction.revoke_each`."""
        return await revoke_each(self._connection, project, sessions, now)

    async def lock_session(self, project: UUID, session: UUID) -> None:
        """See `Transaction.lock_session`. Takes the project's lock before the row's."""
        await lock_session(self._connection, project, session)

    async def prove(self, possession: Possession, now: int, mismatch: Event) -> PossessionResult:
        """See `Transaction.prove`."""
        return await prove_in_transaction(self._connection, possession, now, mismatch)

    async def lock(self, name: int, project: UUID) -> None:
        """See `Transaction.lock`. Several projects may share a lock."""
        if name == REVOKING_PROJECT:
            await lock_project(self._connection, project)
        else:
            key = project.int & 0x7FFF_FFFF
            await self._connection.execute("SELECT pg_advisory_xact_lock($1, $2)", name, key)


class PostgresDatabase(Database):
    """See `Database`."""

    dialect = DIALECT

    def __init__(
        self,
        connections: ConnectionPool,
        transactions: Transactions,
        *,
        database_time: bool = False,
    ) -> None:
        self._connections = connections
        self._transactions = transactions
        self._database_time = database_time
        self._lookups: list[BatchedLookup[Any]] = []

    async def read(self, work: Work[T], *, is_list: bool = False) -> T:
        """See `Database.read`."""
        query = self._connections.query_limited if is_list else self._connections.query
        return await query(lambda db: work(PostgresTransaction(db)))

    async def transaction(
        self,
        work: Work[T],
        *,
        project: UUID | None = None,
        may_raise: bool = False,  # noqa: ARG002 - an exception rolls everything back
        slow: bool = False,  # noqa: ARG002 - no other step waits for it
        read_committed: bool = False,
        keyed: KeyedRequest | None = None,
    ) -> T:
        """See `Database.transaction`."""
        work = once(keyed, work)
        async with _unique_violations():
            return await self._transactions.run(
                lambda db: work(PostgresTransaction(db)),
                project=project,
                read_committed=read_committed,
            )

    async def time(self, now: int) -> int:
        """See `Database.time`."""
        if not self._database_time:
            return now
        return await self.fetch_one(_seconds, f"SELECT {DATABASE_TIME}") or now

    async def is_by_project(self) -> bool:
        """See `Database.is_by_project`."""
        return await self._connections.is_distributed()

    def lookup(self, lookup: Lookup, build: Build[T]) -> BatchedLookup[T]:
        """See `Database.lookup`."""
        by_project = _project_of_key if lookup.key[0] == "project_id" else None
        batched = BatchedLookup(self._connections, _batch_query(lookup), build, by_project)
        self._lookups.append(batched)
        return batched

    async def close(self) -> None:
        """Finish running lookups and accept no more."""
        for batched in self._lookups:
            await batched.close()


@asynccontextmanager
async def _unique_violations() -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if _PRIMARY_KEY.search(error.constraint_name or error.args[0]):  # a duplicate id
            raise
        raise UniqueViolation from error


def _seconds(row: Row) -> int:
    return int(row[0])


def _project_of_key(key: tuple[UUID | bytes, ...]) -> UUID:
    return cast("UUID", key[0])


def _batch_query(lookup: Lookup) -> Statement:
    """The statement for many keys: an array for each key column; `n` numbers keys from one."""
    table, keys = lookup.table, ", ".join(lookup.key)
    arrays = ", ".join(
        f"${n}::{'bytea' if name == 'digest' else 'uuid'}[]"
        for n, name in enumerate(lookup.key, start=1)
    )
    routed = one_shard(table) if lookup.key[0] == "project_id" else ""
    requested = f"unnest({arrays}) WITH ORDINALITY AS requested ({keys}, n)"
    if lookup.limit is None:
        return statement(
            f"SELECT {lookup.columns}, n FROM {requested} JOIN {table} USING ({keys})"
            f" WHERE TRUE{routed}"
        )
    # LATERAL leaves the planner one plan only, by the index.
    joined = " AND ".join(f"{table}.{name} = requested.{name}" for name in lookup.key)
    return statement(
        f"SELECT found.*, n FROM {requested} CROSS JOIN LATERAL ("
        f"SELECT {lookup.columns} FROM {table}"
        f" WHERE {joined}{routed}"
        f" ORDER BY {lookup.order} LIMIT {lookup.limit}) AS found ORDER BY n, {lookup.order}"
    )
