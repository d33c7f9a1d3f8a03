"""Offline maintenance of the database: migrate, check, find the latest expiry.

All of it is safe while servers use the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from satmint.model.database_url import DatabaseUrl
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_TOKEN_GRACE_SECONDS
from satmint.store.contract import Collision
from satmint.store.postgres.connecting import Connection, PostgresLimits
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.postgres.migrations import migrate, pending_migrations
from satmint.store.sql.known_keys import find_known_keys
from satmint.store.sql.subscriber_keys import assign_keys, find_collisions

_PATIENT_LIMITS: Final = PostgresLimits(connections=1, lock_seconds=60, statement_seconds=600)

# See the embedded store's query: the result may be too late, never too early.
_LATEST_EXPIRY: Final = """
SELECT coalesce(max(expiry), 0)::bigint AS latest,
       count(*) FILTER (WHERE expiry > $1) AS active FROM (
    SELECT greatest(first_until, least(lives_until, $3)) AS expiry
    FROM sessions WHERE revoked_at IS NULL AND created_at <= $2 AND lives_until > $1
) AS expiries
"""
_BROKEN_INDEXES: Final = """
SELECT pg_class.relname FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid
 WHERE NOT pg_index.indisvalid AND pg_class.relnamespace = current_schema()::regnamespace
 ORDER BY pg_class.relname
"""


async def migrate_database(url: str, now: int) -> tuple[str, ...]:
    """Migrate the database to the current schema.

    Subscribers that servers of the previous release have written since get their keys.

    Returns:
        The names of the applied migrations.

    Raises:
        StoreUnavailable: the database cannot be reached or written.
        SchemaUnknown: the database was written by another version of satmint.
    """
    async with patient_connections(url) as connections:
        applied = await connections.attempt(lambda db: migrate(db, now))
        await connections.transaction(lambda db: assign_keys(PostgresTransaction(db)))
    return tuple(migration.name for migration in applied)


async def check(url: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The damage that PostgreSQL reports, and the migrations that the database lacks.

    Raises:
        StoreUnavailable: the database cannot be reached.
        SchemaUnknown: the database was written by another version of satmint.
    """
    async with patient_connections(url) as connections:
        pending = await connections.attempt(pending_migrations)
        faults = await connections.attempt(broken_indexes)
    return faults, tuple(migration.name for migration in pending)


async def broken_indexes(connection: Connection) -> tuple[str, ...]:
    """What PostgreSQL says of indexes that it does not use, because their creation failed."""
    broken = await connection.fetch(_BROKEN_INDEXES)
    return tuple(f"the index {row['relname']} is not valid" for row in broken)


async def collisions(url: str) -> tuple[Collision, ...]:
    """Subscribers whose reference or e-mail address equals another's, from an earlier version.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    async with patient_connections(url) as connections:
        found = await connections.attempt(lambda db: find_collisions(PostgresTransaction(db)))
    return tuple(found)


async def known_keys(url: str) -> frozenset[str]:
    """See `KnownKeyStore.ids`.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    async with patient_connections(url) as connections:
        return await connections.attempt(lambda db: find_known_keys(PostgresTransaction(db)))


async def latest_expiry(url: str, issued_until: int, now: int) -> tuple[int, int]:
    """When the last token issued up to some moment expires.

    Tokens of revoked sessions do not count. The result may be too late, never too early.

    Args:
        url: The database's URL.
        issued_until: Unix seconds.
        now: Unix seconds.

    Returns:
        The latest expiry in Unix seconds (not after `now` if every token has expired), and the
        number of sessions with an unexpired token.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    standard_expiry = issued_until + ACCESS_SECONDS + REFRESH_TOKEN_GRACE_SECONDS
    async with patient_connections(url) as connections:
        row = await connections.attempt(
            lambda db: db.fetchrow(_LATEST_EXPIRY, now, issued_until, standard_expiry)
        )
    return row["latest"], row["active"]


@asynccontextmanager
async def patient_connections(url: str) -> AsyncIterator[ConnectionPool]:
    """One connection with long time limits, for statements that read whole tables."""
    connections = ConnectionPool(DatabaseUrl.of(url), _PATIENT_LIMITS)
    try:
        yield connections
    finally:
        await connections.close()
