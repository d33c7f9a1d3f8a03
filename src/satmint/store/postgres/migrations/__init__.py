"""Versioned changes of the schema: `NNNN_name.sql`, applied in order, all or nothing.

An old and a new server live side by side while one is replaced by the other. So a change is made in
two releases: the first one adds (expands) what the new server needs, the later one removes
(contracts) what only the old one needed. A migration says with `-- works with NNNN` in its first
line which is the oldest schema whose servers go on working after it; without that line none does
but its own.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import Final

import asyncpg

from satmint.store.contract import SchemaUnknown
from satmint.store.postgres.connections import Connection

_LOCK: Final = 0x5A7_313A_7E57
"""An advisory lock: nodes that are started at once migrate one after the other."""

_HISTORY: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    BIGINT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    works_with BIGINT NOT NULL,
    applied_at BIGINT NOT NULL
)
"""
_WORKS_WITH: Final = re.compile(r"-- works with (\d{4})\b")


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

    @property
    def works_with(self) -> int:
        """The oldest schema version whose servers go on working after it."""
        said = _WORKS_WITH.match(self.sql)
        return self.version if said is None else int(said[1])


def known_migrations() -> tuple[Migration, ...]:
    """All migrations that this version of satmint has, in order."""
    files = resources.files(__name__).iterdir()
    texts = {file.name: file.read_text() for file in files if file.name.endswith(".sql")}
    return tuple(
        Migration(int(name[:4]), name.removesuffix(".sql"), texts[name]) for name in sorted(texts)
    )


async def pending_migrations(connection: Connection) -> tuple[Migration, ...]:
    """Those that this database still lacks.

    Raises:
        SchemaUnknown: it has one that this version does not know and cannot work with, or that
            reads otherwise.
    """
    try:
        applied = await connection.fetch(
            "SELECT version, digest, works_with FROM schema_migrations ORDER BY version"
        )
    except asyncpg.UndefinedTableError:
        applied = []
    known = {migration.version: migration for migration in known_migrations()}
    for version, digest, works_with in applied:
        if version not in known:
            if works_with > max(known):
                raise SchemaUnknown(f"schema version {version} is newer than this satmint")
        elif known[version].digest != digest:
            raise SchemaUnknown(f"schema version {version} is not the one of this satmint")
    there = {row["version"] for row in applied}
    return tuple(known[version] for version in sorted(known.keys() - there))


async def migrate(connection: Connection, now: int) -> tuple[Migration, ...]:
    """Apply what is pending, all or nothing; returns what was applied.

    Raises:
        SchemaUnknown: see `pending_migrations`.
    """
    # Stricter isolation would look at the history as it was before the wait for the lock.
    async with connection.transaction(isolation="read_committed"):
        await connection.execute("SET LOCAL lock_timeout = '60s'")
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=600)
        await connection.execute(_HISTORY)
        pending = await pending_migrations(connection)
        for migration in pending:
            await connection.execute(migration.sql, timeout=3600)
            await connection.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, $3, $4, $5)",
                migration.version,
                migration.name,
                migration.digest,
                migration.works_with,
                now,
            )
    return pending
