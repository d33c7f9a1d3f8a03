"""Reads audit events."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from satmint.model.event_filter import EventFilter
from satmint.model.event_page import EventPage
from satmint.model.events import REVOCATION_EVENTS, Event, EventCursor
from satmint.model.listing import Window
from satmint.model.records import Session
from satmint.store.contract.events import EventBatch
from satmint.store.sql.event_columns import EVENT_COLUMNS, READ_COLUMNS, entry_of, kinds_in
from satmint.store.sql.event_search import NOT_FREQUENT, event_searches, filter_conditions
from satmint.store.sql.port import Database, Row, Transaction
from satmint.store.sql.revocation_events import read_revocations
from satmint.store.sql.search import read_search

_ANY: Final = EventFilter()
# Must be the literal condition of SQLite's index, or the index is not used.
_OF_REVOCATIONS: Final = f"{NOT_FREQUENT} AND kind IN ({kinds_in(REVOCATION_EVENTS)})"
_WITHOUT_REFERENCE: Final = f"{EVENT_COLUMNS}, NULL AS reference"

_HORIZON: Final = "SELECT {settled} AS settled, {newest} AS newest"
_FOUND: Final = """
SELECT {columns}, position FROM events{index}
 WHERE {condition} AND (position, event_id) > ($1, $2)
 ORDER BY position, event_id LIMIT $3
"""
# The horizon and the events are of one snapshot. With no event there is a row of the horizon alone.
_AFTER: Final = f"""
SELECT horizon.settled, horizon.newest, found.*
  FROM ({_HORIZON}) AS horizon LEFT JOIN ({_FOUND}) AS found ON TRUE
 ORDER BY found.position, found.event_id
"""


@dataclass(frozen=True, slots=True)
class SqlEvents:
    """See `EventStore`."""

    db: Database
    reserved_db: Database
    """For the revocation watch."""

    async def list(
        self, project: UUID, window: Window, wanted: EventFilter = _ANY, *, settled: bool = False
    ) -> EventPage:
        """See `EventStore.list`."""
        searches = await event_searches(self.db, project, wanted, settled=settled)
        page = await read_search(self.db, searches, window, entry_of)
        first, last = page.continue_before, page.continue_after
        if page.items:
            (begin, _), (end, _) = page.items[0], page.items[-1]
            first = first or (begin.position, UUID(bytes=begin.id))
            last = last or (end.position, UUID(bytes=end.id))
        return EventPage(
            tuple(event for _, event in page.items),
            page.more_before,
            page.more_after,
            tuple(cursor.position for cursor, _ in page.items),
            continue_after=last,
            continue_before=first,
        )

    async def record(self, event: Event) -> None:
        """See `EventStore.record`."""
        await self.db.transaction(lambda tx: tx.record(event), project=event.project)

    async def after(
        self, project: UUID, cursor: EventCursor, limit: int, wanted: EventFilter = _ANY
    ) -> EventBatch:
        """See `EventStore.after`."""
        conditions, arguments = filter_conditions(wanted, 5)
        condition = f"project_id = $4{conditions}"
        read = _after("events_by_position", condition, READ_COLUMNS)
        return await self.db.read(
            lambda tx: read(tx, *cursor, limit, project, *arguments), is_list=True
        )

    async def revocations_of(self, project: UUID, cursor: EventCursor, limit: int) -> EventBatch:
        """See `EventStore.revocations_of`."""
        condition = f"{_OF_REVOCATIONS} AND project_id = $4"
        read = _after("events_that_end_by_position", condition, _WITHOUT_REFERENCE)
        return await self.db.read(lambda tx: read(tx, *cursor, limit, project), is_list=True)

    async def revocations(self, cursor: EventCursor, limit: int) -> EventBatch:
        """See `EventStore.revocations`."""
        db = self.reserved_db
        read = _after("events_that_end_by_position", _OF_REVOCATIONS, _WITHOUT_REFERENCE)
        return await db.read(lambda tx: read(tx, *cursor, limit))

    async def of_revocations(self, project: UUID, sessions: Sequence[Session]) -> Sequence[Event]:
        """See `EventStore.of_revocations`."""
        return await read_revocations(self.db, project, sessions)


def _after(
    index: str, condition: str, columns: str
) -> Callable[..., Coroutine[Any, Any, EventBatch]]:
    """Reads what follows a cursor, in a transaction."""

    async def read(tx: Transaction, *arguments: object) -> EventBatch:
        dialect = tx.dialect
        parts = {
            "settled": dialect.settled,
            "newest": dialect.newest,
            "columns": columns,
            "index": dialect.index.format(index),
            "condition": condition,
        }
        if not dialect.by_project:
            return _batch(await tx.fetch(dict, _AFTER.format(**parts), *arguments))
        # The horizon first: what it says is written is visible to the next statement on every node.
        (horizon,) = await tx.fetch(dict, _HORIZON.format(**parts))
        found = await tx.fetch(entry_of, _FOUND.format(**parts), *arguments)
        return EventBatch(tuple(found), horizon["settled"], horizon["newest"])

    return read


def _batch(rows: Sequence[Row]) -> EventBatch:
    found = tuple(entry_of(row) for row in rows if row["event_id"] is not None)
    return EventBatch(found, rows[0]["settled"], rows[0]["newest"])
