"""Reads audit events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import REVOCATION_EVENTS, Event, EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import Database, Row, read_optional_uuid, read_uuid

EVENT_COLUMNS: Final = (
    "project_id, event_id, kind, at, subscriber_id, session_id, subject_id, generation, cause,"
    " request_id, address, agent"
)
# Must be the literal condition of the index, or the index is not used.
_KINDS: Final = ", ".join(f"'{kind}'" for kind in sorted(REVOCATION_EVENTS))


@dataclass(frozen=True, slots=True)
class SqlEvents:
    """See `EventStore`."""

    db: Database
    reserved_db: Database
    """For the revocation watch."""

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """See `EventStore.list`."""
        listing = Listing(
            f"SELECT {EVENT_COLUMNS} FROM events",
            ["project_id = {}"],
            [project],
            sort_column=None,
            id_column="event_id",
            id_is_bytes=True,
        )
        return await read_page(self.db, listing, window, event_of)

    async def record(self, event: Event) -> None:
        """See `EventStore.record`."""
        await self.db.transaction(lambda tx: tx.record(event), project=event.project)

    async def revocations(self, after: bytes, limit: int) -> Sequence[Event]:
        """See `EventStore.revocations`."""
        db = self.reserved_db
        return await db.fetch(
            event_of,
            f"SELECT {EVENT_COLUMNS} FROM events{db.dialect.index.format('events_that_end')}"
            f" WHERE kind IN ({_KINDS}) AND event_id > $1 ORDER BY event_id LIMIT $2",
            after,
            limit,
        )


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
