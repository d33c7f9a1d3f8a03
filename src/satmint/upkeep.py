"""Looking after a deployment from outside of its server: what the command line does by hand.

Beside `satmint.assembly` the only place that names concrete parts.
"""

import asyncio
import fcntl
import os
import shlex
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from satmint.assembly import open_store, policy_of, sqlite_path
from satmint.flows.mint import Mint
from satmint.jose import Keyring, KeyringError, KeyState, MasterKey, Safe
from satmint.keyring_file import open_keyring, write_keyring
from satmint.keyring_kek import Wrapping
from satmint.model.clock import Clock, SystemClock
from satmint.model.database_url import is_postgres, without_password
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.settings import Settings, SettingsError
from satmint.store.contract import SchemaUnknown
from satmint.store.postgres import upkeep as postgres
from satmint.store.sqlite.upkeep import Condition, backup, check, latest_death, migrate_file

__all__ = [
    "Condition",
    "InUse",
    "KeyInfo",
    "KeyState",
    "SchemaUnknown",
    "add_to_keyring",
    "back_up_database",
    "check_database",
    "init_keyring",
    "list_keys",
    "migrate_database",
    "mint_at",
    "remove_key",
    "rotate_keyring",
    "unwrap_keyring",
    "use_of",
    "wrap_keyring",
]

_TAKEN_UP_SECONDS: Final = 60
"""By then every server process has noticed that the keyring has changed."""


@asynccontextmanager
async def mint_at(
    settings: Settings,
    *,
    create: bool = False,
    needs_keyring: bool = False,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> AsyncIterator[Mint]:
    """The tools of the flows on a database, beside whatever servers run on it.

    Args:
        settings: Which database, and which keyring.
        create: Whether to make the database where there is none.
        needs_keyring: Whether tokens are to be made or opened.
        clock: The machine's by default.
        entropy: The operating system's by default.

    Raises:
        SettingsError: there is no such database or no usable keyring.
        StoreUnavailable: the database cannot be opened.
        SchemaUnknown: it was written by another version.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    if not create and not is_postgres(settings.database):
        path = sqlite_path(settings.database)
        if not path.exists():
            message = f"there is no database at {path}: make one with `satmint db migrate`"
            raise SettingsError(message)
    if needs_keyring:
        kek = settings.keyring_kek
        keyring = open_keyring(Path(settings.keyring), clock, entropy, create=False, kek=kek)
    else:
        # Never used: what needs none neither makes nor opens a token.
        keyring = Keyring.new(entropy, clock.now())
    store = await open_store(settings, clock.now(), migrating=create)
    try:
        yield Mint(store, Safe(keyring, entropy), clock, entropy, policy_of(settings))
    finally:
        await store.close()


def migrate_database(settings: Settings, now: int) -> tuple[str, ...]:
    """Bring the database to the present schema; names what was applied.

    Raises:
        SettingsError: the database is of no kind that is known.
        StoreUnavailable: it cannot be opened or written.
        SchemaUnknown: it was written by another version.
    """
    if is_postgres(settings.database):
        return asyncio.run(postgres.migrate_database(settings.database, now))
    return migrate_file(sqlite_path(settings.database), now)


def check_database(settings: Settings) -> Condition:
    """Whether the database is whole and of the present schema.

    Raises:
        SettingsError: the database is of no kind that is known, or not there.
        StoreUnavailable: it cannot be read.
        SchemaUnknown: it was written by another version.
    """
    if is_postgres(settings.database):
        faults, pending = asyncio.run(postgres.check(settings.database))
        return Condition(faults, pending)
    return check(_existing(settings))


def back_up_database(
    settings: Settings, destination: Path, progress: Callable[[int, int], None]
) -> int:
    """Copy the database while servers run on it; returns the copy's size in bytes.

    Raises:
        SettingsError: the database is of no kind that is known, not there, or PostgreSQL's: then
            the message says how it is copied.
        FileExistsError: there is something at `destination` already.
        OSError: the copy cannot be written.
        StoreUnavailable: the database cannot be read.
    """
    if is_postgres(settings.database):
        line = [
            *("pg_dump", "--format=custom", "--no-owner", f"--file={destination}"),
            without_password(settings.database),
        ]
        message = f"PostgreSQL has a tool of its own for that: {shlex.join(line)}"
        raise SettingsError(message)
    return backup(_existing(settings), destination, progress)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A master key, without its secret."""

    id: str
    state: KeyState
    created_at: int | None
    """Unix seconds; None: it was not made by satmint, or the file does not say."""
    retired_at: int | None
    """Unix seconds at which another key took over from it; None: it makes tokens, or will."""


@dataclass(frozen=True, slots=True)
class InUse:
    """What still hangs on a retired key."""

    until: int
    """Unix seconds at which the last of its tokens is dead; 0: none is alive."""
    sessions: int
    """How many sessions may have a token of it that is alive."""


def init_keyring(file: Path, clock: Clock, entropy: Entropy, kek: str | None = None) -> KeyInfo:
    """Make a keyring with one fresh key.

    Args:
        file: Where.
        clock: For when it was made.
        entropy: For the key.
        kek: Where the key is that wraps it; None: it rests in the clear.

    Raises:
        FileExistsError: there is something at `file` already.
        OSError: it cannot be written.
        SettingsError: the key that wraps it cannot be had.
    """
    with _alone_in(file.absolute().parent):
        if file.exists():
            raise FileExistsError(file)
        keyring = Keyring.new(entropy, clock.now())
        _write(file, keyring, kek, entropy)
    return _info(keyring)[0]


def list_keys(file: Path, kek: str | None = None) -> tuple[KeyInfo, ...]:
    """The keys, newest first.

    Raises:
        SettingsError: there is no usable keyring.
    """
    return _info(_keyring_in(file, kek))


def rotate_keyring(
    file: Path, clock: Clock, entropy: Entropy, kek: str | None = None
) -> tuple[KeyInfo, ...]:
    """Have the key that lies ready, or else a fresh one, take over from the active one.

    Raises:
        SettingsError: there is no usable keyring.
        OSError: it cannot be written; then it is as it was.
    """
    with _alone_in(file.absolute().parent):
        keyring = _keyring_in(file, kek).rotate(entropy, clock.now())
        _write(file, keyring, kek, entropy)
    return _info(keyring)


def add_to_keyring(
    file: Path, clock: Clock, entropy: Entropy, kek: str | None = None
) -> tuple[KeyInfo, ...]:
    """Lay a key ready for the next rotation: servers open with it, and make nothing yet.

    Raises:
        SettingsError: there is no usable keyring, or a key lies ready already.
        OSError: it cannot be written; then it is as it was.
    """
    with _alone_in(file.absolute().parent):
        try:
            keyring = _keyring_in(file, kek).add(entropy, clock.now())
        except KeyringError as error:
            raise SettingsError(str(error)) from error
        _write(file, keyring, kek, entropy)
    return _info(keyring)


def wrap_keyring(file: Path, kek: str, former: str | None, entropy: Entropy) -> int:
    """Have a keyring rest wrapped, or wrapped by another key; returns how many keys it has.

    Args:
        file: Where it is.
        kek: Where the key is that is to wrap it.
        former: Where the key is that wraps it now; None: it rests in the clear.
        entropy: For the IV.

    Raises:
        SettingsError: there is no usable keyring, or the key that is to wrap it cannot be had.
        OSError: it cannot be written; then it is as it was.
    """
    with _alone_in(file.absolute().parent):
        keyring = _keyring_in(file, former)
        _write(file, keyring, kek, entropy)
    return len(keyring.keys)


def unwrap_keyring(file: Path, kek: str, entropy: Entropy) -> int:
    """Have a wrapped keyring rest in the clear; returns how many keys it has.

    Raises:
        SettingsError: there is no usable keyring, or the key that wraps it cannot be had.
        OSError: it cannot be written; then it is as it was.
    """
    with _alone_in(file.absolute().parent):
        keyring = _keyring_in(file, kek)
        _write(file, keyring, None, entropy)
    return len(keyring.keys)


def use_of(settings: Settings, key: KeyInfo, now: int) -> InUse:
    """Which tokens made with a key may still be alive.

    Raises:
        SettingsError: there is no database to tell from.
        StoreUnavailable: it cannot be read.
    """
    made_by = now if key.retired_at is None else key.retired_at + _TAKEN_UP_SECONDS
    if is_postgres(settings.database):
        dies = asyncio.run(postgres.latest_death(settings.database, made_by, now))
    else:
        dies = latest_death(_existing(settings), made_by, now)
    until, sessions = dies
    return InUse(until if until > now else 0, sessions)


def remove_key(
    file: Path, key_id: str, kek: str | None = None, entropy: Entropy | None = None
) -> tuple[KeyInfo, ...]:
    """Forget a retired key: whatever was made with it stops opening at once.

    Args:
        file: Where the keyring is.
        key_id: The key's.
        kek: Where the key is that wraps it; None: it rests in the clear.
        entropy: The operating system's by default.

    Raises:
        SettingsError: there is no usable keyring, no such key in it, or it is the active one.
        OSError: it cannot be written; then it is as it was.
    """
    with _alone_in(file.absolute().parent):
        try:
            keyring = _keyring_in(file, kek).without(key_id)
        except KeyringError as error:
            raise SettingsError(str(error)) from error
        _write(file, keyring, kek, entropy or SystemEntropy())
    return _info(keyring)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for others who would change a keyring in `folder`: the later would undo the earlier."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _keyring_in(file: Path, kek: str | None) -> Keyring:
    return open_keyring(file, SystemClock(), SystemEntropy(), create=False, kek=kek)


def _write(file: Path, keyring: Keyring, kek: str | None, entropy: Entropy) -> None:
    try:
        write_keyring(file, keyring, None if kek is None else Wrapping(kek, entropy))
    except KeyringError as error:
        message = f"cannot write the keyring at {file}: {error}"
        raise SettingsError(message) from error


def _info(keyring: Keyring) -> tuple[KeyInfo, ...]:
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
    """When another key took over, as far as the file tells."""
    took_over = [_active_since(other) for other in keyring.keys if other.state is not KeyState.NEXT]
    newest = _active_since(keyring.active)
    if not newest:
        return None
    return min((at for at in took_over if at > _active_since(key)), default=newest)


def _active_since(key: MasterKey) -> int:
    return key.created_at if key.active_since is None else key.active_since


def _existing(settings: Settings) -> Path:
    path = sqlite_path(settings.database)
    if not path.exists():
        message = f"there is no database at {path}"
        raise SettingsError(message)
    return path
