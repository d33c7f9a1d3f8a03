"""Puts a backup in the place of the database file, without losing the previous one."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from satmint.store.sqlite.driver_errors import is_busy, map_driver_error
from satmint.store.sqlite.maintenance import copy_database, sync

_BESIDE: Final = ("-wal", "-shm")
"""Suffixes of the files that belong to a database file."""


class DatabaseInUse(Exception):
    """A process has the database open."""


def place_backup(backup: Path, database: Path, stamp: str) -> Path | None:
    """Replace the database file by a copy of `backup`, marked as a backup until it is adopted.

    A crash leaves the previous file or the copy in place, never a mixture.

    Args:
        backup: A database file, which stays as it is.
        database: The path of the database.
        stamp: Ends the name under which the previous file is kept.

    Returns:
        The previous database file under its new name; None if there was none.

    Raises:
        DatabaseInUse: a process has the database open.
        StoreUnavailable: `backup` cannot be read.
        OSError: a file cannot be written.
    """
    if database.is_symlink():  # the link stays
        database = Path(os.path.realpath(database))
    copy = database.with_name(f".{database.name}.restoring")
    for name in (copy, *_beside(copy)):
        name.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        copy_database(backup, copy, lambda _done, _total: None)
        if os.geteuid() == 0:
            owner = (database if database.exists() else database.absolute().parent).stat()
            os.chown(copy, owner.st_uid, owner.st_gid)
        sync(copy)
        previous = _set_aside(database, stamp) if database.exists() else None
        copy.replace(database)
    finally:
        copy.unlink(missing_ok=True)
    sync(database.absolute().parent)
    return previous


def _set_aside(database: Path, stamp: str) -> Path:
    """Give the previous file a second name, and its log with it."""
    _close_log(database)
    previous = database.with_name(f"{database.name}.{stamp}")
    os.link(database, previous)
    # Only a damaged database still has them; the restored one must not find them.
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{database}{suffix}").rename(f"{previous}{suffix}")
    return previous


def _close_log(database: Path) -> None:
    """Write the log to the database file and remove it, which no process may be using."""
    try:
        with closing(sqlite3.connect(database, timeout=0.5, isolation_level=None)) as connection:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if is_busy(error):
            raise DatabaseInUse from error
        code = getattr(error, "sqlite_errorcode", None)
        if code not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise map_driver_error(error) from error
        return  # damaged: a reason to restore it
    if mode is None or mode[0] != "delete":
        raise DatabaseInUse


def _beside(database: Path) -> list[Path]:
    return [Path(f"{database}{suffix}") for suffix in _BESIDE]
