"""A refresh token store in a file, shared by processes of one machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._forks import renew_in_children
from satmint_sdk._private_file import read_private, real_path, write_private
from satmint_sdk.credentials.errors import StoreError
from satmint_sdk.credentials.stores._contract import TokenRecord
from satmint_sdk.credentials.stores._locking import acquire_lock, run_to_completion

try:
    import fcntl
except ImportError:  # a system without flock; the constructor raises
    fcntl = None  # type: ignore[assignment]


class _HeldLocks:
    """The locks that this process holds.

    A forked child inherits the open file and with it the lock. It closes its copy, so that the lock
    ends with the parent, not with the child.
    """

    def __init__(self) -> None:
        self.handles: set[int] = set()
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Close the child's copies. This does not unlock: the parent's are still open."""
        for handle in self.handles:
            with contextlib.suppress(OSError):
                os.close(handle)
        self.handles.clear()


_held_locks: Final = _HeldLocks()


class FileRefreshTokenStore:
    """A persistent store that several processes share.

    The file has mode 0600 and is replaced atomically; a second file, `<name>.lock`, is locked with
    `flock` and stays. A lock ends with its process, however that ends. Not for network file
    systems, where `flock` may have no effect.

    Args:
        path: The file; its directory must exist and be writable. A relative path begins in the
            directory that is current now. Symbolic links are followed, and stay.
        clock: The source of time for waits.
        entropy: The source of jitter.

    Raises:
        OSError: The system has no `flock`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        if fcntl is None:
            raise OSError("a FileRefreshTokenStore needs flock, which this system does not have")
        self._path = Path(path).absolute()
        self._clock = clock
        self._entropy = entropy
        self.lock_wait: float | None = None
        """Seconds that the last lock was waited for."""

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Take the exclusive lock, against other tasks, threads and processes.

        Raises:
            StoreLocked: The lock was not free within 15 s.
            OSError: The lock file cannot be created.
        """
        async with self._locked(None):
            yield

    @contextlib.asynccontextmanager
    async def lock_unless(
        self, is_usable: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Take the lock, unless a usable record appears first.

        The file is replaced atomically, so it can be read at any time.

        Raises:
            StoreLocked: The lock was not free within 15 s.
            StoreError: The file's content is not a record.
            PermissionError: Users other than its owner may read or write it.
            OSError: The lock file cannot be created, or the file cannot be read.
        """
        async with self._locked(_RecordWatcher(self, is_usable)) as found:
            yield found

    @contextlib.asynccontextmanager
    async def _locked(self, watcher: _RecordWatcher | None) -> AsyncIterator[TokenRecord | None]:
        handle = _open_lock(self._path)
        _held_locks.handles.add(handle)
        try:
            self.lock_wait = await acquire_lock(
                lambda: _try_lock(handle),
                _always_needed if watcher is None else watcher.has_usable_record,
                self._clock,
                self._entropy,
            )
            try:
                yield None if watcher is None else watcher.found
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)
        finally:
            _held_locks.handles.discard(handle)
            os.close(handle)

    def revision(self) -> tuple[int, int] | None:
        """A value that changes with every `save`; `None` if there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns)

    async def load(self) -> TokenRecord | None:
        """Read the record.

        Raises:
            StoreError: The file's content is not a record.
            PermissionError: Users other than its owner may read or write it.
            OSError: It cannot be read.
        """
        content = await run_to_completion(lambda: read_private(self._path))
        return None if content is None else _parse(content, self._path)

    async def save(self, record: TokenRecord | None) -> None:
        """Replace or delete the record durably. Not interrupted by a cancellation.

        Raises:
            OSError: It failed; the old record is unchanged.
        """
        if record is None:
            await run_to_completion(lambda: real_path(self._path).unlink(missing_ok=True))
        else:
            content = record.to_json().encode()
            await run_to_completion(lambda: write_private(self._path, content, self._entropy))

    def __repr__(self) -> str:
        return f"<FileRefreshTokenStore {self._path}>"


class _RecordWatcher:
    """Watches a file for a usable record; reads it only when it has changed."""

    def __init__(
        self, store: FileRefreshTokenStore, is_usable: Callable[[TokenRecord], bool]
    ) -> None:
        self._store = store
        self._changed = is_usable
        self._seen: tuple[int, int] | None = None
        self.found: TokenRecord | None = None

    async def has_usable_record(self) -> bool:
        """Whether there is a usable record now."""
        revision = self._store.revision()
        if revision is None or revision == self._seen:
            return False
        self._seen = revision
        record = await self._store.load()
        if record is not None and self._changed(record):
            self.found = record
        return self.found is not None


async def _always_needed() -> bool:
    return False


def _open_lock(path: Path) -> int:
    """Open the lock file, which is beside the file itself, and not beside a link to it.

    Raises:
        OSError: It cannot be created.
    """
    file = real_path(path)
    lock_path = file.with_name(file.name + ".lock")
    try:
        return os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        reason = f"cannot create the lock file of the token store: {error.strerror}"
        raise OSError(error.errno, reason, str(lock_path)) from error


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parse(content: bytes, path: Path) -> TokenRecord:
    """Parse a record; rejects the whole file if any part is invalid."""
    try:
        return TokenRecord.from_json(content)
    except StoreError as broken:
        raise StoreError(f"{path} holds no token record") from broken.__cause__
