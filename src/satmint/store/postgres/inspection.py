"""Inspects a PostgreSQL database without writing to it."""

from dataclasses import replace
from typing import Final

from satmint.model.clock import Clock
from satmint.model.database_url import DatabaseUrl
from satmint.store.contract.inspection import DatabaseInspection, ServerFacts
from satmint.store.postgres.connecting import Connection, PostgresLimits
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.postgres.maintenance import broken_indexes
from satmint.store.postgres.migrations import pending_migrations
from satmint.store.sql.inspection import inspect_content
from satmint.store.sql.port import Row
from satmint.store.sql.write_guard import WriteGuard

# PgBouncer gives its clients the number of no process of the server.
_SERVER: Final = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int AS max_connections,
       current_setting('fsync') = 'on' AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('full_page_writes') = 'on' AS full_page_writes,
       current_setting('synchronous_standby_names') AS synchronous_standbys,
       current_setting('autovacuum') = 'on' AND current_setting('track_counts') = 'on'
         AS autovacuum,
       coalesce((SELECT setting::float8 / 1000 FROM pg_settings
                  WHERE name = 'idle_session_timeout'), 0) AS idle_session_seconds,
       pg_backend_pid() AS process,
       (SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND application_name <> 'satmint')
         AS other_connections
"""
_TIME: Final = "SELECT extract(epoch FROM clock_timestamp())::float8 AS time"
_STANDBYS: Final = """
SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum', 'potential')) AS synchronous,
       count(*) FILTER (WHERE sync_state IS NULL) AS hidden
  FROM pg_stat_replication
"""
_WITHOUT_AUTOVACUUM: Final = """
SELECT relname FROM pg_class
 WHERE relnamespace =
       (SELECT relnamespace FROM pg_class WHERE oid = 'schema_migrations'::regclass)
   AND relkind = 'r' AND 'autovacuum_enabled=false' = ANY (reloptions)
 ORDER BY relname
"""


async def inspect_server(url: str, limits: PostgresLimits, clock: Clock) -> DatabaseInspection:
    """Inspect a database that servers may be using.

    Args:
        url: The database's URL.
        limits: Those of a server; one connection is opened.
        clock: This machine's.

    Raises:
        StoreUnavailable: no primary can be reached, or it cannot be read.
        SchemaUnknown: another version of satmint has written it.
    """
    guard = WriteGuard()
    pool = ConnectionPool(DatabaseUrl.of(url), replace(limits, connections=1), guard=guard)
    try:
        return await pool.attempt(lambda connection: _inspect(connection, guard, clock))
    finally:
        await pool.close()


async def _inspect(connection: Connection, guard: WriteGuard, clock: Clock) -> DatabaseInspection:
    facts = await connection.fetchrow(_SERVER)
    standbys = await connection.fetchrow(_STANDBYS)
    before, began_at = clock.now(), clock.monotonic()
    time = (await connection.fetchrow(_TIME))["time"]
    round_trip = clock.monotonic() - began_at
    # Both are whole seconds, rounded down.
    local_time = (before + clock.now()) / 2 + 0.5
    pending = await pending_migrations(connection)
    if pending:
        found, tables = DatabaseInspection(tuple(migration.name for migration in pending)), []
    else:
        found = await inspect_content(PostgresTransaction(connection))
        tables = await connection.fetch(_WITHOUT_AUTOVACUUM)
        found = replace(found, faults=(*found.faults, *await broken_indexes(connection)))
    server = ServerFacts(
        version=facts["version"],
        clock_difference=local_time - time,
        round_trip=round_trip,
        max_connections=facts["max_connections"],
        other_connections=facts["other_connections"],
        fsync=facts["fsync"],
        synchronous_commit=facts["synchronous_commit"],
        full_page_writes=facts["full_page_writes"],
        synchronous_standbys=facts["synchronous_standbys"],
        connected_standbys=_connected(standbys),
        idle_session_seconds=facts["idle_session_seconds"],
        autovacuum=facts["autovacuum"],
        tables_without_autovacuum=tuple(row["relname"] for row in tables),
        behind_pooler=facts["process"] != connection.get_server_pid(),
    )
    return replace(found, cause=guard.cause, server=server)


def _connected(standbys: Row) -> int | None:
    return None if standbys["hidden"] else int(standbys["synchronous"])
