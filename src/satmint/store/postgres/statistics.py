"""How large the database is, by what PostgreSQL has recorded."""

from typing import Final

from satmint.store.contract.statistics import DatabaseStatistics, TableStatistics
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.maintenance import patient_connections
from satmint.store.sql.oldest_events import OLDEST_EVENTS

# `reltuples` is -1 before the first VACUUM or ANALYZE.
_TABLES: Final = """
SELECT pg_class.relname AS name,
       (CASE WHEN pg_class.reltuples < 0 THEN coalesce(stat.n_live_tup, 0)
             ELSE pg_class.reltuples END)::bigint AS rows,
       {size} AS size_bytes,
       stat.n_dead_tup AS dead_rows
  FROM pg_class LEFT JOIN pg_stat_user_tables AS stat ON stat.relid = pg_class.oid
 WHERE pg_class.relkind IN ('r', 'p') AND pg_class.relnamespace = current_schema()::regnamespace
       {hidden}
 ORDER BY pg_class.relname
"""
_OWN: Final = _TABLES.format(size="pg_total_relation_size(pg_class.oid)", hidden="")
_OF_CLUSTER: Final = _TABLES.format(
    size="""CASE WHEN pg_class.oid IN (SELECT logicalrelid FROM pg_dist_partition)
            THEN citus_total_relation_size(pg_class.oid, fail_on_error => false)
            ELSE pg_total_relation_size(pg_class.oid) END""",
    hidden="AND NOT relation_is_a_known_shard(pg_class.oid)",
)
"""The sizes are those of all nodes; the numbers of rows are the coordinator's."""

# A cluster reads the events of one project at a time in order.
_OLDEST_OF_PROJECT: Final = (
    "SELECT event_id FROM events WHERE project_id = $1 ORDER BY event_id LIMIT 1"
)


async def statistics(url: str) -> DatabaseStatistics:
    """Measure the database while servers use it.

    Raises:
        StoreUnavailable: it cannot be reached.
    """
    async with patient_connections(url) as connections:
        return await connections.attempt(_read)


async def _oldest_events(db: Connection) -> list[bytes | None]:
    """The id of the oldest event of each project."""
    if not db.is_distributed:
        return [row["event_id"] for row in await db.fetch(OLDEST_EVENTS)]
    projects = await db.fetch("SELECT project_id FROM projects")
    return [await db.fetchval(_OLDEST_OF_PROJECT, row["project_id"]) for row in projects]


async def _read(db: Connection) -> DatabaseStatistics:
    tables = tuple(
        TableStatistics(
            row["name"],
            rows=row["rows"],
            is_exact=False,
            size_bytes=row["size_bytes"],
            dead_rows=row["dead_rows"],
        )
        for row in await db.fetch(_OF_CLUSTER if db.is_distributed else _OWN)
    )
    events = await _oldest_events(db)
    return DatabaseStatistics(
        size_bytes=await db.fetchval("SELECT pg_database_size(current_database())"),
        wal_bytes=None,
        unused_bytes=None,
        oldest_event=min((event for event in events if event is not None), default=None),
        tables=tables,
    )
