"""Copies a database, verifies the copy, and lets it continue in the place of its source.

The copy is the successor: it continues the incarnation, under the next number, and its source is
retired before a server can start on the copy. See docs/adr/0024-database-copy.md.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from satmint.copying.rows import CopyObserver, SourceFailed, compare_tables, copy_tables
from satmint.copying.samples import SampleLost, Samples
from satmint.flows.service_context import service_context
from satmint.jose import Keyring, TokenCipher
from satmint.keyring_file import open_keyring
from satmint.model.clock import Clock
from satmint.model.database_reasons import database_reason
from satmint.model.database_url import DatabaseUrl, is_postgres, without_password
from satmint.model.entropy import Entropy
from satmint.model.incarnation import (
    COPYING,
    Copy,
    DatabaseCopied,
    Incarnation,
    complete_copy,
    copied_source,
)
from satmint.model.refusals import StoreUnavailable
from satmint.policies import policy_of
from satmint.settings import Settings, SettingsError
from satmint.store.contract import DatabaseInspection, SchemaUnknown
from satmint.store.contract.copying import (
    CopyEndpoint,
    DatabaseBusy,
    TextNotStorable,
)
from satmint.store.sqlite.copying import open_file
from satmint.stores import (
    find_copy,
    guard_of,
    inspect_database,
    open_store,
    sqlite_file,
    sqlite_path,
)

_AGAIN: Final = "run the same command again to continue"


@dataclass(frozen=True, slots=True)
class CopyResult:
    """A finished copy."""

    incarnation: Incarnation
    rows: dict[str, int]
    """By table. Empty if all had been copied and verified by an earlier call."""
    samples: dict[str, int]
    """How many credentials of each kind were tried in the copy."""


@dataclass(frozen=True, slots=True)
class _Copying:
    settings: Settings
    """Of the source."""
    target: Settings
    clock: Clock
    entropy: Entropy
    observer: CopyObserver
    keyring: Keyring


async def copy_database(
    settings: Settings, target_url: str, clock: Clock, entropy: Entropy, observer: CopyObserver
) -> CopyResult:
    """Copy the database of the settings to an empty one, verify it, and retire the source.

    Nothing of the source is changed before the copy is complete and verified. A copy that was
    interrupted is continued by another call with the same databases.

    Raises:
        SettingsError: a database is in use, not empty, or cannot be written; the keyring is another
            one; a text cannot be copied; or the copy differs from its source.
        DatabaseCopied: the source is a copy.
        SchemaUnknown: the source lacks migrations, or another version of satmint has written it.
        StoreUnavailable: the source cannot be read.
    """
    keyring = open_keyring(
        Path(settings.keyring), clock, entropy, create=False, kek=settings.keyring_kek
    )
    target = msgspec.structs.replace(settings, database=target_url)
    _refuse_poolers(settings, target)
    copying = _Copying(settings, target, clock, entropy, observer, keyring)
    async with _source(settings) as source:
        return await _copy_from(copying, source)


async def _copy_from(copying: _Copying, source: CopyEndpoint) -> CopyResult:
    inspected = await source.inspect()
    before = await _incarnation(copying, source, inspected)
    successor = msgspec.structs.replace(before, number=before.number + 1, location=COPYING)
    name = without_password(copying.target.database)
    if before.is_copied:
        with _failures_of(name):
            await _require_the_copy(copying, name, before, successor)
            return CopyResult(await _continue(copying), {}, {})
    copy_id = copying.entropy.take(8).hex()
    samples = Samples(copying.clock.now())
    with _failures_of(name):
        async with _target(copying) as target:
            await _prepare(target, name, successor)
            rows = await copy_tables(source, target, copying.observer)
            await compare_tables(source, target, name, rows, samples, copying.observer)
            complete = msgspec.structs.replace(successor, location=complete_copy(copy_id))
            await target.set_incarnation(complete)
        tried = await _try_samples(copying, samples)
    await source.set_incarnation(msgspec.structs.replace(before, location=copied_source(copy_id)))
    with _failures_of(name):
        return CopyResult(await _continue(copying), rows, tried)


async def _incarnation(
    copying: _Copying, source: CopyEndpoint, inspected: DatabaseInspection
) -> Incarnation:
    """The incarnation of the source, which must be one that a server would start on.

    One that `satmint db copy` has retired is good as well: the copy may have to be finished.

    Raises:
        DatabaseCopied: it is a copy.
        SchemaUnknown: it lacks migrations.
        SettingsError: the keyring is another one.
    """
    if inspected.pending:
        raise SchemaUnknown("the database lacks migrations: run `satmint db migrate`")
    copied = await find_copy(copying.settings, inspected, copying.clock)
    if copied is not None and copied.copy is not Copy.SUCCEEDED:
        raise copied
    known = inspected.known_keys
    if known and known.isdisjoint(key.id for key in copying.keyring.keys):
        message = (
            f"no key of the keyring at {copying.settings.keyring} has served this database before:"
            " use the keyring of this database"
        )
        raise SettingsError(message)
    if inspected.incarnation is not None:
        return inspected.incarnation
    return await _first_incarnation(source, copying.clock.now())


async def _first_incarnation(source: CopyEndpoint, now: int) -> Incarnation:
    """That of a source on which no server has started yet; another call finds the same.

    It began with the first project: proofs that are older than an incarnation are refused.
    """
    digest, began_at = sha256(b"first incarnation of a copy"), now
    for table in await source.tables():
        if table.name == "projects":
            created = table.columns.index("created_at")
            async for rows in source.rows(table):
                digest.update(repr(rows).encode())
                began_at = min(began_at, *(int(row[created] or 0) for row in rows))
    return Incarnation(UUID(bytes=digest.digest()[:16]), 1, began_at, "")


async def _prepare(target: CopyEndpoint, name: str, successor: Incarnation) -> None:
    """Check that the target is empty or the same copy, and mark it.

    Raises:
        SettingsError: it is neither.
    """
    inspected = await target.inspect()
    if inspected.pending:
        message = f"{name} lacks migrations: run `satmint db migrate` for it, or use a new database"
        raise SettingsError(message)
    found = inspected.incarnation
    if found is not None and found.is_copying and _is_same(found, successor):
        return
    if found is not None or any([await target.count(one) for one in await target.tables()]):
        message = (
            f"{name} is in use: it is neither empty nor an unfinished copy of this database. Use a"
            " new database"
        )
        raise SettingsError(message)
    await target.set_incarnation(successor)


async def _require_the_copy(
    copying: _Copying, name: str, source: Incarnation, successor: Incarnation
) -> None:
    """Check that the target is the one copy that a retired source has, finished or not.

    Raises:
        SettingsError: it is another copy, however complete, or none.
    """
    try:
        inspected = await inspect_database(copying.target, copying.clock)
    except StoreUnavailable as error:
        if error.cause != "no_such_file":
            raise
        inspected = DatabaseInspection(())
    found = inspected.incarnation
    if (
        found is not None
        and _is_same(found, successor)
        and (not found.is_copying or found.copy_id == source.copy_id)
    ):
        return
    message = (
        f"the database was copied already, and {name} is not the copy: use the copy, or copy from"
        " it"
    )
    raise SettingsError(message)


def _is_same(one: Incarnation, other: Incarnation) -> bool:
    return (one.id, one.number) == (other.id, other.number)


async def _try_samples(copying: _Copying, samples: Samples) -> dict[str, int]:
    store = await open_store(copying.target, copying.clock.now())
    try:
        services = service_context(
            store,
            TokenCipher(copying.keyring, copying.entropy),
            copying.clock,
            copying.entropy,
            policy_of(copying.target),
        )
        return await samples.try_in(services)
    finally:
        await store.close()


async def _continue(copying: _Copying) -> Incarnation:
    """Let servers start on the copy: it is where its incarnation is, and this machine has a mark.

    Raises:
        SettingsError: it is a copy of the copy, such as a backup.
    """
    store = await open_store(copying.target, copying.clock.now())
    try:
        guard = guard_of(copying.target, store, copying.clock, copying.entropy)
        return await guard.finish_copy()
    except DatabaseCopied as error:
        name = without_password(copying.target.database)
        raise SettingsError(f"cannot use {name}: {error}") from error
    finally:
        await store.close()


@asynccontextmanager
async def _source(settings: Settings) -> AsyncIterator[CopyEndpoint]:
    message = f"{without_password(settings.database)} is in use: stop its servers first"
    try:
        source = await _open_source(settings)
    except DatabaseBusy as error:
        raise SettingsError(message) from error
    try:
        yield source
    except DatabaseBusy as error:  # a server has come since
        raise SettingsError(message) from error
    except SourceFailed as error:
        raise error.failure from error
    except TextNotStorable as error:
        message = (
            f"PostgreSQL does not store a zero byte or a text that is not UTF-8: correct {error}"
        )
        raise SettingsError(message) from error
    finally:
        await source.close()


async def _open_source(settings: Settings) -> CopyEndpoint:
    if is_postgres(settings.database):
        # Not above: a process on SQLite does not load the driver.
        from satmint.store.postgres import copying as postgres  # noqa: PLC0415

        return await postgres.open_source(settings.database)
    return await asyncio.to_thread(open_file, sqlite_file(settings.database))


@asynccontextmanager
async def _target(copying: _Copying) -> AsyncIterator[CopyEndpoint]:
    url, now = copying.target.database, copying.clock.now()
    if is_postgres(url):
        from satmint.store.postgres import copying as postgres  # noqa: PLC0415

        target: CopyEndpoint = await postgres.open_target(url, now)
    else:
        target = await asyncio.to_thread(open_file, sqlite_path(url), now=now)
    try:
        yield target
    finally:
        await target.close()


def _refuse_poolers(settings: Settings, target: Settings) -> None:
    for one in (settings, target):
        if is_postgres(one.database) and DatabaseUrl.of(one.database).behind_pooler:
            raise SettingsError("a database is not copied through PgBouncer: use its own address")
    same = settings.database == target.database
    if not (same or is_postgres(settings.database) or is_postgres(target.database)):
        paths = (sqlite_path(one.database).absolute().resolve() for one in (settings, target))
        same = len(set(paths)) == 1
    if same:
        raise SettingsError("a database cannot be copied to itself: name another one with --to")


@contextmanager
def _failures_of(name: str) -> Iterator[None]:
    """Name the target in its failures: others are the source's.

    Raises:
        SettingsError: the target failed.
    """
    try:
        yield
    except DatabaseBusy as error:
        message = f"{name} is in use: another process has it open"
        raise SettingsError(message) from error
    except StoreUnavailable as error:
        message = (
            f"cannot copy to {name}: {database_reason(error.cause)}. Correct it, then {_AGAIN}"
        )
        raise SettingsError(message) from error
    except SchemaUnknown as error:
        message = f"cannot copy to {name}: {error}"
        raise SettingsError(message) from error
    except OSError as error:
        message = f"cannot copy to {name}: {(error.strerror or str(error)).lower()}"
        raise SettingsError(message) from error
    except SampleLost as error:
        message = f"{name} is not usable: it lacks {error}. Nothing of the source was changed"
        raise SettingsError(message) from error
