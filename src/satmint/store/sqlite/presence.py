"""Who is online, in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.records import Presence
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Row

_COLUMNS: Final = "project_id, connection_id, subscriber_id, session_id, since, lease_until"
_ANNOUNCE: Final = f"INSERT OR REPLACE INTO presence ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_LEAVE: Final = "DELETE FROM presence WHERE project_id = ? AND connection_id = ?"
_LIST: Final = (
    f"SELECT {_COLUMNS} FROM presence"
    " WHERE project_id = ? AND subscriber_id = ? AND lease_until > ?"
    " ORDER BY since, connection_id"
)


@dataclass(frozen=True, slots=True)
class SqlitePresence:
    """See `PresenceStore`."""

    writer: Lane
    reader: Readers

    async def announce(self, present: Sequence[Presence]) -> None:
        """See `PresenceStore.announce`."""
        rows = [
            (
                one.project.bytes,
                one.connection.bytes,
                one.subscriber.bytes,
                one.session.bytes,
                one.since,
                one.until,
            )
            for one in present
        ]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(_ANNOUNCE, rows)

        await self.writer.submit(work, slow=True)

    async def leave(self, project: UUID, connections: Sequence[UUID]) -> None:
        """See `PresenceStore.leave`."""
        rows = [(project.bytes, connection.bytes) for connection in connections]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(_LEAVE, rows)

        await self.writer.submit(work, slow=True)

    async def list(self, project: UUID, subscriber: UUID, now: int) -> Sequence[Presence]:
        """See `PresenceStore.list`."""

        def work(db: sqlite3.Connection) -> list[Presence]:
            found = db.execute(_LIST, (project.bytes, subscriber.bytes, now))
            return [_presence(row) for row in found]

        return await self.reader.submit(work)


def _presence(row: Row) -> Presence:
    project, connection, subscriber, session = (UUID(bytes=value) for value in row[:4])
    return Presence(project, connection, subscriber, session, row[4], row[5])
