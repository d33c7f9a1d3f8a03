"""Audit events in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import ENDING, Event, EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.webhooks import ALERTS
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, Row, read_page

EVENT_COLUMNS: Final = (
    "project_id, event_id, kind, at, subscriber_id, session_id, subject_id, generation, cause,"
    " request_id, address, agent"
)
_INSERT: Final = f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

# Word for word the condition of the index, or SQLite would not use it.
_ENDING: Final = (
    f"SELECT {EVENT_COLUMNS} FROM events INDEXED BY events_that_end"
    f" WHERE kind IN ({', '.join(repr(kind.value) for kind in sorted(ENDING))})"
    " AND event_id > ? ORDER BY event_id LIMIT ?"
)

_INTO_OUTBOX: Final = (
    "INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, attempts)"
    " SELECT project_id, webhook_id, ?, ?, 0 FROM webhooks WHERE project_id = ?"
)


def record(
    connection: sqlite3.Connection,
    event: Event,
    *,
    kind: EventKind | None = None,
    subscriber: bytes | None = None,
    generation: int | None = None,
    cause: str | None = None,
) -> None:
    """Write `event`, with what only the transaction knows put in place of its own.

    One that webhooks tell of goes into their outbox as well.
    """
    origin, kind = event.origin, kind or event.kind
    if kind in ALERTS:
        connection.execute(_INTO_OUTBOX, (event.id, event.at, event.project.bytes))
    connection.execute(
        _INSERT,
        (
            event.project.bytes,
            event.id,
            kind.value,
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

    writer: Lane
    reader: Readers

    async def record(self, event: Event) -> None:
        """See `EventStore.record`."""
        await self.writer.submit(lambda db: record(db, event))

    async def ending(self, after: bytes, limit: int) -> Sequence[Event]:
        """See `EventStore.ending`."""
        return await self.reader.submit(
            lambda db: [event_of(row) for row in db.execute(_ENDING, (after, limit))]
        )

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """See `EventStore.list`."""
        listing = Listing(
            f"SELECT {EVENT_COLUMNS} FROM events",
            ["project_id = ?"],
            [project.bytes],
            sort_column=None,
            id_column="event_id",
        )
        return await self.reader.browse(lambda db: read_page(db, listing, window, event_of))


def event_of(row: Row) -> Event:
    """The event that a row of `EVENT_COLUMNS` holds."""
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
