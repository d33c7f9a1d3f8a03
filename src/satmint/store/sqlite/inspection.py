"""Inspects a database file without changing it or what is beside it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract.inspection import DatabaseInspection
from satmint.store.sql.inspection import inspect_content
from satmint.store.sqlite.database import SqliteTransaction, run
from satmint.store.sqlite.driver_errors import map_driver_error
from satmint.store.sqlite.log_file import log_of
from satmint.store.sqlite.migrations import pending_migrations

_BUSY_SECONDS: Final = 2.0


def inspect_file(path: Path) -> DatabaseInspection:
    """Inspect a database file, which servers may be using.

    A log that a server left behind is read, but not applied to the file.

    Raises:
        StoreUnavailable: the file does not exist, cannot be read, or is not a database.
        SchemaUnknown: another version of satmint has written it.
    """
    if not path.exists():
        raise StoreUnavailable("no_such_file")
    try:
        with closing(_open(path)) as connection:
            pending = pending_migrations(connection)
            if pending:
                return DatabaseInspection(tuple(migration.name for migration in pending))
            return run(inspect_content(SqliteTransaction(connection)))
    except sqlite3.Error as error:
        raise map_driver_error(error) from error


def supports_log(folder: Path) -> bool:
    """Whether a database in `folder` can have a write-ahead log. Creates a file in it.

    Raises:
        StoreUnavailable: no database can be created there.
    """
    try:
        with closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as connection:
            mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute("CREATE TABLE one (two INTEGER)")
    except sqlite3.Error as error:
        raise map_driver_error(error) from error
    return mode == "wal"


def _open(path: Path) -> sqlite3.Connection:
    """Open the file for reading.

    Without a log, no process has the file open, and SQLite would create one beside it.
    """
    mode = "mode=ro" if log_of(path).exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
    connection.execute("BEGIN")
    return connection
