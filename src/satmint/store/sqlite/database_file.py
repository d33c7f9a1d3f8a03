"""Notices that the database file was replaced while it is open."""

from pathlib import Path
from typing import Final

from satmint.model.refusals import StoreUnavailable
from satmint.store.sql.write_guard import WriteGuard

REPLACED: Final = "sqlite_replaced"


class DatabaseFile:
    """The file that a store has opened. Whatever is written to another one at its path is lost."""

    def __init__(self, path: Path, guard: WriteGuard) -> None:
        """Remember the file, which must exist.

        Args:
            path: Its path.
            guard: Refuses writes once the file was replaced.
        """
        self._path = path
        self._guard = guard
        self._opened = self._id()

    def check(self) -> None:
        """Check that the file is still at its path. Costs a microsecond.

        Raises:
            StoreUnavailable: it was replaced or deleted.
        """
        if self._id() != self._opened:
            self._guard.cause = REPLACED
            raise StoreUnavailable(REPLACED)

    def _id(self) -> tuple[int, int] | None:
        """Device and inode."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
