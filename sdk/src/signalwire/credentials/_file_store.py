"""A refresh token in a file, shared by any number of processes of one machine."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from types import NoneType
from typing import Final

from signalwire._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from signalwire._forks import renew_in_children
from signalwire._private_file import read_private, write_private
from signalwire.credentials._stores import TokenRecord, to_the_end, until
from signalwire.credentials.errors import StoreError

try:
    import fcntl
except ImportError:  # a system without flock; the constructor says so
    fcntl = None  # type: ignore[assignment]

_FORMAT: Final = 1
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "token": (str,),
    "refresh_token": (str,),
    "issued_at": (int,),
    "expiry_at": (int,),
    "reference": (str,),
    "fingerprint": (str, NoneType),
    "tried_at": (int, NoneType),
}


class _Held:
    """The locks that this process holds.

    A forked child inherits the open file and with it the lock. It closes its copy, so that the
    lock ends with the parent and not with the child.
    """

    def __init__(self) -> None:
        self.handles: set[int] = set()
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Close the child's copies. That does not unlock: the parent's are still open."""
        for handle in self.handles:
            with contextlib.suppress(OSError):
                os.close(handle)
        self.handles.clear()


_held: Final = _Held()


class FileRefreshTokenStore:
    """A store that outlives the process and is shared with others.

    The file has mode 0600 and is replaced whole; a file beside it, `<name>.lock`, is locked with
    `flock` and stays. A lock ends with the process of its holder, however that ends. Not for
    network file systems, where `flock` may lock nothing.

    Args:
        path: Where the record is; the directory must exist.
        clock: Tells how long a lock is waited for.
        entropy: Spreads the attempts at it.

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
        self._path = Path(path)
        self._clock = clock
        self._entropy = entropy
        self.lock_wait: float | None = None
        """Seconds that the last lock was waited for."""

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep every other task, thread and process out.

        Raises:
            StoreLocked: It was held by somebody else for 15 s.
            OSError: The lock file cannot be made.
        """
        async with self._locked(None):
            yield

    @contextlib.asynccontextmanager
    async def lock_unless(
        self, news: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Keep everybody else out, unless a record turns up that makes it needless.

        The file is replaced whole, so it can be read at any moment.

        Raises:
            StoreLocked: It was held by somebody else for 15 s.
            StoreError: The file holds something else.
            PermissionError: Others than its owner may read or write it.
            OSError: The lock file cannot be made, or the file could not be read.
        """
        async with self._locked(_Watch(self, news)) as found:
            yield found

    @contextlib.asynccontextmanager
    async def _locked(self, watch: _Watch | None) -> AsyncIterator[TokenRecord | None]:
        lock_path = self._path.with_name(self._path.name + ".lock")
        handle = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        _held.handles.add(handle)
        try:
            self.lock_wait = await until(
                lambda: _try_lock(handle),
                _always_needed if watch is None else watch.has_news,
                self._clock,
                self._entropy,
            )
            try:
                yield None if watch is None else watch.found
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)
        finally:
            _held.handles.discard(handle)
            os.close(handle)

    def revision(self) -> tuple[int, int] | None:
        """What changes with every `save`; `None` where there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns)

    async def load(self) -> TokenRecord | None:
        """Read the record.

        Raises:
            StoreError: The file holds something else.
            PermissionError: Others than its owner may read or write it.
            OSError: It could not be read.
        """
        content = await to_the_end(lambda: read_private(self._path))
        return None if content is None else _parse(content, self._path)

    async def save(self, record: TokenRecord | None) -> None:
        """Replace the record on disk, synced, or remove it. Not interrupted by a cancellation.

        Raises:
            OSError: It could not be done; the old record is still there.
        """
        if record is None:
            await to_the_end(lambda: self._path.unlink(missing_ok=True))
        else:
            content = _serialise(record)
            await to_the_end(lambda: write_private(self._path, content, self._entropy))

    def __repr__(self) -> str:
        return f"<FileRefreshTokenStore {self._path}>"


class _Watch:
    """Looks at a file for news, and reads it only where it has changed."""

    def __init__(self, store: FileRefreshTokenStore, news: Callable[[TokenRecord], bool]) -> None:
        self._store = store
        self._news = news
        self._seen: tuple[int, int] | None = None
        self.found: TokenRecord | None = None

    async def has_news(self) -> bool:
        """Whether there is a record by now that one need not lock for."""
        revision = self._store.revision()
        if revision is None or revision == self._seen:
            return False
        self._seen = revision
        record = await self._store.load()
        if record is not None and self._news(record):
            self.found = record
        return self.found is not None


async def _always_needed() -> bool:
    return False


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _serialise(record: TokenRecord) -> bytes:
    return json.dumps({"format": _FORMAT, **asdict(record)}).encode()


def _parse(content: bytes, path: Path) -> TokenRecord:
    """Read a record, or refuse the whole file: half a record is worse than none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as broken:
        raise StoreError(f"{path} holds no token record") from broken
    if not isinstance(found, dict) or found.pop("format", None) != _FORMAT:
        raise StoreError(f"{path} holds no token record")
    # `type` and not `isinstance`: a boolean counts no milliseconds.
    if found.keys() != _TYPES.keys() or any(
        type(value) not in _TYPES[name] for name, value in found.items()
    ):
        raise StoreError(f"{path} holds no token record")
    return TokenRecord(**found)
