"""The columns of events, and the records that they make."""

from collections.abc import Iterable
from typing import Final

from satmint.model.events import Event, EventCursor, EventKind, Origin
from satmint.store.sql.port import Row, read_optional_uuid, read_uuid

EVENT_COLUMNS: Final = (
    "project_id, event_id, kind, at, subscriber_id, session_id, subject_id, generation, cause,"
    " request_id, address, agent"
)
"""What a change writes."""
READ_COLUMNS: Final = (
    f"{EVENT_COLUMNS}, coalesce(events.reference, (SELECT subscribers.reference FROM subscribers"
    " WHERE subscribers.project_id = events.project_id"
    " AND subscribers.subscriber_id = events.subscriber_id)) AS reference"
)
"""What is read, from the table `events`."""


def kinds_in(kinds: Iterable[EventKind]) -> str:
    """Kinds as a list of SQL."""
    return ", ".join(f"'{kind}'" for kind in sorted(kinds))


def event_of(row: Row) -> Event:
    """Build the event from a row of `READ_COLUMNS`."""
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
        reference=row["reference"],
    )


def entry_of(row: Row) -> tuple[EventCursor, Event]:
    """Build the event and its place from a row of `READ_COLUMNS` and `position`."""
    return EventCursor(row["position"], row["event_id"]), event_of(row)
