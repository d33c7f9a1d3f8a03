"""Opening the database file, and telling trouble with it from a bug of ours."""

import sqlite3
from pathlib import Path
from typing import Final

from satmint.model.refusals import StoreUnavailable

BUSY_SECONDS: Final = 5.0
"""How long a step waits for a lock that another process holds, before it gives up."""

_OLDEST_SQLITE: Final = (3, 37, 0)  # STRICT tables

_PRAGMAS: Final = (
    "journal_mode = WAL",
    # A commit returns after the log is on disk. NORMAL would lose the last ones.
    "synchronous = FULL",
    "cache_size = -65536",
    "temp_store = MEMORY",
    # Fewer, larger checkpoints: each one writes a changed page once, however often it changed.
    "wal_autocheckpoint = 16000",
    "journal_size_limit = 67108864",
)

_TROUBLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
    }
)
"""Primary result codes that speak of the machine, not of our SQL."""


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection that commits only where it is told to, durably.

    Raises:
        StoreUnavailable: the file cannot be opened or is no database.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreUnavailable("sqlite_too_old")
    connection = None
    try:
        connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise trouble(error) from error
    return connection


def is_trouble(error: sqlite3.Error) -> bool:
    """Whether the database is at fault (full, locked, unreadable), rather than our code."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and (code & 0xFF) in _TROUBLE


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and (code & 0xFF) == sqlite3.SQLITE_BUSY


def trouble(error: sqlite3.Error) -> Exception:
    """The refusal that stands for `error`; the error itself where it is a bug."""
    if is_trouble(error):
        return StoreUnavailable(str(getattr(error, "sqlite_errorname", "sqlite")).lower())
    return error
