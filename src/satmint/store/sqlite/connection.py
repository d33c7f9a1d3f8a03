"""Opens the database file."""

import sqlite3
from pathlib import Path
from typing import Final

from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite.driver_errors import map_driver_error

BUSY_SECONDS: Final = 5.0
"""How long a step waits for a lock that another process holds."""

_OLDEST_SQLITE: Final = (3, 37, 0)  # STRICT tables

_FULL: Final = 2
"""`PRAGMA synchronous`."""

_PRAGMAS: Final = (
    "journal_mode = WAL",
    # A commit returns after the log is on disk. NORMAL would lose the latest commits.
    "synchronous = FULL",
    "cache_size = -65536",
    "temp_store = MEMORY",
    # Fewer, larger checkpoints: each writes a page once, however often it has changed.
    "wal_autocheckpoint = 16000",
    "journal_size_limit = 67108864",
)

# Before it binds a value of these types, Python's driver asks both the type and the value how to
# adapt it, and formats an error message each time they do not know. An adapter that returns the
# value costs less than half of that, and a first sign-in binds dozens of them.
_NONE: Final[dict[None, None]] = {}
sqlite3.register_adapter(bytes, bytes.__bytes__)
sqlite3.register_adapter(type(None), _NONE.get)


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection with explicit, durable commits.

    Raises:
        StoreUnavailable: the file cannot be opened or is not a database.
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
        check_durable(connection)
    except (sqlite3.Error, StoreUnavailable) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StoreUnavailable):
            raise
        raise map_driver_error(error) from error
    return connection


def check_durable(connection: sqlite3.Connection) -> None:
    """Check what a durable commit of a connection depends on.

    Raises:
        StoreUnavailable: the file cannot have a write-ahead log, or it is not synchronised.
    """
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        raise StoreUnavailable("sqlite_no_wal")
    if connection.execute("PRAGMA synchronous").fetchone()[0] < _FULL:
        raise StoreUnavailable("sqlite_commits_not_durable")
