"""The outbox: pending deliveries, and what is known of the endpoints that they go to.

The unit that is scheduled is the webhook, not the delivery: a pause is one row, however many
deliveries wait for its end, and the deliveries of one webhook cannot hide those of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.deliveries import AttemptResult, DeliveryState
from satmint.model.webhooks import (
    CLOCK_SKEW_SECONDS,
    GIVE_UP_SECONDS,
    Delivery,
    Webhook,
    WebhookState,
    pause_seconds,
    retry_delay,
)
from satmint.store.contract.webhooks import DuePage, OutboxPosition
from satmint.store.sql.delivery_history import (
    SqlDeliveryHistory,
    end_delivery,
    first_id_at,
    give_up_before,
)
from satmint.store.sql.event_columns import READ_COLUMNS, event_of
from satmint.store.sql.port import Row, Transaction, read_uuid
from satmint.store.sql.table import Table

WEBHOOKS: Final = Table("webhooks", Webhook, id="webhook_id")
WEBHOOK: Final = "WHERE project_id = $1 AND webhook_id = $2"
USE_SECRET: Final = f"UPDATE webhooks SET secret_used = TRUE {WEBHOOK} AND NOT secret_used"

_NIL: Final = UUID(int=0)
_CHUNK: Final = 1000
_DELIVERY: Final = f"{WEBHOOK} AND event_id = $3"
_DELETE: Final = f"DELETE FROM deliveries {_DELIVERY}"
_WAIT: Final = f"UPDATE deliveries SET next_at = $4, set_at = $5 {_DELIVERY}"
_CLAIM: Final = (
    f"UPDATE deliveries SET next_at = $4, set_at = $5, attempts = attempts + 1 {_DELIVERY}"
)
_EVENT: Final = f"SELECT {READ_COLUMNS} FROM events WHERE project_id = $1 AND event_id = $2"
_SELECT_DUE: Final = (
    f"SELECT event_id, attempts FROM deliveries {WEBHOOK} AND next_at <= $3"
    " ORDER BY next_at, event_id LIMIT $4"
)
_RETRY_LATER: Final = (
    "UPDATE deliveries SET next_at = $4, set_at = $5, attempted_at = $5, error = $6, status = $7,"
    f" latency_ms = $8, response = $9 {_DELIVERY}"
)
_PROBE: Final = f"UPDATE webhooks SET next_at = $3, set_at = $4 {WEBHOOK}"
# Of attempts that ran at the same time, the first one that fails decides: it changes `failures`.
_SUCCEEDED: Final = (
    f"UPDATE webhooks SET state = $3, state_since = $4, failures = 0, next_at = 0 {WEBHOOK}"
    " AND failures = $5"
)
_FAILED: Final = (
    f"UPDATE webhooks SET failures = failures + 1, last_error = $4, last_error_at = $5,"
    f" next_at = $6, set_at = $5, state = '{WebhookState.PAUSED}',"
    f" state_since = CASE WHEN state = '{WebhookState.PAUSED}' THEN state_since ELSE $5 END"
    f" {WEBHOOK} AND failures = $3"
)

_SET_IN_FUTURE: Final = "SELECT 1 FROM deliveries WHERE set_at > $1 LIMIT 1"
_MAKE_DUE: Final = (
    "UPDATE deliveries SET next_at = $2, set_at = $2"
    " WHERE (project_id, webhook_id, event_id) IN"
    " (SELECT project_id, webhook_id, event_id FROM deliveries WHERE set_at > $1 LIMIT $3)"
)


def _next_of(project: str, webhook: str) -> str:
    """The next webhook with pending deliveries, or else the start of the next such project."""
    in_project = (
        f"(SELECT d.webhook_id FROM deliveries d WHERE d.project_id = {project}"
        f" AND d.webhook_id > {webhook} ORDER BY d.webhook_id LIMIT 1)"
    )
    return (
        f"CASE WHEN {in_project} IS NOT NULL THEN {project} ELSE (SELECT d.project_id"
        f" FROM deliveries d WHERE d.project_id > {project} ORDER BY d.project_id LIMIT 1) END,"
        f" coalesce({in_project}, $6)"
    )


# A loose index scan: from each webhook with pending deliveries to the next, by the primary key,
# without visiting the deliveries in between. Scalar subqueries leave the planner one plan only: a
# look at the index for each webhook. The last row of a full page says where it ends.
_DUE: Final = """
webhooks.paused_at = 0 AND (webhooks.next_at <= $3 OR webhooks.set_at > $4) AND (
    SELECT 1 FROM deliveries d
     WHERE d.project_id = at_project AND d.webhook_id = at_webhook AND d.next_at <= $3
     LIMIT 1) IS NOT NULL
