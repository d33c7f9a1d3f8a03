"""The machine's part of its marks: the file `incarnation.json`, which no backup should contain.

It is in the folder of an SQLite database, or of the keyring where the database is PostgreSQL. Its
secrets open nothing: with them, a copy of the database passes for the database itself.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import structlog

from satmint.flows.incarnation import IncarnationGuard
from satmint.keyring_file import variable_of
from satmint.model.clock import Clock
from satmint.model.database_url import without_password
from satmint.model.entropy import Entropy
from satmint.model.incarnation import DatabaseCopied, Mark
from satmint.model.refusals import StoreUnavailable
from satmint.model.reminders import Reminder
from satmint.model.secrets import HidesFields
from satmint.private_file import exclusive_lock, real_path, replace_private_file
from satmint.settings import SettingsError
from satmint.store.contract import IncarnationStore

FILE_NAME: Final = "incarnation.json"


_CHECK_SECONDS: Final = 2.0


class _Entry(HidesFields, msgspec.Struct, frozen=True):
    database: str
    """The name of the file, or the URL without a password."""

    shown = ("database", "mark")
    incarnation: UUID
    mark: UUID
    secret: bytes
    replaced_at: int
    user_versions: tuple[int, ...] = ()
    log_salt: int | None = None

    @classmethod
    def of(cls, database: str, mark: Mark) -> "_Entry":
        """The entry of a mark."""
        return cls(
            database,
            mark.incarnation,
            mark.id,
            mark.secret,
            mark.replaced_at,
            mark.user_versions,
            mark.log_salt,
        )

    @property
    def content(self) -> Mark:
        """The mark."""
        return Mark(
            self.mark,
            self.incarnation,
            self.secret,
            self.replaced_at,
            self.user_versions,
            self.log_salt,
        )


class _Content(msgspec.Struct, frozen=True):
    databases: tuple[_Entry, ...] = ()


class MarkFile:
    """The marks of this machine; see `satmint.flows.incarnation.Marks`."""

    def __init__(self, file: Path | None, database: str, *, required: bool) -> None:
        """Name the file; nothing is read yet.

        Args:
            file: Its path, from now on an absolute one. None: the marks are kept in memory.
            database: The name of the database file, or the URL without a password.
            required: Whether the file must be writable. If it need not be, and is not, the marks
                are kept in memory.
        """
        self._file = None if file is None else file.absolute()
        self._database = database
        self._required = required
        self._kept_in_memory = _Content()

    @property
    def name(self) -> str:
        """The path of the file, for messages; "" if the marks are kept in memory."""
        return "" if self._file is None else str(self._file)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Exclude other processes of this machine."""
        lock: AbstractContextManager[None] = nullcontext()
        if self._file is not None:
            lock = exclusive_lock(self._file)
        try:
            await asyncio.to_thread(lock.__enter__)
        except OSError as error:
            if self._required:
                reason = (error.strerror or str(error)).lower()
                message = f"cannot lock the folder of {self._file}: {reason}"
                raise SettingsError(message) from error
            lock = nullcontext()
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    async def find(self, incarnation: UUID) -> Mark | None:
        """The mark of an incarnation."""
        return await asyncio.to_thread(self.mark_of, incarnation)

    def mark_of(self, incarnation: UUID) -> Mark | None:
        """As `find`; blocks.

        Raises:
            SettingsError: the file cannot be read.
        """
        entries = self._read().databases
        return next((one.content for one in entries if one.incarnation == incarnation), None)

    async def has_database(self) -> bool:
        """Whether there is a mark of a database with this URL, of any incarnation."""
        return any(mark.replaced_at for mark in await asyncio.to_thread(self.of_database))

    def of_database(self) -> Sequence[Mark]:
        """The marks of databases with this URL, of any incarnation.

        Raises:
            SettingsError: the file cannot be read.
        """
        return [
            entry.content for entry in self._read().databases if entry.database == self._database
        ]

    async def put(self, mark: Mark) -> None:
        """Store a mark; one that was replaced already is the only one of its database.

        Raises:
            SettingsError: the file cannot be written.
        """
        await asyncio.to_thread(self._put, mark)

    def _put(self, mark: Mark) -> None:
        kept = tuple(
            entry
            for entry in self._read().databases
            if entry.incarnation != mark.incarnation
            and not (mark.replaced_at and entry.database == self._database)
        )
        entry = _Entry.of(self._database, mark)
        self._kept_in_memory = content = _Content((entry, *kept))
        if self._file is None:
            return
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
        try:
            replace_private_file(self._file, text, real_path(self._file).parent)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            message = f"cannot write {self._file}, by which copies are recognised: {reason}"
            if not self._required and not self._file.exists():
                structlog.get_logger("satmint.database").warning(
                    "incarnation_not_recorded",
                    reason=message,
                    meaning="a physical copy of the database is not recognised at a start",
                )
                self._file = None
                return
            raise SettingsError(message) from error

    def _read(self) -> _Content:
        if self._file is None:
            return self._kept_in_memory
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Content)
        except FileNotFoundError:
            return _Content()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            message = f"cannot read {self._file}, by which copies are recognised: {reason}"
            raise SettingsError(message) from error
        except msgspec.DecodeError as error:
            message = f"{self._file} is damaged: delete it, then run `satmint db adopt`"
            raise SettingsError(message) from error


