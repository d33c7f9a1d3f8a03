"""Reads audit events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import REVOCATION_EVENTS, Event, EventCursor, EventKind, Origin
from satmint.model.listing import Window
from satmint.store.contract.events import EventBatch, EventPage
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import Database, Row, read_optional_uuid, read_uuid

EVENT_COLUMNS: Final = (
    "project_id, event_id, kind, at, subscriber_id, session_id, subject_id, generation, cause,"
    " request_id, address, agent"
)
# Must be the literal condition of the index, or the index is not used.
_KINDS: Final = ", ".join(f"'{kind}'" for kind in sorted(REVOCATION_EVENTS))


# The horizon and the events are of one snapshot. With no event there is a row of the horizon alone.
_AFTER: Final = f"""
SELECT horizon.settled, horizon.newest, found.*
  FROM (SELECT {{settled}} AS settled, {{newest}} AS newest) AS horizon
  LEFT JOIN (SELECT {EVENT_COLUMNS}, position FROM events{{index}}
              WHERE {{condition}} AND (position, event_id) > ($1, $2)
              ORDER BY position, event_id LIMIT $3) AS found ON TRUE
 ORDER BY found.position, found.event_id
"""


@dataclass(frozen=True, slots=True)
class SqlEvents:
    """See `EventStore`."""

    db: Database
    reserved_db: Database
    """For the revocation watch."""

    async def list(self, project: UUID, window: Window, *, settled: bool = False) -> EventPage:
        """See `EventStore.list`."""
        dialect = self.db.dialect
        conditions = ["project_id = {}"]
        if settled:
            conditions.append(f"position < {dialect.settled}")
        listing = Listing(
            f"SELECT {EVENT_COLUMNS}, position"
            f" FROM events{dialect.index.format('events_by_position')}",
            conditions,
            [project],
            sort_column="position",
            id_column="event_id",
            id_is_bytes=True,
        )
        page = await read_page(self.db, listing, window, _entry)
        return EventPage(
            tuple(event for _, event in page.items),
            page.more_before,
            page.more_after,
            tuple(cursor.position for cursor, _ in page.items),
        )

    async def record(self, event: Event) -> None:
        """See `EventStore.record`."""
        await self.db.transaction(lambda tx: tx.record(event), project=event.project)

    async def after(self, project: UUID, cursor: EventCursor, limit: int) -> EventBatch:
        """See `EventStore.after`."""
        query = _after(self.db, "events_by_position", "project_id = $4")
        return _batch(await self.db.fetch_list(dict, query, *cursor, limit, project))

    async def revocations(self, cursor: EventCursor, limit: int) -> EventBatch:
        """See `EventStore.revocations`."""
        db = self.reserved_db
        query = _after(db, "events_that_end_by_position", f"kind IN ({_KINDS})")
        return _batch(await db.fetch(dict, query, *cursor, limit))


def _after(db: Database, index: str, condition: str) -> str:
    dialect = db.dialect
    return _AFTER.format(
        settled=dialect.settled,
        newest=dialect.newest,
        index=dialect.index.format(index),
        condition=condition,
    )


def _batch(rows: Sequence[Row]) -> EventBatch:
    found = tuple(_entry(row) for row in rows if row["event_id"] is not None)
    return EventBatch(found, rows[0]["settled"], rows[0]["newest"])


def _entry(row: Row) -> tuple[EventCursor, Event]:
    return EventCursor(row["position"], row["event_id"]), event_of(row)


def event_of(row: Row) -> Event:
    """Build the event from a row of `EVENT_COLUMNS`."""
    return Event(
        id=row["event_id"],
        project=read_uuid(row["project_id"]),
        kind=EventKind(row["kind"]),
        at=row["at"],
        origin=Origin(row["request_id"], row["address"], row["agent"]),
        subscriber=read_optional_uuid(row["subscriber_id"]),
        session=read_optional_uuid(row["session_id"]),
        subject=read_optional_uuid(row["subject_id"]),
        generation=row["generation"],
        cause=row["cause"],
    )
