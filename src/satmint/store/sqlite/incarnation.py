"""The marks of an SQLite database: its file is told from its log by `user_version`."""

import sqlite3
from pathlib import Path
from typing import Final

from satmint.model.incarnation import LogState, Mark
from satmint.model.refusals import StoreUnavailable
from satmint.store.sql.incarnation import REPLACE_MARK, SqlIncarnation
from satmint.store.sql.port import Database, Transaction
from satmint.store.sqlite.log_file import salt_of_log
from satmint.store.sqlite.workers import ReaderPool

_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
_USER_VERSION: Final = "PRAGMA user_version"


class SqliteIncarnation(SqlIncarnation):
    """See `IncarnationStore`."""

    def __init__(self, db: Database, reader: ReaderPool) -> None:
        super().__init__(db)
        self._reader = reader

    async def replace_mark(self, mark: Mark, new: Mark) -> bool:
        """See `IncarnationStore.replace_mark`."""
        values = mark.id, mark.digest, new.digest, new.replaced_at

        async def work(tx: Transaction) -> bool:
            if await tx.execute(REPLACE_MARK, *values) != 1:
                return False
            await tx.execute(f"{_USER_VERSION} = {mark.next_user_version}")
            return True

        return await self._db.transaction(work)

    async def user_version(self) -> int | None:
        """See `IncarnationStore.user_version`."""
        return await self._reader.submit(_read_user_version)

    async def checkpoint(self) -> LogState | None:
        """See `IncarnationStore.checkpoint`."""
        try:
            return await self._reader.submit_list(_checkpoint)
        except StoreUnavailable:  # such as a full disk: the log remains
            return LogState(is_applied=False, salt=None)


def _read_user_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute(_USER_VERSION).fetchone()[0]
    return version


def _checkpoint(connection: sqlite3.Connection) -> LogState:
    busy, in_log, in_file = connection.execute(_CHECKPOINT).fetchone()
    path = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    # -1: the database is not in WAL mode.
    return LogState(is_applied=busy == 0 and in_log == in_file >= 0, salt=salt_of_log(path))
