"""Applies migrations to SQLite."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from satmint.store.sql.migrations import Migration, migrations_of, pending_of
from satmint.store.sqlite.database import SqliteTransaction, run

_HISTORY: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT
"""


def known_migrations() -> tuple[Migration, ...]:
    """All migrations of this version of satmint, in order."""
    return migrations_of("sqlite")


def pending_migrations(connection: sqlite3.Connection) -> tuple[Migration, ...]:
    """The migrations that this database lacks.

    Raises:
        SchemaUnknown: the database has a migration that this version does not know, or with a
            different text.
    """
    exists = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
    ).fetchone()
    history = "SELECT version, digest, version FROM schema_migrations ORDER BY version"
    return pending_of(known_migrations(), connection.execute(history) if exists else ())


def migrate(connection: sqlite3.Connection, now: int) -> tuple[Migration, ...]:
    """Apply all pending migrations or none. Returns the applied ones.

    Raises:
        SchemaUnknown: see `pending_migrations`.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_HISTORY)
        pending = pending_migrations(connection)
        for migration in pending:
            for statement in _statements(migration.sql):
                connection.execute(statement)
            if migration.step is not None:
                run(migration.step(SqliteTransaction(connection)))
            connection.execute(
                "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)",
                (migration.version, migration.name, migration.digest, now),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself on a full disk
            connection.execute("ROLLBACK")
        raise
    return pending


def _statements(sql: str) -> Iterator[str]:
    """Split into statements: `executescript` would commit the open transaction."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
