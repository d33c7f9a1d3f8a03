"""Maintains a deployment from outside of its server, for the command line."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from satmint.flows.service_context import ServiceContext, service_context
from satmint.jose import Keyring, KeyringError, KeyState, MasterKey, TokenCipher
from satmint.keyring_file import open_keyring, write_keyring
from satmint.keyring_kek import KeyringWrapper
from satmint.model.clock import Clock, SystemClock
from satmint.model.database_url import DatabaseUrl, is_postgres
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.policies import policy_of
from satmint.private_file import exclusive_lock
from satmint.settings import Settings, SettingsError
from satmint.store.contract import Collision, SchemaUnknown
from satmint.store.contract.statistics import DatabaseStatistics, TableStatistics
from satmint.store.sqlite.maintenance import (
    DatabaseHealth,
    backup,
    check,
    latest_expiry,
    migrate_file,
)
from satmint.store.sqlite.statistics import statistics
from satmint.stores import guard_of, open_store, sqlite_file, sqlite_path

__all__ = [
    "Collision",
    "DatabaseHealth",
    "DatabaseStatistics",
    "KeyInfo",
    "KeyState",
    "KeyUsage",
    "SchemaUnknown",
    "TableStatistics",
    "back_up_database",
    "check_database",
    "init_keyring",
    "key_infos",
    "keyring_is_known",
    "list_keys",
    "measure_database",
    "migrate_database",
    "open_services",
    "prepare_key",
    "remove_key",
    "rotate_keyring",
    "unwrap_keyring",
    "usage_of",
    "wrap_keyring",
]

_RELOAD_SECONDS: Final = 60
"""Within this time, every server process has loaded a changed keyring."""


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    create: bool = False,
    needs_keyring: bool = False,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> AsyncIterator[ServiceContext]:
    """The context of the flows, on a database that servers may be using.

    Args:
        settings: The settings, with the database and the keyring.
        create: Whether to create the database if it does not exist.
        needs_keyring: Whether the flows encrypt or decrypt.
        clock: The clock. Default: the system clock.
        entropy: The source of random bytes. Default: the operating system.

    Raises:
        SettingsError: the database does not exist, or there is no usable keyring.
        StoreUnavailable: the database cannot be opened.
        SchemaUnknown: another version of satmint has written the database.
        DatabaseCopied: the database is a copy; without `needs_keyring`, see `refuse_moved`.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    if not create and not is_postgres(settings.database):
        path = sqlite_path(settings.database)
        if not path.exists():
            message = f"there is no database at {path}: create one with `satmint db migrate`"
            raise SettingsError(message)
    if needs_keyring:
        kek = settings.keyring_kek
        keyring = open_keyring(Path(settings.keyring), clock, entropy, create=False, kek=kek)
    else:
        # A placeholder that no flow uses: without `needs_keyring`, nothing is en- or decrypted.
        keyring = Keyring.new(entropy, clock.now())
    store = await open_store(settings, clock.now(), migrating=create)
    try:
        guard = guard_of(settings, store, clock, entropy)
        changes = await store.incarnation.changes()
        await (guard.start() if needs_keyring else guard.refuse_moved())
        yield service_context(
            store, TokenCipher(keyring, entropy), clock, entropy, policy_of(settings)
        )
        if await store.incarnation.changes() != changes:
            await guard.record_changes()
    finally:
        await store.close()


def migrate_database(settings: Settings, now: int) -> tuple[str, ...]:
    """Migrate the database to the current schema; return the names of the applied migrations.

    Raises:
        SettingsError: the database URL is of an unknown kind.
        StoreUnavailable: the database cannot be opened or written.
        SchemaUnknown: another version of satmint has written the database.
    """
    if is_postgres(settings.database):
        from satmint.store.postgres import maintenance as postgres  # noqa: PLC0415 - see `stores`

        return asyncio.run(postgres.migrate_database(settings.database, now))
    return migrate_file(sqlite_file(settings.database), now)


def check_database(settings: Settings) -> DatabaseHealth:
    """Check the integrity of the database and the version of its schema.

    Raises:
        SettingsError: the database URL is of an unknown kind, or the database does not exist.
        StoreUnavailable: the database cannot be read.
        SchemaUnknown: another version of satmint has written the database.
    """
    if is_postgres(settings.database):
        from satmint.store.postgres import maintenance as postgres  # noqa: PLC0415 - see `stores`

        defects, pending = asyncio.run(postgres.check(settings.database))
        if defects or pending:
            return DatabaseHealth(defects, pending)
        collisions = asyncio.run(postgres.collisions(settings.database))
        known_keys = asyncio.run(postgres.known_keys(settings.database))
        return DatabaseHealth(defects, pending, collisions, known_keys)
    return check(_existing_file(settings))


