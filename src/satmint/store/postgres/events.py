"""Writes audit events to PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import REVOCATION_EVENTS, Event
from satmint.model.webhooks import ALERTS, CLOCK_SKEW_SECONDS
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.inserting import insert_rows
from satmint.store.postgres.routing import one_shard, statement
from satmint.store.postgres.session_rows import DATABASE_TIME
from satmint.store.sql.event_columns import EVENT_COLUMNS

CHANNEL: Final = "satmint_ending"
"""The NOTIFY channel for revocations. Its messages are empty: they only trigger a poll."""

FIRST_POSITION: Final = (
    "(coalesce((SELECT number FROM incarnation), 1) - 1) * 281474976710656::bigint"
)
"""The first position of the database's incarnation: transaction ids of a restored database start
anew."""
POSITION: Final = f"{FIRST_POSITION} + txid_current()"
"""The position of the events of the current transaction."""

_POSITION: Final = f"SELECT {POSITION}"
_EVENTS: Final = f"events ({EVENT_COLUMNS}, position)"
_RECORD: Final = f"""
INSERT INTO {_EVENTS}
SELECT *, {POSITION}
  FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::bigint[], $5::uuid[], $6::uuid[],
                     $7::uuid[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[])
"""
# Due at once, also where the clock of this server is ahead of the others or behind them.
_DELIVERIES: Final = "deliveries (project_id, webhook_id, event_id, next_at, set_at, attempts)"
_PENDING: Final = f"""
SELECT webhooks.project_id, webhooks.webhook_id, alert.event_id,
       least(alert.at, {DATABASE_TIME}) - {CLOCK_SKEW_SECONDS},
       least(alert.at, {DATABASE_TIME}), 0
  FROM unnest($1::uuid[], $2::bytea[], $3::bigint[]) AS alert (project_id, event_id, at)
  JOIN webhooks ON webhooks.project_id = alert.project_id{one_shard("webhooks")}
"""
_INTO_OUTBOX: Final = statement(f"INSERT INTO {_DELIVERIES}{_PENDING}").several
_PENDING_OF_SHARD: Final = statement(_PENDING).one


async def record(connection: Connection, *events: Event) -> None:
    """Write events of one shard in the transaction of the change that they describe.

    Of several projects, unless the database distributes its tables.

    An event of a kind in `ALERTS` also becomes a pending delivery of each webhook. An event that
    ends sessions is announced to the other processes once it is committed.
    """
    described, caused = event_arrays(events)
    columns = (
        [event.project for event in events],
        *described,
        [event.subscriber for event in events],
        *caused,
    )
    if connection.is_distributed:
        position = [await connection.fetchval(_POSITION)] * len(events)
        await insert_rows(connection, _EVENTS, list(zip(*columns, position, strict=True)))
    else:
        await connection.execute(_RECORD, *columns)
    alerts = [event for event in events if event.kind in ALERTS]
    if alerts:
        keys = (
            [event.project for event in alerts],
            [event.id for event in alerts],
            [event.at for event in alerts],
        )
        if connection.is_distributed:
            pending = await connection.fetch(_PENDING_OF_SHARD, *keys)
            await insert_rows(connection, _DELIVERIES, pending)
        else:
            await connection.execute(_INTO_OUTBOX, *keys)
    if any(event.kind in REVOCATION_EVENTS for event in alerts):
        connection.has_revoked = True


def event_arrays(
    events: Sequence[Event],
) -> tuple[Sequence[Sequence[object]], Sequence[Sequence[object]]]:
    """The values of `EVENT_COLUMNS` but for the project and the subscriber: an array for each.

    Returns:
        Those that stand between these two, and those behind the subscriber.
    """
    described = (
        [event.id for event in events],
        [event.kind.value for event in events],
        [event.at for event in events],
    )
    caused = (
        [event.session for event in events],
        [event.subject for event in events],
        [event.generation for event in events],
        [event.cause for event in events],
        [event.origin.request_id for event in events],
        [event.origin.address for event in events],
        [event.origin.agent for event in events],
    )
    return described, caused


def with_subscriber(event: Event, subscriber: UUID) -> Event:
    """`event` with the subscriber, which only the transaction knows."""
    return msgspec.structs.replace(event, subscriber=subscriber)
