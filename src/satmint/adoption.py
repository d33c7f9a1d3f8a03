"""Begins a new incarnation of a database, for `satmint db restore` and `satmint db adopt`."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from satmint.flows.incarnation import IncarnationGuard
from satmint.model.clock import Clock
from satmint.model.database_url import DatabaseUrl, is_postgres, without_password
from satmint.model.entropy import Entropy
from satmint.model.events import Origin
from satmint.model.incarnation import DatabaseCopied, Incarnation
from satmint.model.records import ApiToken, C2cToken, Project
from satmint.settings import Settings, SettingsError
from satmint.store.contract import Store
from satmint.store.sqlite.maintenance import check
from satmint.store.sqlite.restoring import DatabaseInUse, place_backup
from satmint.stores import (
    find_copy,
    guard_of,
    inspect_database,
    open_store,
    sqlite_file,
    sqlite_path,
)


@dataclass(frozen=True, slots=True)
class Adoption:
    """A new incarnation, and the credentials that came back with the database."""

    incarnation: Incarnation
    projects: Sequence[Project]
    api_tokens: Sequence[ApiToken]
    """All of them: which ones were deleted after the backup is not in it."""
    c2c_tokens: Sequence[C2cToken]
    """Those that are not disabled, for the same reason."""


async def adopt_database(
    settings: Settings, clock: Clock, entropy: Entropy, origin: Origin
) -> Adoption:
    """Begin a new incarnation on the database that is in place. All sessions end.

    Servers that use it stop within seconds, and may be started again.

    Raises:
        SettingsError: the database does not exist, or its marks cannot be written.
        StoreUnavailable: the database cannot be opened or written.
        SchemaUnknown: it lacks migrations, or another version of satmint has written it.
    """
    async with _opened(settings, clock, entropy) as (store, guard):
        incarnation = await guard.adopt(origin)
        found = store.incarnation
        return Adoption(
            incarnation,
            await found.projects(),
            await found.api_tokens(),
            await found.c2c_tokens(),
        )


async def copy_found(settings: Settings, clock: Clock) -> DatabaseCopied | None:
    """Why no server would start on the database, which is only read; None: it is no copy.

    Raises:
        SettingsError: the database URL is of an unknown kind, or the marks cannot be read.
        StoreUnavailable: the database cannot be opened or read.
        SchemaUnknown: another version of satmint has written it.
    """
    inspected = await inspect_database(settings, clock)
    return await find_copy(settings, inspected, clock)


async def confirm_moved(settings: Settings, clock: Clock, entropy: Entropy) -> Incarnation:
    """Continue the incarnation of a database that was moved and lacks nothing.

    Raises:
        DatabaseCopied: it is a backup, or is known to lack changes.
        SettingsError: see `adopt_database`.
        StoreUnavailable: see there.
        SchemaUnknown: see there.
    """
    async with _opened(settings, clock, entropy) as (_, guard):
        return await guard.confirm_moved()


async def restore_database(settings: Settings, backup: Path, stamp: str) -> Path | None:
    """Put a backup in the place of an SQLite database; `adopt_database` has to follow.

    Args:
        settings: The settings.
        backup: The file; it stays as it is.
        stamp: Ends the name under which the previous file is kept.

    Returns:
        The previous database file under its new name; None if there was none.

    Raises:
        SettingsError: the backup is damaged, the database is in use, or it is PostgreSQL: then the
            message names the commands to use.
        StoreUnavailable: the backup does not exist or is no database.
        SchemaUnknown: another version of satmint has written the backup.
        OSError: a file cannot be written.
    """
    url = without_password(settings.database)
    if is_postgres(settings.database):
        target = DatabaseUrl.of(settings.database).for_tools
        pg_restore = ["pg_restore", "--clean", "--if-exists", f"--dbname={target}", str(backup)]
        raise SettingsError(
            f"use the tool of PostgreSQL, then adopt: {shlex.join(pg_restore)} && satmint db adopt"
        )
    faults = (await asyncio.to_thread(check, backup)).faults
    if faults:
        message = f"{backup} is corrupt: {faults[0]}"
        raise SettingsError(message)
    try:
        path = await asyncio.to_thread(sqlite_file, settings.database)
        return await asyncio.to_thread(place_backup, backup, path, stamp)
    except DatabaseInUse as error:
        message = f"{url} is in use: stop its servers first"
        raise SettingsError(message) from error


@asynccontextmanager
async def _opened(
    settings: Settings, clock: Clock, entropy: Entropy
) -> AsyncIterator[tuple[Store, IncarnationGuard]]:
    if not is_postgres(settings.database):
        path = sqlite_path(settings.database)
        if not path.exists():
            message = f"there is no database at {path}"
            raise SettingsError(message)
    store = await open_store(settings, clock.now())
    try:
        yield store, guard_of(settings, store, clock, entropy)
    finally:
        await store.close()
