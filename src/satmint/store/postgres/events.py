"""Audit events in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import ENDING, Event, EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.webhooks import ALERTS
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.listing import Listing, Row, plain, plain_or_none, read_page

CHANNEL: Final = "satmint_ending"
"""Where processes hear that a session was ended. It says nothing but that: look."""

COLUMNS: Final = (
    "project_id, event_id, kind, at, subscriber_id, session_id, subject_id, generation, cause,"
    " request_id, address, agent"
)
_RECORD: Final = f"""
INSERT INTO events ({COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::bigint[], $5::uuid[], $6::uuid[],
                     $7::uuid[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[])
"""
# As the index `events_that_end` has it, or it would not be used.
_KINDS: Final = ", ".join(f"'{kind}'" for kind in sorted(ENDING))
_ENDING: Final = (
    f"SELECT {COLUMNS} FROM events WHERE kind IN ({_KINDS}) AND event_id > $1"
    " ORDER BY event_id LIMIT $2"
)


_INTO_OUTBOX: Final = """
INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, attempts)
SELECT webhooks.project_id, webhooks.webhook_id, alert.event_id, alert.at, 0
  FROM unnest($1::uuid[], $2::bytea[], $3::bigint[]) AS alert (project_id, event_id, at)
  JOIN webhooks ON webhooks.project_id = alert.project_id
"""


async def record(connection: Connection, *events: Event) -> None:
    """Write events, in the transaction of what they tell of.

    One that webhooks tell of goes into their outbox as well. Where one ends a session, the other
    processes are woken.
    """
    await connection.execute(
        _RECORD,
        [event.project for event in events],
        [event.id for event in events],
        [event.kind.value for event in events],
        [event.at for event in events],
        [event.subscriber for event in events],
        [event.session for event in events],
        [event.subject for event in events],
        [event.generation for event in events],
        [event.cause for event in events],
        [event.origin.request_id for event in events],
        [event.origin.address for event in events],
        [event.origin.agent for event in events],
    )
    alerts = [event for event in events if event.kind in ALERTS]
    if alerts:
        await connection.execute(
            _INTO_OUTBOX,
            [event.project for event in alerts],
            [event.id for event in alerts],
            [event.at for event in alerts],
        )
    if any(event.kind in ENDING for event in alerts):
        await connection.execute(f"SELECT pg_notify('{CHANNEL}', '')")


def about(event: Event, subscriber: UUID) -> Event:
    """`event` with the subscriber that only the transaction knows."""
    return msgspec.structs.replace(event, subscriber=subscriber)


@dataclass(frozen=True, slots=True)
class PostgresEvents:
    """See `EventStore`."""

    connections: Connections

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """See `EventStore.list`."""
        listing = Listing(
            f"SELECT {COLUMNS} FROM events",
            ["project_id = {}"],
            [project],
            sort_column=None,
            id_column="event_id",
            id_is_bytes=True,
        )
        return await self.connections.browse(lambda db: read_page(db, listing, window, event_of))

    async def record(self, event: Event) -> None:
        """See `EventStore.record`."""
        await self.connections.decide(lambda db: record(db, event))

    async def ending(self, after: bytes, limit: int) -> Sequence[Event]:
        """See `EventStore.ending`."""

        async def work(db: Connection) -> Sequence[Event]:
            return tuple(event_of(row) for row in await db.fetch(_ENDING, after, limit))

        return await self.connections.look(work)


def event_of(row: Row) -> Event:
    """The event that a row of `COLUMNS` holds."""
    return Event(
        id=row["event_id"],
        project=plain(row["project_id"]),
        kind=EventKind(row["kind"]),
        at=row["at"],
        origin=Origin(row["request_id"], row["address"], row["agent"]),
        subscriber=plain_or_none(row["subscriber_id"]),
        session=plain_or_none(row["session_id"]),
        subject=plain_or_none(row["subject_id"]),
        generation=row["generation"],
        cause=row["cause"],
    )
