"""Versioned changes of the schema: `NNNN_name.sql`, applied in order, each in one transaction."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from satmint.store.contract import SchemaUnknown

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema's history."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of its text: an applied migration is never edited."""
        return sha256(self.sql.encode()).hexdigest()


def known_migrations() -> tuple[Migration, ...]:
    """All migrations that this version of satmint has, in order."""
    files = resources.files(__name__).iterdir()
    texts = {file.name: file.read_text() for file in files if file.name.endswith(".sql")}
    return tuple(
        Migration(int(name[:4]), name.removesuffix(".sql"), texts[name]) for name in sorted(texts)
    )


def pending_migrations(connection: sqlite3.Connection) -> tuple[Migration, ...]:
    """Those that this database still lacks.

    Raises:
        SchemaUnknown: it has one that this version does not know, or that reads otherwise.
    """
    exists = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
    ).fetchone()
    applied = dict(
        connection.execute("SELECT version, digest FROM schema_migrations").fetchall()
        if exists
        else ()
    )
    known = {migration.version: migration for migration in known_migrations()}
    for version, digest in applied.items():
        if version not in known:
            raise SchemaUnknown(f"schema version {version} is newer than this satmint")
        if known[version].digest != digest:
            raise SchemaUnknown(f"schema version {version} is not the one of this satmint")
    return tuple(known[version] for version in sorted(known.keys() - applied.keys()))


def migrate(connection: sqlite3.Connection, now: int) -> tuple[Migration, ...]:
    """Apply what is pending, all or nothing; returns what was applied.

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
            connection.execute(
                "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)",
                (migration.version, migration.name, migration.digest, now),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it by itself already
            connection.execute("ROLLBACK")
        raise
    return pending


def _statements(sql: str) -> Iterator[str]:
    """Single statements, since `executescript` would commit behind our back."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