@contextmanager
def marks_of_file(database: Path) -> Iterator[Sequence[Mark]]:
    """The marks of an SQLite database, of any incarnation; no process replaces them meanwhile.

    Empty if they cannot be read: then the guard refuses the database.
    """
    marks = marks_beside_file(database)
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive_lock(database.absolute().parent))
            found = marks.of_database()
        except (OSError, SettingsError):
            found = ()
        yield found


def marks_beside_file(database: Path) -> MarkFile:
    """The marks of an SQLite database."""
    return MarkFile(database.with_name(FILE_NAME), database.name, required=True)


def marks_beside_keyring(url: str, keyring: Path) -> MarkFile:
    """The marks of a PostgreSQL database, which are in memory if the keyring is no file."""
    file = None if variable_of(keyring) is not None else keyring.with_name(FILE_NAME)
    return MarkFile(file, without_password(url), required=False)


def file_guard(
    database: Path,
    store: IncarnationStore,
    clock: Clock,
    entropy: Entropy,
    *,
    requires_mark: bool,
) -> IncarnationGuard:
    """The guard of an SQLite database, with the marks beside it."""
    marks = marks_beside_file(database)

    def file_id() -> tuple[int, int] | None:
        try:
            status = database.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    return IncarnationGuard(
        store, marks, clock, entropy, requires_mark=requires_mark, file_id=file_id
    )


def server_guard(
    url: str, keyring: Path, store: IncarnationStore, clock: Clock, entropy: Entropy
) -> IncarnationGuard:
    """The guard of a PostgreSQL database, with the marks beside the keyring, if it is a file."""
    marks = marks_beside_keyring(url, keyring)
    return IncarnationGuard(store, marks, clock, entropy, requires_mark=False)


async def watch_incarnation(guard: IncarnationGuard) -> None:
    """Stop the process when another database or incarnation is in place; until cancelled."""
    log = structlog.get_logger("satmint.database")
    reminder, time = Reminder(), asyncio.get_running_loop().time
    while guard.copied is None:
        await asyncio.sleep(_CHECK_SECONDS)
        try:
            await guard.check()
            reminder.is_due("", time())
        except StoreUnavailable:
            continue
        except SettingsError as error:
            if reminder.is_due(reason := str(error), time()):
                log.warning("incarnation_not_recorded", reason=reason)
        except DatabaseCopied as copied:
            log.error("database_copied", reason=str(copied))
            guard.copied = copied
    signal.raise_signal(signal.SIGTERM)
