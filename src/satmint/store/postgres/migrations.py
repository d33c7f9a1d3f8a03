"""Applies migrations to PostgreSQL."""

from typing import Final

import asyncpg

from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.postgres.distribution import distribute
from satmint.store.postgres.transactions import PROPAGATE
from satmint.store.sql.migrations import Migration, migrations_of, pending_of

_LOCK: Final = 0x5A7_313A_7E57
"""An advisory lock: nodes that start at the same time migrate one after the other."""

_HISTORY: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    BIGINT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    works_with BIGINT NOT NULL,
    applied_at BIGINT NOT NULL
)
"""


def known_migrations() -> tuple[Migration, ...]:
    """All migrations of this version of satmint, in order."""
    return migrations_of("postgres")


async def pending_migrations(connection: Connection) -> tuple[Migration, ...]:
    """The migrations that this database lacks.

    Raises:
        SchemaUnknown: the database has a migration that this version neither knows nor works
            with, or one with a different text.
    """
    history = "SELECT version, digest, works_with FROM schema_migrations ORDER BY version"
    try:
        applied = await connection.fetch(history)
    except asyncpg.UndefinedTableError:
        applied = []
    return pending_of(known_migrations(), applied)


async def migrate(connection: Connection, now: int) -> tuple[Migration, ...]:
    """Apply all pending migrations or none. Returns the applied ones.

    Raises:
        SchemaUnknown: see `pending_migrations`.
    """
    if connection.is_in_transaction():  # behind a pooler
        return await _migrate(connection, now)
    # A stricter level would read the history as it was before the wait for the lock.
    async with connection.transaction(isolation="read_committed"):
        return await _migrate(connection, now)


async def _migrate(connection: Connection, now: int) -> tuple[Migration, ...]:
    # Also on the nodes of a cluster, whose limits would end the distribution of large tables.
    await connection.execute(PROPAGATE)
    await connection.execute("SET LOCAL lock_timeout = '60s'")
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=600)
    await connection.execute(_HISTORY)
    pending = await pending_migrations(connection)
    for migration in pending:
        await connection.execute(migration.sql, timeout=3600)
        if migration.step is not None:
            await migration.step(PostgresTransaction(connection))
        await connection.execute(
            "INSERT INTO schema_migrations VALUES ($1, $2, $3, $4, $5)",
            migration.version,
            migration.name,
            migration.digest,
            migration.works_with,
            now,
        )
    await distribute(connection)
    return pending
