"""Looking after the database from outside of a server: migrate, check, count what still lives.

All of it may be done while servers run on it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from satmint.model.database_url import DatabaseUrl
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_OVERHANG_SECONDS
from satmint.store.postgres.connections import Connections, PostgresLimits
from satmint.store.postgres.migrations import migrate, pending_migrations

_PATIENT: Final = PostgresLimits(connections=1, lock_seconds=60, statement_seconds=600)

# See the same of the embedded store: where it cannot tell, it says later, never earlier.
_LATEST_DEATH: Final = """
SELECT coalesce(max(death), 0)::bigint AS latest,
       count(*) FILTER (WHERE death > $1) AS living FROM (
    SELECT greatest(first_until, least(lives_until, $3)) AS death
    FROM sessions WHERE revoked_at IS NULL AND created_at <= $2 AND lives_until > $1
) AS deaths
"""
_BROKEN_INDEXES: Final = """
SELECT pg_class.relname FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid
 WHERE NOT pg_index.indisvalid AND pg_class.relnamespace = current_schema()::regnamespace
 ORDER BY pg_class.relname
"""


async def migrate_database(url: str, now: int) -> tuple[str, ...]:
    """Bring the database to the present schema; names what was applied.

    Raises:
        StoreUnavailable: it cannot be reached or written.
        SchemaUnknown: it was written by another version of satmint.
    """
    async with _connections(url) as connections:
        applied = await connections.attempt(lambda db: migrate(db, now))
    return tuple(migration.name for migration in applied)


async def check(url: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with it as far as PostgreSQL knows, and the migrations that it lacks.

    Raises:
        StoreUnavailable: it cannot be reached.
        SchemaUnknown: it was written by another version of satmint.
    """
    async with _connections(url) as connections:
        pending = await connections.attempt(pending_migrations)
        broken = await connections.attempt(lambda db: db.fetch(_BROKEN_INDEXES))
    faults = tuple(f"the index {row['relname']} is not valid" for row in broken)
    return faults, tuple(migration.name for migration in pending)


async def latest_death(url: str, made_by: int, now: int) -> tuple[int, int]:
    """Until when tokens live that were made up to some moment.

    Tokens of revoked sessions do not count. Where it cannot tell, it says later, never earlier.

    Args:
        url: Where the database is.
        made_by: Unix seconds.
        now: Unix seconds.

    Returns:
        When the last of them dies, in Unix seconds (not after `now`: none is alive), and how many
        sessions have one that is alive.

    Raises:
        StoreUnavailable: it cannot be reached.
    """
    usual = made_by + ACCESS_SECONDS + REFRESH_OVERHANG_SECONDS
    async with _connections(url) as connections:
        row = await connections.attempt(lambda db: db.fetchrow(_LATEST_DEATH, now, made_by, usual))
    return row["latest"], row["living"]


@asynccontextmanager
async def _connections(url: str) -> AsyncIterator[Connections]:
    connections = Connections(DatabaseUrl.of(url), _PATIENT)
    try:
        yield connections
    finally:
        await connections.close()
