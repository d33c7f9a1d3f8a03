"""Audit events in SQLite."""

import sqlite3
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import Event, EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.store.sqlite.lanes import Lane
from satmint.store.sqlite.listing import Listing, Row, read_page

_COLUMNS: Final = (
    "project_id, event_id, kind, at, subscriber_id, session_id, subject_id, generation, cause,"
    " request_id, address, agent"
)
_INSERT: Final = f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def record(
    connection: sqlite3.Connection,
    event: Event,
    *,
    kind: EventKind | None = None,
    subscriber: bytes | None = None,
    generation: int | None = None,
    cause: str | None = None,
) -> None:
    """Write `event`, with what only the transaction knows put in place of its own."""
    origin = event.origin
    connection.execute(
        _INSERT,
        (
            event.project.bytes,
            event.id,
            (kind or event.kind).value,
            event.at,
            subscriber or _bytes(event.subscriber),
            _bytes(event.session),
            _bytes(event.subject),
            event.generation if generation is None else generation,
            event.cause if cause is None else cause,
            origin.request_id,
            origin.address,
            origin.agent,
        ),
    )


@dataclass(frozen=True, slots=True)
class SqliteEvents:
    """See `EventStore`."""

    reader: Lane

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """See `EventStore.list`."""
        listing = Listing(
            f"SELECT {_COLUMNS} FROM events",
            ["project_id = ?"],
            [project.bytes],
            sort_column=None,
            id_column="event_id",
        )
        return await self.reader.submit(lambda db: read_page(db, listing, window, _event))


def _event(row: Row) -> Event:
    return Event(
        id=row[1],
        project=UUID(bytes=row[0]),
        kind=EventKind(row[2]),
        at=row[3],
        origin=Origin(request_id=row[9], address=row[10], agent=row[11]),
        subscriber=optional_uuid(row[4]),
        session=optional_uuid(row[5]),
        subject=optional_uuid(row[6]),
        generation=row[7],
        cause=row[8],
    )


def optional_uuid(value: bytes | None) -> UUID | None:
    """The UUID in a column that may be NULL."""
    return None if value is None else UUID(bytes=value)


def _bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes
