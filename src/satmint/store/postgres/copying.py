"""A PostgreSQL database that `satmint db copy` reads or writes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final
from uuid import UUID

from satmint.model.database_url import DatabaseUrl
from satmint.model.incarnation import Incarnation
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract.copying import BATCH_ROWS, CopiedRow, CopiedTable, DatabaseBusy
from satmint.store.contract.inspection import DatabaseInspection
from satmint.store.postgres.connecting import Connection, PostgresLimits
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.postgres.driver_errors import map_driver_error
from satmint.store.postgres.migrations import migrate, pending_migrations
from satmint.store.postgres.transactions import PROPAGATE
from satmint.store.sql.copying import copied_tables, select_last_row, select_rows
from satmint.store.sql.inspection import inspect_content

_LIMITS: Final = PostgresLimits(connections=1, lock_seconds=10, statement_seconds=86_400)
_LOCK: Final = 0x5A7_313A_C0B1
"""An advisory lock: one copy at a time writes to a database."""
_TABLES: Final = """
SELECT relname, attname, format_type(atttypid, NULL) AS type,
       array_position(indkey::int2[], attnum) AS place
  FROM pg_catalog.pg_class
  JOIN pg_catalog.pg_index ON indrelid = pg_class.oid AND indisprimary
  JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
 WHERE relnamespace =
       (SELECT relnamespace FROM pg_catalog.pg_class
         WHERE oid = to_regclass('schema_migrations'))
   AND relname = ANY ($1)
 ORDER BY relname, attname COLLATE "C"
"""
# The URL of each server may have another `application_name`; and what the backend of another role
# is, only some roles may see. The nodes of a cluster are connected to each other.
_OTHERS: Final = """
SELECT count(*) FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND (usename = current_user OR application_name = 'satmint')
   AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') = 'client backend'
   AND application_name NOT LIKE 'citus_internal %'
