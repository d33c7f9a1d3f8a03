"""Looking after the database file from outside of a server: migrate, check, back up.

All of it may be done while servers run on the same file.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_OVERHANG_SECONDS
from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite.connection import BUSY_SECONDS, connect, trouble
from satmint.store.sqlite.migrations import Migration, migrate, pending_migrations

_PAGES_A_STEP: Final = 2048
_FAULTS_SHOWN: Final = 20

# A first pair may have been asked to live for long. Any other token made by then is dead two hours
# and five minutes later.
_LATEST_DEATH: Final = """
SELECT coalesce(max(death), 0), count(*) FILTER (WHERE death > :now) FROM (
    SELECT max(coalesce(first_until, lives_until), min(lives_until, :usual)) AS death
    FROM sessions WHERE revoked_at IS NULL AND created_at <= :by AND lives_until > :now
)
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a check found."""

    faults: tuple[str, ...]
    """What SQLite says is damaged; empty: nothing is."""
    pending: tuple[str, ...]
    """Migrations that this version of satmint has and the file lacks."""

    @property
    def sound(self) -> bool:
        """Whether a server can work on it."""
        return not self.faults and not self.pending


def migrate_file(path: Path, now: int) -> tuple[str, ...]:
    """Bring the file to the present schema, creating it if need be; names what was applied.

    Raises:
        StoreUnavailable: it cannot be opened or written.
        SchemaUnknown: it was written by another version of satmint.
    """
    with closing(connect(path)) as connection:
        try:
            return _names(migrate(connection, now))
        except sqlite3.Error as error:
            raise trouble(error) from error


def check(path: Path) -> Condition:
    """Read every page and every index of the file, and compare its schema with ours.

    Raises:
        StoreUnavailable: it is not there or no database.
        SchemaUnknown: it was written by another version of satmint.
    """
    try:
        with closing(_open_existing(path)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({_FAULTS_SHOWN})").fetchall()
            faults = tuple(row[0] for row in found if row[0] != "ok")
            return Condition(faults, _names(pending_migrations(connection)))
    except sqlite3.Error as error:
        raise trouble(error) from error


def backup(path: Path, destination: Path, progress: Callable[[int, int], None]) -> int:
    """Copy the database as it is at this moment, while servers go on reading and writing.

    The copy appears under its name once it is whole and on disk, readable by its owner only.
    To restore it, stop the servers, put it in the database's place and remove the files beside
    it that end in `-wal` and `-shm`.

    Args:
        path: The database file.
        destination: Where to; must not exist.
        progress: Told how many pages are done, of how many.

    Returns:
        The size of the copy in bytes.

    Raises:
        FileExistsError: there is something at `destination` already.
        OSError: the copy cannot be written.
        StoreUnavailable: the database is not there, or cannot be read.
    """
    if destination.exists():
        raise FileExistsError(destination)
    unfinished = destination.with_name(f".{destination.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _copy(path, unfinished, progress)
        _sync(unfinished)
        _publish(unfinished, destination)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync(destination.parent)
    return destination.stat().st_size


def _publish(unfinished: Path, destination: Path) -> None:
    """Give the copy its name, never in the place of what somebody put there in the meantime."""
    try:
        os.link(unfinished, destination)
    except FileExistsError:
        raise
    except OSError:  # a file system without links; a rename would replace what is there
        if destination.exists():
            raise FileExistsError(destination) from None
        unfinished.rename(destination)


def _copy(path: Path, copy: Path, progress: Callable[[int, int], None]) -> None:
    try:
        with closing(_open_existing(path)) as source, closing(sqlite3.connect(copy)) as target:
            # One read transaction around all steps. Without it, each write by a server would make
            # the copy start over, and under load it would never end.
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            source.backup(
                target,
                pages=_PAGES_A_STEP,
                progress=lambda _, left, total: progress(total - left, total),
            )
            source.execute("COMMIT")
    except sqlite3.Error as error:
        raise trouble(error) from error


def latest_death(path: Path, made_by: int, now: int) -> tuple[int, int]:
    """Until when tokens live that were made up to some moment.

    Tokens of revoked sessions do not count. Where it cannot tell, it says later, never earlier.

    Args:
        path: The database file.
        made_by: Unix seconds.
        now: Unix seconds.

    Returns:
        When the last of them dies, in Unix seconds (not after `now`: none is alive), and how many
        sessions have one that is alive.

    Raises:
        StoreUnavailable: the database is not there, or cannot be read.
    """
    usual = made_by + ACCESS_SECONDS + REFRESH_OVERHANG_SECONDS
    try:
        with closing(_open_existing(path)) as connection:
            row = connection.execute(
                _LATEST_DEATH, {"by": made_by, "now": now, "usual": usual}
            ).fetchone()
    except sqlite3.Error as error:
        raise trouble(error) from error
    return row[0], row[1]


def _open_existing(path: Path) -> sqlite3.Connection:
    """A connection that reads only, and creates nothing."""
    if not path.exists():
        raise StoreUnavailable("no_such_file")
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _names(migrations: tuple[Migration, ...]) -> tuple[str, ...]:
    return tuple(migration.name for migration in migrations)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