"""
_VISIT: Final = f"""
WITH RECURSIVE pending (at_project, at_webhook, n) AS (
    SELECT {_next_of("$1", "$2")}, 1
    UNION ALL
    SELECT {_next_of("pending.at_project", "pending.at_webhook")}, n + 1
      FROM pending WHERE at_project IS NOT NULL AND n < $5
)
SELECT at_project, at_webhook, n, {WEBHOOKS.columns}, {_DUE} AS due
  FROM pending
  LEFT JOIN webhooks ON webhooks.project_id = at_project AND webhooks.webhook_id = at_webhook
 WHERE at_project IS NOT NULL AND (n = $5 OR webhook_id IS NULL AND at_webhook <> $6 OR {_DUE})
 ORDER BY n
"""
# Where tables are distributed, every node looks for its own. A webhook is visited if it is due.
_VISIT_ALL_NODES: Final = f"""
SELECT {WEBHOOKS.columns} FROM webhooks
 WHERE (project_id, webhook_id) > ($1, $2) AND paused_at = 0 AND (next_at <= $3 OR set_at > $4)
   AND EXISTS (SELECT 1 FROM deliveries d
                WHERE d.project_id = webhooks.project_id AND d.webhook_id = webhooks.webhook_id
                  AND d.next_at <= $3)
 ORDER BY project_id, webhook_id LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class SqlDeliveries(SqlDeliveryHistory):
    """The part of `WebhookStore` that is about deliveries.

    Transactions are READ COMMITTED: the lock of the webhook's row orders them, and no transaction
    that records an alert fails because of them, as it could at a stricter level.
    """

    async def due_webhooks(self, now: int, after: OutboxPosition, limit: int) -> DuePage:
        """See `WebhookStore.due_webhooks`."""
        now = await self.db.time(now)
        latest = now + CLOCK_SKEW_SECONDS
        if await self.db.fetch_one(tuple, _SET_IN_FUTURE, latest) is not None:
            await self.db.execute(_MAKE_DUE, latest, now, _CHUNK)

        async def visit(tx: Transaction) -> DuePage | Sequence[Row]:
            if not tx.dialect.by_project:
                return await tx.fetch(dict, _VISIT, *after, now, latest, limit, _NIL)
            found = await tx.fetch(WEBHOOKS.build, _VISIT_ALL_NODES, *after, now, latest, limit)
            is_full = len(found) == limit
            return DuePage(tuple(found), (found[-1].project, found[-1].id) if is_full else None)

        rows = await self.db.read(visit)
        if isinstance(rows, DuePage):
            return rows
        due = []
        for row in rows:
            at = _position(row)
            if at[1] == _NIL:
                continue  # the start of a project
            if row["webhook_id"] is None:
                # The event was being recorded while the webhook was deleted.
                await self.db.execute_many(f"DELETE FROM deliveries {WEBHOOK}", [at])
            elif row["due"]:
                due.append(WEBHOOKS.build(row))
        is_full = bool(rows) and rows[-1]["n"] == limit
        return DuePage(tuple(due), _position(rows[-1]) if is_full else None)

    async def claim_due(
        self, webhook: Webhook, now: int, until: int, limit: int
    ) -> Sequence[Delivery]:
        """See `WebhookStore.claim_due`."""
        seconds, now = until - now, await self.db.time(now)
        until = now + seconds
        key = webhook.project, webhook.id

        async def work(tx: Transaction) -> Sequence[Delivery]:
            lock = f"{WEBHOOKS.select} {WEBHOOK}{tx.dialect.skip_locked}"
            current = await tx.fetch_one(WEBHOOKS.build, lock, *key)
            if current is None or current.is_paused(now):
                return ()
            count = 1 if current.failures else limit
            due = await tx.fetch(_due_row, _SELECT_DUE, *key, now, count)
            found = []
            for event_id, attempts in due:
                event = await tx.fetch_one(event_of, _EVENT, webhook.project, event_id)
                if event is None:  # it was purged
                    await tx.execute(_DELETE, *key, event_id)
                else:
                    await tx.execute(_CLAIM, *key, event_id, until, now)
                    found.append(Delivery(current, event, attempts + 1))
            if found and current.failures:
                await tx.execute(_PROBE, *key, until, now)
            if found and not current.secret_used:
                await tx.execute(USE_SECRET, *key)
            return tuple(found)

        return await self.db.transaction(work, project=webhook.project, read_committed=True)

    async def settle(
        self, delivery: Delivery, result: AttemptResult, now: int, *, slow: bool
    ) -> None:
        """See `WebhookStore.settle`."""
        webhook = delivery.webhook
        state = WebhookState.SLOW if slow else WebhookState.ACTIVE
        now = await self.db.time(now)

        async def work(tx: Transaction) -> None:
            if state != webhook.state or webhook.failures:
                # The webhook's row first, as in a claim and in a deletion.
                success = str(state), now, webhook.failures
                await tx.execute(_SUCCEEDED, webhook.project, webhook.id, *success)
            await end_delivery(tx, delivery, DeliveryState.DELIVERED, result, now)

        project = webhook.project
        await self.db.transaction(work, project=project, read_committed=True)

    async def reschedule(self, delivery: Delivery, result: AttemptResult, now: int) -> None:
        """See `WebhookStore.reschedule`."""
        now = await self.db.time(now)
        values = result.error, result.status, result.latency_ms, result.response

        async def work(tx: Transaction) -> None:
            await tx.execute(_FAILED, *_failure(delivery.webhook, result.error, now))
            due = now + retry_delay(delivery.attempt)
            await tx.execute(_RETRY_LATER, *_key(delivery), due, now, *values)

        project = delivery.webhook.project
        await self.db.transaction(work, project=project, read_committed=True)

    async def give_up(self, delivery: Delivery, result: AttemptResult, now: int, limit: int) -> int:
        """See `WebhookStore.give_up`."""
        now = await self.db.time(now)
        webhook, before = delivery.webhook, now - GIVE_UP_SECONDS
        fails_since = webhook.state_since if webhook.state is WebhookState.PAUSED else now

        async def work(tx: Transaction) -> int:
            await tx.execute(_FAILED, *_failure(webhook, result.error, now))
            count = await end_delivery(tx, delivery, DeliveryState.GIVEN_UP, result, now)
            if fails_since <= before:
                key = webhook.project, webhook.id
                bound = first_id_at(before + 1)
                count += await give_up_before(tx, *key, bound, result.error, limit)
            return count

        return await self.db.transaction(
            work, project=webhook.project, slow=True, read_committed=True
        )

    async def release(self, deliveries: Sequence[Delivery], now: int) -> None:
        """See `WebhookStore.release`."""
        now = await self.db.time(now)
        await self.db.execute_many(_WAIT, [(*_key(found), now, now) for found in deliveries])


def _key(delivery: Delivery) -> tuple[UUID, UUID, bytes]:
    webhook = delivery.webhook
    return webhook.project, webhook.id, delivery.event.id


def _failure(webhook: Webhook, error: str, now: int) -> tuple[object, ...]:
    """The arguments of `_FAILED`."""
    until = now + pause_seconds(webhook.failures + 1)
    return webhook.project, webhook.id, webhook.failures, error, now, until


def _position(row: Row) -> OutboxPosition:
    return read_uuid(row["at_project"]), read_uuid(row["at_webhook"])


def _due_row(row: Row) -> tuple[bytes, int]:
    return row["event_id"], row["attempts"]
