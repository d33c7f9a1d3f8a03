"""Offline maintenance of the database file: migrate, check, back up, find the latest expiry.

All of it is safe while servers use the same file.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from satmint.model.incarnation import BACKUP
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import Collision
from satmint.store.sql.known_keys import find_known_keys
from satmint.store.sql.migrations import Migration
from satmint.store.sql.subscriber_keys import find_collisions
from satmint.store.sqlite.connection import BUSY_SECONDS, connect
from satmint.store.sqlite.database import SqliteTransaction, run
from satmint.store.sqlite.driver_errors import map_driver_error
from satmint.store.sqlite.migrations import migrate, pending_migrations

_PAGES_PER_STEP: Final = 2048
_MAX_FAULTS: Final = 20
_HAS_INCARNATION: Final = (
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'incarnation'"
)

# A session's first pair may have a long requested lifetime. Every other token issued by then
# expires within two hours and five minutes.
_LATEST_EXPIRY: Final = """
SELECT coalesce(max(expiry), 0), count(*) FILTER (WHERE expiry > :now) FROM (
    SELECT max(coalesce(first_until, lives_until), min(lives_until, :standard_expiry)) AS expiry
    FROM sessions WHERE revoked_at IS NULL AND created_at <= :by AND lives_until > :now
)
"""


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The result of a database check."""

    faults: tuple[str, ...]
    """Damage that the database reports; empty if there is none."""
    pending: tuple[str, ...]
    """Migrations of this version of satmint that the database lacks."""
    collisions: tuple[Collision, ...] = ()
    """Subscribers whose reference or e-mail address equals another's, from an earlier version."""
    known_keys: frozenset[str] = frozenset()
    """See `KnownKeyStore.ids`."""

    @property
    def healthy(self) -> bool:
        """Whether a server can use the database."""
        return not self.faults and not self.pending


def migrate_file(path: Path, now: int) -> tuple[str, ...]:
    """Migrate the file to the current schema, creating it if necessary.

    Returns:
        The names of the applied migrations.

    Raises:
        StoreUnavailable: the file cannot be opened or written.
        SchemaUnknown: the file was written by another version of satmint.
    """
    with closing(connect(path)) as connection:
        try:
            return _names(migrate(connection, now))
        except sqlite3.Error as error:
            raise map_driver_error(error) from error


def check(path: Path) -> DatabaseHealth:
    """Read every page and every index of the file, and compare its schema with ours.

    Raises:
        StoreUnavailable: the file does not exist or is not a database.
        SchemaUnknown: the file was written by another version of satmint.
    """
    try:
        with closing(open_existing(path)) as connection:
            damage = connection.execute(f"PRAGMA integrity_check({_MAX_FAULTS})").fetchall()
            faults = tuple(row[0] for row in damage if row[0] != "ok")
            pending = _names(pending_migrations(connection))
            if faults or pending:
                return DatabaseHealth(faults, pending)
            tx = SqliteTransaction(connection)
            collisions, known_keys = run(find_collisions(tx)), run(find_known_keys(tx))
            return DatabaseHealth(faults, pending, tuple(collisions), known_keys)
    except sqlite3.Error as error:
        raise map_driver_error(error) from error


def backup(path: Path, destination: Path, progress: Callable[[int, int], None]) -> int:
    """Copy the current state of the database while servers continue to read and write.

    The copy appears under its name once it is complete and on disk, readable by its owner only.
    It is recognised as a backup: see `satmint.model.incarnation`.

    Args:
        path: The database file.
        destination: Path of the copy; must not exist.
        progress: Called with the number of copied pages and the total.

    Returns:
        The size of the copy in bytes.

    Raises:
        FileExistsError: `destination` exists.
        OSError: the copy cannot be written.
        StoreUnavailable: the database does not exist or cannot be read.
    """
    if destination.exists():
        raise FileExistsError(destination)
    if destination.is_symlink():  # to a file that does not exist yet
        destination = Path(os.path.realpath(destination))
    unfinished = destination.with_name(f".{destination.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        copy_database(path, unfinished, progress)
        sync(unfinished)
        _publish(unfinished, destination)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(destination.parent)
    return destination.stat().st_size


def _publish(unfinished: Path, destination: Path) -> None:
    """Give the copy its name; never replaces a file that was created in the meantime."""
    try:
        os.link(unfinished, destination)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links; a rename would replace an existing file
        if destination.exists():
            raise FileExistsError(destination) from None
        unfinished.rename(destination)


def copy_database(path: Path, copy: Path, progress: Callable[[int, int], None]) -> None:
    """Copy a consistent state of the database into an empty file, and mark it as a backup.

    Raises:
        StoreUnavailable: the database does not exist or cannot be read.
    """
    try:
        with closing(open_existing(path)) as source, closing(sqlite3.connect(copy)) as target:
            # One read transaction around all steps: otherwise every write by a server restarts the
            # copy, and under load it would never end.
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            source.backup(
                target,
                pages=_PAGES_PER_STEP,
                progress=lambda _, left, total: progress(total - left, total),
            )
            source.execute("COMMIT")
            if target.execute(_HAS_INCARNATION).fetchone() is not None:
                target.execute("UPDATE incarnation SET location = ?", (BACKUP,))
                target.commit()
    except sqlite3.Error as error:
        raise map_driver_error(error) from error


def latest_expiry(path: Path, issued_until: int, now: int) -> tuple[int, int]:
    """When the last token issued up to some moment expires.

    Tokens of revoked sessions do not count. The result may be too late, never too early.

    Args:
        path: The database file.
        issued_until: Unix seconds.
        now: Unix seconds.

    Returns:
        The latest expiry in Unix seconds (not after `now` if every token has expired), and the
        number of sessions with an unexpired token.

    Raises:
        StoreUnavailable: the database does not exist or cannot be read.
    """
    standard_expiry = issued_until + ACCESS_SECONDS + REFRESH_TOKEN_GRACE_SECONDS
    try:
        with closing(open_existing(path)) as connection:
            row = connection.execute(
                _LATEST_EXPIRY, {"by": issued_until, "now": now, "standard_expiry": standard_expiry}
            ).fetchone()
    except sqlite3.Error as error:
        raise map_driver_error(error) from error
    return row[0], row[1]


def open_existing(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading; never creates one."""
    if not path.exists():
        raise StoreUnavailable("no_such_file")
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _names(migrations: tuple[Migration, ...]) -> tuple[str, ...]:
    return tuple(migration.name for migration in migrations)


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
