"""The history of deliveries: what became of those that are not pending any more.

A delivery is in one of two tables: `deliveries` while it is pending, then `delivery_history`. Their
keys end with the event's id, which begins with its time, so that lists and purges need no other
index.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.deliveries import AttemptResult, DeliveryRecord, DeliveryState
from satmint.model.events import EventKind
from satmint.model.listing import Page, Window
from satmint.model.webhooks import Delivery
from satmint.store.sql.listing import Listing, read_merged_page
from satmint.store.sql.port import Database, Row, Transaction, read_optional_uuid

_RESULT: Final = "attempts, attempted_at, error, status, latency_ms, response"
_WEBHOOK: Final = "WHERE project_id = $1 AND webhook_id = $2"
_DELIVERY: Final = f"{_WEBHOOK} AND event_id = $3"
_COLUMNS: Final = f"project_id, webhook_id, state, event_id, {_RESULT}"
_TYPES: Final = (
    *("uuid", "uuid", "text", "bytea", "bigint", "bigint", "text", "bigint", "bigint", "text"),
)
# A message that has arrived must not be sent forever because of a row that is there already.
_ONCE: Final = "ON CONFLICT (project_id, webhook_id, state, event_id) DO NOTHING"
_RECORD: Final = (
    f"INSERT INTO delivery_history ({_COLUMNS})"
    f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) {_ONCE}"
)
_DELETE: Final = f"DELETE FROM deliveries {_DELIVERY}"
_MOVE: Final = (
    f"WITH gone AS (DELETE FROM deliveries {_WEBHOOK} AND event_id = $4 RETURNING 1)"
    f" INSERT INTO delivery_history ({_COLUMNS})"
    f" SELECT {', '.join(f'${number}::{of}' for number, of in enumerate(_TYPES, 1))} FROM gone"
    f" {_ONCE}"
)
_TAKE_OLD: Final = (
    f"DELETE FROM deliveries {_WEBHOOK} AND event_id IN"
    f" (SELECT event_id FROM deliveries {_WEBHOOK} AND event_id < $3 ORDER BY event_id LIMIT $4)"
    f" RETURNING event_id, {_RESULT}"
)

# Scalar subqueries, not a join: the planner has no choice but the events of the page's rows.
_EVENT: Final = "FROM events e WHERE e.project_id = d.project_id AND e.event_id = d.event_id"
_LISTED: Final = (
    f"event_id, {_RESULT}, (SELECT e.kind {_EVENT}) AS kind,"
    f" (SELECT e.subscriber_id {_EVENT}) AS subscriber_id,"
    f" coalesce((SELECT e.reference {_EVENT}), (SELECT s.reference FROM subscribers s"
    f" WHERE s.project_id = d.project_id AND s.subscriber_id = (SELECT e.subscriber_id {_EVENT})))"
    " AS reference"
)
_PENDING: Final = f"SELECT 'pending' AS state, next_at, {_LISTED} FROM deliveries d"
_ENDED: Final = f"SELECT state, 0 AS next_at, {_LISTED} FROM delivery_history d"

_HAS_EVENT: Final = "SELECT 1 FROM events WHERE project_id = $1 AND event_id = $2"
# One that is being sent is not: it has been claimed since its last attempt ended.
_HURRY: Final = (
    f"UPDATE deliveries SET next_at = 0, set_at = $4 {_DELIVERY}"
    " AND (attempts = 0 OR set_at = attempted_at OR next_at <= $4)"
)
_TAKE_ENDED: Final = (
    f"DELETE FROM delivery_history {_WEBHOOK} AND state IN ('delivered', 'given_up')"
    f" AND event_id = $3 RETURNING attempted_at, error, status, latency_ms, response"
)
_SEND_AGAIN: Final = (
    "INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, set_at, attempts,"
    " attempted_at, error, status, latency_ms, response)"
    " VALUES ($1, $2, $3, 0, $4, 0, $5, $6, $7, $8, $9)"
)
_END_PAUSE: Final = f"UPDATE webhooks SET next_at = 0 {_WEBHOOK} AND next_at > 0"


async def end_delivery(
    tx: Transaction, delivery: Delivery, state: DeliveryState, result: AttemptResult, now: int
) -> int:
    """Move a pending delivery to the history.

    Returns:
        1; or 0 if it is not pending any more: its webhook was deleted, or another process has
        delivered it, too.
    """
    project, webhook, event = delivery.webhook.project, delivery.webhook.id, delivery.event.id
    attempt = delivery.attempt, now, result.error, result.status
    row = project, webhook, str(state), event, *attempt, result.latency_ms, result.response
    if tx.dialect.moves_rows:
        return await tx.execute(_MOVE, *row)
    count = await tx.execute(_DELETE, project, webhook, event)
    if count:
        await tx.execute(_RECORD, *row)
    return count


async def give_up_before(
    tx: Transaction, project: UUID, webhook: UUID, before: bytes, error: str, limit: int
) -> int:
    """Give up to `limit` pending deliveries up, those of the oldest events.

    Args:
        tx: The transaction.
        project: The webhook's project.
        webhook: The webhook.
        before: Only deliveries whose events have smaller ids; see `first_id_at`.
        error: The reason for those that were never tried.
        limit: The most that are given up.

    Returns:
        Their number.
    """
    taken = await tx.fetch(tuple, _TAKE_OLD, project, webhook, before, limit)
    rows = [
        (project, webhook, str(DeliveryState.GIVEN_UP), event_id, attempts, at, why or error, *rest)
        for event_id, attempts, at, why, *rest in taken
    ]
    if rows:
        await tx.insert_many(f"delivery_history ({_COLUMNS})", _TYPES, rows, _ONCE)
    return len(rows)


def first_id_at(at: int) -> bytes:
    """A bound below the ids of all events since `at` (Unix seconds), and above all earlier ones.

    A version 7 UUID begins with its time in milliseconds (RFC 9562, section 5.7).
    """
    return (max(at, 0) * 1000).to_bytes(6, "big")


@dataclass(frozen=True, slots=True)
class SqlDeliveryHistory:
    """The part of `WebhookStore` that lists deliveries and sends them again."""

    db: Database

    async def list_deliveries(
        self, project: UUID, webhook: UUID, state: DeliveryState | None, window: Window
    ) -> Page[DeliveryRecord]:
        """See `WebhookStore.list_deliveries`."""
        listings = [
            _listing(project, webhook, one)
            for one in (DeliveryState if state is None else (state,))
        ]
        return await read_merged_page(self.db, listings, window, _record_of, "event_id")

    async def retry(
        self, project: UUID, webhook: UUID, delivery: UUID, now: int
    ) -> DeliveryRecord | None:
        """See `WebhookStore.retry`."""
        now = await self.db.time(now)
        key = project, webhook, delivery.bytes

        async def work(tx: Transaction) -> DeliveryRecord | None:
            lock = f"SELECT 1 FROM webhooks {_WEBHOOK}{tx.dialect.for_update}"
            if await tx.fetch_one(tuple, lock, project, webhook) is None:
                return None
            if await tx.fetch_one(tuple, _HAS_EVENT, project, delivery.bytes) is None:
                return None
            if not await tx.execute(_HURRY, *key, now):
                ended = await tx.fetch(tuple, _TAKE_ENDED, *key)
                if ended:
                    await tx.execute(_SEND_AGAIN, *key, now, *ended[0])
            await tx.execute(_END_PAUSE, project, webhook)
            one = f"{_PENDING} {_DELIVERY}"
            return await tx.fetch_one(_record_of, one, *key)

        return await self.db.transaction(work, project=project, read_committed=True)


def _listing(project: UUID, webhook: UUID, state: DeliveryState) -> Listing:
    conditions, values = ["project_id = {}", "webhook_id = {}"], [project, webhook]
    if state is DeliveryState.PENDING:
        return Listing(_PENDING, conditions, values, None, "event_id", id_is_bytes=True)
    return Listing(
        *(_ENDED, [*conditions, "state = {}"], [*values, str(state)], None, "event_id"),
        id_is_bytes=True,
    )


def _record_of(row: Row) -> DeliveryRecord:
    state = DeliveryState(row["state"])
    return DeliveryRecord(
        id=UUID(bytes=row["event_id"]),
        state=state,
        attempts=row["attempts"],
        attempted_at=row["attempted_at"] or None,
        result=AttemptResult(
            error=row["error"],
            status=row["status"],
            latency_ms=row["latency_ms"],
            response=row["response"],
        ),
        next_at=row["next_at"] if state is DeliveryState.PENDING else None,
        kind=None if row["kind"] is None else EventKind(row["kind"]),
        subscriber=read_optional_uuid(row["subscriber_id"]),
        reference=row["reference"],
    )
