"""Opens the database that the settings name, and what recognises a copy of it.

Only this module, `satmint.maintenance`, `satmint.adoption` and `satmint.copying` name the kinds of
stores.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from satmint.flows.incarnation import IncarnationGuard, copied_error
from satmint.incarnation_file import (
    file_guard,
    marks_beside_file,
    marks_beside_keyring,
    marks_of_file,
    server_guard,
)
from satmint.keyring_file import absolute_file
from satmint.model.clock import Clock
from satmint.model.database_url import is_postgres
from satmint.model.entropy import Entropy
from satmint.model.incarnation import (
    Copy,
    DatabaseCopied,
    Found,
    has_log_of_another_file,
    recognise_copy,
)
from satmint.settings import Settings, SettingsError
from satmint.store.contract import DatabaseInspection, Store
from satmint.store.sqlite import open_sqlite
from satmint.store.sqlite.inspection import inspect_file, supports_log
from satmint.store.sqlite.log_file import salt_of_log, user_version_in_file, user_versions_in_log

__all__ = [
    "find_copy",
    "guard_of",
    "inspect_database",
    "open_store",
    "sqlite_file",
    "sqlite_path",
    "supports_log",
]

_SQLITE_PREFIX: Final = "sqlite:///"
_MORE_INSPECTIONS: Final = 2
"""Of a database that may be an older copy."""


async def open_store(
    settings: Settings,
    now: int,
    observe_batch: Callable[[int], None] = lambda _size: None,
    *,
    migrating: bool = False,
    database_time: bool = False,
    observe_migrations: Callable[[tuple[str, ...]], None] = lambda _names: None,
) -> Store:
    """Open the store of the setting `database`.

    Args:
        settings: The settings.
        now: Unix seconds.
        observe_batch: Called with the size of each write batch.
        migrating: Whether to migrate a PostgreSQL database.
        database_time: Whether the clock of a PostgreSQL database measures the windows of rotation.
        observe_migrations: Called with the names of the migrations that an older file lacked.

    Raises:
        SettingsError: the database URL is of an unknown kind.
        StoreUnavailable: the database cannot be opened.
        SchemaUnknown: it lacks migrations, or another version of satmint has written it.
        DatabaseCopied: see `sqlite_file`.
    """
    if not is_postgres(settings.database):
        path = await asyncio.to_thread(sqlite_file, settings.database)
        return await open_sqlite(
            path.absolute(), now, observe_batch, observe_migrations=observe_migrations
        )
    # Not above: a process on SQLite does not load the driver.
    from satmint.store.postgres import PostgresLimits, open_postgres  # noqa: PLC0415

    limits = PostgresLimits(
        connections=settings.database_connections,
        pooler=settings.database_pooler,
        allow_no_fsync=settings.database_without_fsync,
    )
    return await open_postgres(
        settings.database,
        now,
        observe_batch,
        migrating=migrating,
        limits=limits,
        database_time=database_time,
    )


async def inspect_database(settings: Settings, clock: Clock) -> DatabaseInspection:
    """Inspect the database without changing it, whether or not servers run.

    Args:
        settings: The settings.
        clock: This machine's.

    Raises:
        SettingsError: the database URL is of an unknown kind.
        StoreUnavailable: the database cannot be opened or read.
        SchemaUnknown: another version of satmint has written it.
        DatabaseCopied: see `sqlite_file`.
    """
    if not is_postgres(settings.database):
        path = await asyncio.to_thread(sqlite_file, settings.database)
        return await asyncio.to_thread(inspect_file, path.absolute())
    # See `open_store`.
    from satmint.store.postgres import PostgresLimits  # noqa: PLC0415
    from satmint.store.postgres.inspection import inspect_server  # noqa: PLC0415

    limits = PostgresLimits(
        pooler=settings.database_pooler, allow_no_fsync=settings.database_without_fsync
    )
    return await inspect_server(settings.database, limits, clock)


async def find_copy(
    settings: Settings, inspected: DatabaseInspection, clock: Clock
) -> DatabaseCopied | None:
    """Whether an inspected database is a copy, as a server would find at its start.

    A server may replace its mark between the two parts of a reading: the database is inspected
    again before it is called an older copy.

    Args:
        settings: The settings.
        inspected: What `inspect_database` has returned, without pending migrations.
        clock: This machine's.

    Raises:
        SettingsError: the marks cannot be read.
    """
    found = await asyncio.to_thread(_copied, settings, inspected)
    for _ in range(_MORE_INSPECTIONS):
        if found is None or found.copy is not Copy.OLDER:
            break
        inspected = await inspect_database(settings, clock)
        found = await asyncio.to_thread(_copied, settings, inspected)
    return found


def _copied(settings: Settings, inspected: DatabaseInspection) -> DatabaseCopied | None:
    if is_postgres(settings.database):
        marks = marks_beside_keyring(settings.database, absolute_file(settings.keyring))
    else:
        marks = marks_beside_file(sqlite_path(settings.database).absolute())
    current = inspected.incarnation
    mark = None if current is None else marks.mark_of(current.id)
    found = Found(
        incarnation=current,
        location=inspected.location,
        empty=inspected.is_empty,
        mark=mark,
        stored=None if mark is None else inspected.marks.get(mark.id),
        replaces_another=any(one.replaced_at for one in marks.of_database()),
    )
    copy = recognise_copy(found, requires_mark=not is_postgres(settings.database))
    return None if copy is None else copied_error(copy, marks.name, mark)


def guard_of(
    settings: Settings, store: Store, clock: Clock, entropy: Entropy, *, requires_mark: bool = True
) -> IncarnationGuard:
    """What recognises a restored database; see `IncarnationGuard` for the arguments."""
    url, parts = settings.database, (store.incarnation, clock, entropy)
    if is_postgres(url):
        return server_guard(url, absolute_file(settings.keyring), *parts)
    return file_guard(sqlite_path(url).absolute(), *parts, requires_mark=requires_mark)


def sqlite_file(database: str) -> Path:
    """The path of a database file that may be opened: its log, if it has one, is its own.

    Every program checks this before it opens the file: opening it applies the log.

    Raises:
        SettingsError: see `sqlite_path`.
        DatabaseCopied: the file was replaced by a copy, and the log was left in place.
    """
    path = sqlite_path(database)
    log_salt = salt_of_log(path)
    if log_salt is None:
        return path
    with marks_of_file(path) as marks:
        in_file = user_version_in_file(path) if marks else None
        if in_file is not None and has_log_of_another_file(
            marks, in_file, log_salt, partial(user_versions_in_log, path)
        ):
            message = (
                f"it is an older copy, and {path.name}-wal is the log of the file that it has"
                f" replaced: stop its servers, delete {path.name}-wal and {path.name}-shm, then run"
                " `satmint db adopt`, which ends every session"
            )
            raise DatabaseCopied(message, Copy.OLDER)
    return path


def sqlite_path(database: str) -> Path:
    """The path in `sqlite:///path`: relative with three slashes, absolute with four.

    Raises:
        SettingsError: the URL has another form.
    """
    path = unquote(database.removeprefix(_SQLITE_PREFIX))
    if not database.startswith(_SQLITE_PREFIX) or not path:
        raise SettingsError(
            "database must be of the form sqlite:///path/to/file or postgresql://user@host/name"
        )
    return Path(path)