def measure_database(settings: Settings) -> DatabaseStatistics:
    """How large the database is, without reading all of it. Raises as `check_database` does."""
    if is_postgres(settings.database):
        from satmint.store.postgres import statistics as postgres  # noqa: PLC0415 - see `stores`

        return asyncio.run(postgres.statistics(settings.database))
    return statistics(_existing_file(settings))


def keyring_is_known(settings: Settings, health: DatabaseHealth) -> bool | None:
    """Whether the database knows a key of the keyring.

    None if that cannot be said: no server has started on the database yet, or this machine cannot
    read the keyring.
    """
    try:
        keys = list_keys(Path(settings.keyring), settings.keyring_kek)
    except SettingsError:
        return None
    if not health.known_keys:
        return None
    return not health.known_keys.isdisjoint(key.id for key in keys)


def back_up_database(
    settings: Settings, destination: Path, progress: Callable[[int, int], None]
) -> int:
    """Copy the database while servers use it; return the size of the copy in bytes.

    Raises:
        SettingsError: the database URL is of an unknown kind, the database does not exist, or it
            is PostgreSQL: then the message names the command to use.
        FileExistsError: `destination` already exists.
        OSError: the copy cannot be written.
        StoreUnavailable: the database cannot be read.
    """
    if is_postgres(settings.database):
        pg_dump = [
            *("pg_dump", "--format=custom", "--no-owner", f"--file={destination}"),
            DatabaseUrl.of(settings.database).for_tools,
        ]
        message = f"use the tool of PostgreSQL: {shlex.join(pg_dump)}"
        raise SettingsError(message)
    return backup(_existing_file(settings), destination, progress)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A master key, without its secret."""

    id: str
    state: KeyState
    created_at: int | None
    """Unix seconds. None: the file does not contain it, or satmint did not create the key."""
    retired_at: int | None
    """Unix seconds at which another key became active instead. None: the key is not retired."""


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """The tokens that are encrypted with a key and not expired."""

    until: int
    """Unix seconds at which the last of its tokens expires. 0: all have expired."""
    sessions: int
    """The number of sessions that may have such a token."""


def init_keyring(file: Path, clock: Clock, entropy: Entropy, kek: str | None = None) -> KeyInfo:
    """Create a keyring with one new key.

    Args:
        file: The file to create.
        clock: The clock, for the time of creation.
        entropy: The source of random bytes, for the key.
        kek: The location of the KEK. None: the keyring is not wrapped.

    Raises:
        FileExistsError: `file` already exists.
        OSError: the file cannot be written.
        SettingsError: the KEK is not available.
    """
    with exclusive_lock(file):
        if file.exists():
            raise FileExistsError(file)
        keyring = Keyring.new(entropy, clock.now())
        _write(file, keyring, kek, entropy)
    return key_infos(keyring)[0]


def list_keys(file: Path, kek: str | None = None) -> tuple[KeyInfo, ...]:
    """The keys, newest first.

    Raises:
        SettingsError: there is no usable keyring.
    """
    return key_infos(_open_keyring(file, kek))


def rotate_keyring(
    file: Path, clock: Clock, entropy: Entropy, kek: str | None = None
) -> tuple[KeyInfo, ...]:
    """Activate the prepared key, or create and activate a new one.

    Raises:
        SettingsError: there is no usable keyring.
        OSError: the file cannot be written; it is unchanged.
    """
    with exclusive_lock(file):
        keyring = _open_keyring(file, kek).rotate(entropy, clock.now())
        _write(file, keyring, kek, entropy)
    return key_infos(keyring)


def prepare_key(
    file: Path, clock: Clock, entropy: Entropy, kek: str | None = None
) -> tuple[KeyInfo, ...]:
    """Prepare a key for the next rotation: servers decrypt with it but do not encrypt yet.

    Raises:
        SettingsError: there is no usable keyring, or it already has a prepared key.
        OSError: the file cannot be written; it is unchanged.
    """
    with exclusive_lock(file):
        try:
            keyring = _open_keyring(file, kek).add(entropy, clock.now())
        except KeyringError as error:
            raise SettingsError(str(error)) from error
        _write(file, keyring, kek, entropy)
    return key_infos(keyring)


def wrap_keyring(file: Path, kek: str, old_kek: str | None, entropy: Entropy) -> int:
    """Wrap a keyring, or change its KEK; return the number of its keys.

    Args:
        file: The keyring file.
        kek: The location of the new KEK.
        old_kek: The location of the current KEK. None: the keyring is not wrapped.
        entropy: The source of random bytes, for the IV.

    Raises:
        SettingsError: there is no usable keyring, or the new KEK is not available.
        OSError: the file cannot be written; it is unchanged.
    """
    with exclusive_lock(file):
        keyring = _open_keyring(file, old_kek)
        _write(file, keyring, kek, entropy)
    return len(keyring.keys)


def unwrap_keyring(file: Path, kek: str, entropy: Entropy) -> int:
    """Unwrap a keyring, so that the file contains the keys unencrypted; return their number.

    Raises:
        SettingsError: there is no usable keyring, or the KEK is not available.
        OSError: the file cannot be written; it is unchanged.
    """
    with exclusive_lock(file):
        keyring = _open_keyring(file, kek)
        _write(file, keyring, None, entropy)
    return len(keyring.keys)


def usage_of(settings: Settings, key: KeyInfo, now: int) -> KeyUsage:
    """The tokens that are encrypted with a key and may not have expired.

    Raises:
        SettingsError: the database does not exist.
        StoreUnavailable: the database cannot be read.
    """
    issued_until = now if key.retired_at is None else key.retired_at + _RELOAD_SECONDS
    if is_postgres(settings.database):
        from satmint.store.postgres import maintenance as postgres  # noqa: PLC0415 - see `stores`

        last_expiry = asyncio.run(postgres.latest_expiry(settings.database, issued_until, now))
    else:
        last_expiry = latest_expiry(_existing_file(settings), issued_until, now)
    until, sessions = last_expiry
    return KeyUsage(until if until > now else 0, sessions)


def remove_key(
    file: Path, key_id: str, kek: str | None = None, entropy: Entropy | None = None
) -> tuple[KeyInfo, ...]:
    """Remove an inactive key. What is encrypted with it can no longer be decrypted.

    Args:
        file: The keyring file.
        key_id: The id of the key.
        kek: The location of the KEK. None: the keyring is not wrapped.
        entropy: The source of random bytes. Default: the operating system.

    Raises:
        SettingsError: there is no usable keyring, it has no such key, or the key is active.
        OSError: the file cannot be written; it is unchanged.
    """
    with exclusive_lock(file):
        try:
            keyring = _open_keyring(file, kek).remove(key_id)
        except KeyringError as error:
            raise SettingsError(str(error)) from error
        _write(file, keyring, kek, entropy or SystemEntropy())
    return key_infos(keyring)


def _open_keyring(file: Path, kek: str | None) -> Keyring:
    return open_keyring(file, SystemClock(), SystemEntropy(), create=False, kek=kek)


def _write(file: Path, keyring: Keyring, kek: str | None, entropy: Entropy) -> None:
    try:
        write_keyring(file, keyring, None if kek is None else KeyringWrapper(kek, entropy))
    except KeyringError as error:
        message = f"cannot write the keyring at {file}: {error}"
        raise SettingsError(message) from error


def key_infos(keyring: Keyring) -> tuple[KeyInfo, ...]:
    """The keys of a keyring, newest first."""
    newest_first = sorted(keyring.keys, key=lambda key: key.created_at, reverse=True)
    return tuple(
        KeyInfo(
            id=key.id,
            state=key.state,
            created_at=key.created_at or None,
            retired_at=_retired_at(keyring, key) if key.state is KeyState.RETIRED else None,
        )
        for key in newest_first
    )


def _retired_at(keyring: Keyring, key: MasterKey) -> int | None:
    """When another key became active after `key`. None: the file does not contain it."""
    activated_at = [
        _active_since(other) for other in keyring.keys if other.state is not KeyState.NEXT
    ]
    newest = _active_since(keyring.active)
    if not newest:
        return None
    return min((at for at in activated_at if at > _active_since(key)), default=newest)


def _active_since(key: MasterKey) -> int:
    return key.created_at if key.active_since is None else key.active_since


def _existing_file(settings: Settings) -> Path:
    path = sqlite_file(settings.database)
    if not path.exists():
        raise SettingsError(f"there is no database at {path}")
    return path