"""
_SET_INCARNATION: Final = (
    "INSERT INTO incarnation (singleton, incarnation_id, number, began_at, location)"
    " VALUES (1, $1, $2, $3, $4)"
)
_COLLATED: Final = ' COLLATE "C"'


class PostgresEndpoint:
    """See `CopyEndpoint`. Created by `open_source` and `open_target`."""

    def __init__(self, connection: Connection, *, is_source: bool) -> None:
        self._connection = connection
        self._is_source = is_source

    async def inspect(self) -> DatabaseInspection:
        """See `CopyEndpoint.inspect`."""
        async with _mapped():
            pending = await pending_migrations(self._connection)
            if pending:
                return DatabaseInspection(tuple(migration.name for migration in pending))
            return await inspect_content(PostgresTransaction(self._connection))

    async def tables(self) -> Sequence[CopiedTable]:
        """See `CopyEndpoint.tables`."""
        async with _mapped():
            found = await self._connection.fetch(_TABLES, list(copied_tables()))
        tables = []
        for name in copied_tables():
            columns = [row for row in found if row["relname"] == name]
            key = sorted(
                (row["place"], row["attname"]) for row in columns if row["place"] is not None
            )
            tables.append(
                CopiedTable(
                    name,
                    tuple(row["attname"] for row in columns),
                    tuple(row["type"] for row in columns),
                    tuple(column for _, column in key),
                )
            )
        return tables

    async def count(self, table: CopiedTable) -> int:
        """See `CopyEndpoint.count`."""
        async with _mapped():
            return int(await self._connection.fetchval(f"SELECT count(*) FROM {table.name}"))

    async def last_key(self, table: CopiedTable) -> CopiedRow | None:
        """See `CopyEndpoint.last_key`."""
        async with _mapped():
            row = await self._connection.fetchrow(select_last_row(table, _COLLATED))
        return None if row is None else table.key_of(_canonical(row))

    async def rows(
        self, table: CopiedTable, after: CopiedRow | None = None
    ) -> AsyncGenerator[Sequence[CopiedRow], None]:
        """See `CopyEndpoint.rows`."""
        types = dict(zip(table.columns, table.types, strict=True))
        key = (
            []
            if after is None
            else [_stored(value, types[name]) for name, value in zip(table.key, after, strict=True)]
        )
        query = select_rows(table, _COLLATED, tuple(f"${n}" for n in range(1, len(key) + 1)))
        own = None if self._is_source else self._connection.transaction(readonly=True)
        async with _mapped():
            if own is not None:
                await own.start()
            cursor = await self._connection.cursor(query, *key)
        try:
            while True:
                async with _mapped():
                    batch = await cursor.fetch(BATCH_ROWS)
                if not batch:
                    return
                yield [_canonical(row) for row in batch]
        finally:
            if own is not None and not self._connection.is_closed():
                async with _mapped():
                    await own.rollback()

    async def write(self, table: CopiedTable, rows: Sequence[CopiedRow]) -> None:
        """See `CopyEndpoint.write`."""
        converted = [
            place for place, type_ in enumerate(table.types) if type_ in ("uuid", "boolean")
        ]
        records = [_record(row, converted, table.types) for row in rows]
        async with _mapped(), self._connection.transaction():
            await self._connection.copy_records_to_table(
                table.name, records=records, columns=table.columns
            )

    async def clear(self, table: CopiedTable) -> None:
        """See `CopyEndpoint.clear`."""
        async with _mapped():
            await self._connection.execute(f"DELETE FROM {table.name}")

    async def set_incarnation(self, incarnation: Incarnation) -> None:
        """See `CopyEndpoint.set_incarnation`. Ends the transaction of a source.

        Raises:
            DatabaseBusy: a server uses the source, which is unchanged.
        """
        values = incarnation.id, incarnation.number, incarnation.began_at, incarnation.location
        async with _mapped():
            if not self._is_source:
                async with self._connection.transaction():
                    await self._replace_incarnation(values)
                return
            # A server that starts reads the incarnation first: it waits for the end of this
            # transaction, or its connection is seen.
            await self._connection.execute("LOCK TABLE incarnation IN ACCESS EXCLUSIVE MODE")
            await self._connection.execute("SELECT pg_stat_clear_snapshot()")
            _require_free(not await self._connection.fetchval(_OTHERS))
            await self._replace_incarnation(values)
            await self._connection.execute("COMMIT")

    async def _replace_incarnation(self, values: tuple[object, ...]) -> None:
        await self._connection.execute("DELETE FROM incarnation")
        await self._connection.execute(_SET_INCARNATION, *values)

    async def close(self) -> None:
        """See `CopyEndpoint.close`."""
        self._connection.terminate()


async def open_source(url: str) -> PostgresEndpoint:
    """Open a database to copy it: in one snapshot, and locked against everybody who writes.

    Raises:
        DatabaseBusy: a server or another command uses it.
        StoreUnavailable: it cannot be opened.
        SchemaUnknown: it lacks migrations, or another version of satmint has written it.
    """
    connection = await _connect(url)
    try:
        async with _mapped():
            await pending_migrations(connection)
            _require_free(not await connection.fetchval(_OTHERS))
            tables = await connection.fetch(_TABLES, [*copied_tables(), "incarnation"])
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await connection.execute(PROPAGATE)
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            # Before any query: the snapshot is that of the first one.
            names = ", ".join(sorted({row["relname"] for row in tables}))
            if names:
                await connection.execute(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
    except BaseException as error:
        connection.terminate()
        if isinstance(error, StoreUnavailable) and error.cause == "postgres_55p03":
            raise DatabaseBusy from error
        raise
    return PostgresEndpoint(connection, is_source=True)


async def open_target(url: str, now: int) -> PostgresEndpoint:
    """Open a database to copy to it. One without tables gets the current schema.

    Raises:
        DatabaseBusy: another copy writes to it.
        StoreUnavailable: it cannot be opened or written.
        SchemaUnknown: another version of satmint has written it.
    """
    connection = await _connect(url)
    try:
        async with _mapped():
            _require_free(await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))
            if not await connection.fetchval("SELECT to_regclass('projects') IS NOT NULL"):
                await migrate(connection, now)
    except BaseException:
        connection.terminate()
        raise
    return PostgresEndpoint(connection, is_source=False)


async def _connect(url: str) -> Connection:
    return await ConnectionPool(DatabaseUrl.of(url), _LIMITS).connect()


def _require_free(is_free: bool) -> None:
    if not is_free:
        raise DatabaseBusy


def _canonical(row: Any) -> CopiedRow:  # noqa: ANN401 - the driver has no types
    return tuple(
        value.bytes if isinstance(value, UUID) else int(value) if isinstance(value, bool) else value
        for value in row
    )


def _stored(value: Any, type_: str) -> object:  # noqa: ANN401 - depends on the type
    if value is not None and type_ == "uuid":
        return UUID(bytes=value)
    if value is not None and type_ == "boolean":
        return bool(value)
    return value


def _record(row: CopiedRow, converted: list[int], types: tuple[str, ...]) -> Sequence[object]:
    record: list[object] = list(row)
    for place in converted:
        record[place] = _stored(record[place], types[place])
    return record


class _mapped:  # noqa: N801 - used like a function
    """Maps errors of the driver."""

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        """Raise `StoreUnavailable` for a failure of the database."""
        if isinstance(error, Exception) and not isinstance(error, asyncio.CancelledError):
            mapped = map_driver_error(error)
            if mapped is not error:
                raise mapped from error
