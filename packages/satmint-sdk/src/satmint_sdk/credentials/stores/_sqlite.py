"""A refresh token store in an SQLite database, shared by processes of one machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk.credentials.stores._compare_and_set import CompareAndSetRefreshTokenStore
from satmint_sdk.credentials.stores._locking import run_to_completion

if TYPE_CHECKING:
    import sqlite3

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS satmint_refresh_tokens (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
)
_SELECT: Final = "SELECT value FROM satmint_refresh_tokens WHERE name = ?"
_INSERT: Final = "INSERT OR IGNORE INTO satmint_refresh_tokens (value, name) VALUES (?, ?)"
_UPDATE: Final = "UPDATE satmint_refresh_tokens SET value = ? WHERE name = ? AND value = ?"
_BUSY_SECONDS: Final = 5.0


class SQLiteRefreshTokenStore(CompareAndSetRefreshTokenStore):
    """Any number of subscribers' records in one SQLite file, in the table `satmint_refresh_tokens`.

    A new file has mode 0600. Not for network file systems.

    Args:
        path: The database; its directory must exist and be writable.
        name: The record's name: one for each subscriber.
        clock: The source of time.
        entropy: For the names of holders, and jitter.
    """

    def __init__(
        self,
        path: str | Path,
        name: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(_Table(Path(path).absolute()), name, clock=clock, entropy=entropy)


class _Table:
    """A `CompareAndSetMapping`. Connects for each operation, so that forks and threads are safe."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def get(self, key: str) -> str | None:
        def read() -> str | None:
            with contextlib.closing(self._connect()) as database:
                row = database.execute(_SELECT, (key,)).fetchone()
                return None if row is None else str(row[0])

        return await run_to_completion(read)

    async def compare_and_set(self, key: str, expected: str | None, value: str) -> bool:
        def write() -> bool:
            with contextlib.closing(self._connect()) as database, database:
                if expected is None:
                    changed = database.execute(_INSERT, (value, key)).rowcount
                else:
                    changed = database.execute(_UPDATE, (value, key, expected)).rowcount
            return changed == 1

        return await run_to_completion(write)

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
        try:
            database.execute("PRAGMA synchronous = FULL")
            database.execute(_TABLE)
        except BaseException:
            database.close()
            raise
        return database
