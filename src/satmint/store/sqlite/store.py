"""The embedded store: all its parts, and how to open it."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import Backlog, PurgeResult, SchemaUnknown
from satmint.store.sql.migrations import Migration
from satmint.store.sql.store import SqlStore
from satmint.store.sql.write_guard import WriteGuard
from satmint.store.sqlite.connection import BUSY_SECONDS, check_durable, connect
from satmint.store.sqlite.database import SqliteDatabase
from satmint.store.sqlite.database_file import REPLACED, DatabaseFile
from satmint.store.sqlite.driver_errors import map_driver_error
from satmint.store.sqlite.incarnation import SqliteIncarnation
from satmint.store.sqlite.migrations import migrate, pending_migrations
from satmint.store.sqlite.sessions import SqliteSessions
from satmint.store.sqlite.workers import ConnectionWorker, ReaderPool, WriterWorker

_UNSUITABLE: Final = frozenset({REPLACED, "sqlite_no_wal", "sqlite_commits_not_durable"})


class SqliteStore(SqlStore):
    """See `Store`. Created by `open_sqlite`."""

    def __init__(
        self,
        writer: ConnectionWorker,
        reader: ReaderPool,
        file: DatabaseFile,
        guard: WriteGuard,
    ) -> None:
        self._writer = writer
        self._file = file
        self._guard = guard
        self._reader = reader
        db = SqliteDatabase(writer, reader)
        super().__init__(db)
        self.sessions = SqliteSessions(writer, reader, db)
        self.incarnation = SqliteIncarnation(db, reader)

    def on_revocation(self, callback: Callable[[], None]) -> None:
        """See `Store.on_revocation`: SQLite has no notifications."""

    async def purge(self, now: int, events_before: int, limit: int) -> PurgeResult:
        """See `Store.purge`."""
        self.sessions.clock.observe(now)
        return await super().purge(now, events_before, limit)

    async def ready(self) -> None:
        """See `Store.ready`."""
        try:
            self._file.check()
            pending = await self._reader.submit(_check)
        except StoreUnavailable as error:
            if error.cause in _UNSUITABLE:
                self._guard.cause = error.cause
            raise
        except SchemaUnknown:
            self._guard.cause = "schema_unknown"
            raise
        if pending:
            self._guard.cause = "schema_unknown"
            raise SchemaUnknown("the database lacks migrations: run `satmint db migrate`")
        self._guard.cause = ""

    def backlog(self) -> Backlog:
        """See `Store.backlog`."""
        return Backlog(seen_marks=len(self.sessions.seen_marks))

    async def close(self) -> None:
        """See `Store.close`."""
        await self.projects.api_token_uses.close()
        await self.sessions.close()
        await self._writer.close()
        await self._reader.close()


def _check(connection: sqlite3.Connection) -> tuple[Migration, ...]:
    check_durable(connection)
    return pending_migrations(connection)


async def open_sqlite(
    path: Path,
    now: int,
    observe_batch: Callable[[int], None] = lambda _size: None,
    busy_seconds: float = BUSY_SECONDS,
    observe_migrations: Callable[[tuple[str, ...]], None] = lambda _names: None,
) -> SqliteStore:
    """Open the database file; creates it and applies migrations as needed.

    Args:
        path: The file; its directory must exist.
        now: Unix seconds, for the migration history.
        observe_batch: Called with the size of each write batch.
        busy_seconds: How long to wait for a lock that another process holds.
        observe_migrations: Called with the names of the migrations that an older file lacked.

    Raises:
        StoreUnavailable: the file cannot be opened, or is locked by another process.
        SchemaUnknown: the file was written by another version of satmint.
    """

    def prepare() -> tuple[sqlite3.Connection, ...]:
        writer = connect(path, busy_seconds=busy_seconds)
        try:
            applied = migrate(writer, now)
        except sqlite3.Error as error:
            writer.close()
            raise map_driver_error(error) from error
        except BaseException:
            writer.close()
            raise
        if applied and applied[0].version > 1:
            observe_migrations(tuple(migration.name for migration in applied))
        lookups, reader, lister = (connect(path, busy_seconds=busy_seconds) for _ in range(3))
        for connection in (lookups, reader, lister):
            connection.execute("PRAGMA query_only = ON")
        for connection in (reader, lister):  # the pages that these read are rarely read again
            connection.execute("PRAGMA cache_size = -4096")
        return writer, lookups, reader, lister

    writer, lookups, reader, lister = await asyncio.to_thread(prepare)
    guard = WriteGuard()
    file = DatabaseFile(path, guard)
    return SqliteStore(
        WriterWorker(writer, "satmint-writer", observe_batch, busy_seconds, guard, file),
        ReaderPool(
            lookups,
            ConnectionWorker(reader, "satmint-reader"),
            ConnectionWorker(lister, "satmint-lister"),
        ),
        file,
        guard,
    )
