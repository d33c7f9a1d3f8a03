"""Writes audit events to SQLite."""

import sqlite3
from typing import Final
from uuid import UUID

from satmint.model.events import Event, EventKind
from satmint.model.webhooks import ALERTS, CLOCK_SKEW_SECONDS
from satmint.store.sql.event_columns import EVENT_COLUMNS

BEGIN_POSITION: Final = "UPDATE event_counter SET position = position + 1"
"""Run at the beginning of each transaction: all of its events have this position."""
_INSERT: Final = (
    f"INSERT INTO events ({EVENT_COLUMNS}, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " (SELECT position FROM event_counter))"
)

# Due at once, also for a server whose clock is behind.
_INTO_OUTBOX: Final = (
    "INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, set_at, attempts)"
    f" SELECT project_id, webhook_id, ?1, ?2 - {CLOCK_SKEW_SECONDS}, ?2, 0"
    " FROM webhooks WHERE project_id = ?3"
)


def record(
    connection: sqlite3.Connection,
    event: Event,
    *,
    kind: EventKind | None = None,
    subscriber: bytes | None = None,
    generation: int | None = None,
) -> None:
    """Write `event`, with values that only the transaction knows in place of its own.

    An event of a kind in `ALERTS` also becomes a pending delivery of each webhook.
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
            event.cause,
            origin.request_id,
            origin.address,
            origin.agent,
        ),
    )


def _bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes
