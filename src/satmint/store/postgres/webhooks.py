"""Webhooks in PostgreSQL, and the outbox of what they have to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.webhooks import Delivery, Webhook
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.events import COLUMNS as EVENT_COLUMNS
from satmint.store.postgres.events import event_of, record
from satmint.store.postgres.listing import Listing, Row, plain, read_page

_COLUMNS: Final = "project_id, webhook_id, url, sealed_secret, created_at"
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock($1, $2)"
_ADDING: Final = 0x5A7_0003
"""The advisory locks of those who add webhooks, one for each project or for some together."""
_COUNT: Final = "SELECT count(*) FROM webhooks WHERE project_id = $1"
_DUE: Final = "SELECT 1 FROM deliveries WHERE next_at <= $1 LIMIT 1"

# What another process is taking on at this moment is passed over. By event, so that of several
# webhooks none comes last with everything.
_TAKE: Final = """
WITH due AS MATERIALIZED (
    SELECT project_id, webhook_id, event_id FROM deliveries
     WHERE next_at <= $1 ORDER BY next_at, event_id LIMIT $3
       FOR UPDATE SKIP LOCKED
)
UPDATE deliveries SET next_at = $2, attempts = attempts + 1
  FROM due
 WHERE deliveries.project_id = due.project_id AND deliveries.webhook_id = due.webhook_id
   AND deliveries.event_id = due.event_id
RETURNING deliveries.project_id, deliveries.webhook_id, deliveries.event_id, attempts
"""
_PUT_OFF: Final = """
UPDATE deliveries SET next_at = $4
 WHERE project_id = $1 AND webhook_id = $2 AND (event_id = $3 OR next_at < $4)
"""
_KEY: Final = "project_id = $1 AND webhook_id = $2 AND event_id = $3"


@dataclass(frozen=True, slots=True)
class PostgresWebhooks:
    """See `WebhookStore`."""

    connections: Connections

    async def add(self, webhook: Webhook, most: int, event: Event) -> bool:
        """See `WebhookStore.add`."""

        async def work(db: Connection) -> bool:
            # Who adds another one at this moment is counted by whoever comes second.
            await db.execute(_ONE_AT_A_TIME, _ADDING, webhook.project.int & 0x7FFF_FFFF)
            if await db.fetchval(_COUNT, webhook.project) >= most:
                return False
            await db.execute(
                f"INSERT INTO webhooks ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5)",
                webhook.project,
                webhook.id,
                webhook.url,
                webhook.sealed_secret,
                webhook.created_at,
            )
            await record(db, event)
            return True

        return await self.connections.decide(work)

    async def list(self, project: UUID, window: Window) -> Page[Webhook]:
        """See `WebhookStore.list`."""
        listing = Listing(
            f"SELECT {_COLUMNS} FROM webhooks",
            ["project_id = {}"],
            [project],
            "created_at",
            "webhook_id",
        )
        return await self.connections.browse(lambda db: read_page(db, listing, window, _webhook))

    async def delete(self, project: UUID, webhook: UUID, event: Event) -> bool:
        """See `WebhookStore.delete`."""
        where = "WHERE project_id = $1 AND webhook_id = $2"

        async def work(db: Connection) -> bool:
            statement = f"DELETE FROM webhooks {where} RETURNING 1"
            gone = await db.fetchval(statement, project, webhook) is not None
            if gone:
                await db.execute(f"DELETE FROM deliveries {where}", project, webhook)
                await record(db, event)
            return gone

        return await self.connections.decide(work)

    async def sealed_otherwise(self, key_id: str, after: UUID, limit: int) -> Sequence[Webhook]:
        """See `WebhookStore.sealed_otherwise`."""
        query = (
            f"SELECT {_COLUMNS} FROM webhooks"
            " WHERE left(sealed_secret, length($1)) <> $1 AND webhook_id > $2"
            " ORDER BY webhook_id LIMIT $3"
        )
        given = (f"{key_id}.", after, limit)
        rows = await self.connections.look(lambda db: db.fetch(query, *given))
        return tuple(_webhook(row) for row in rows)

    async def seal_anew(self, webhook: Webhook, sealed_secret: str) -> None:
        """See `WebhookStore.seal_anew`."""
        statement = (
            "UPDATE webhooks SET sealed_secret = $4"
            " WHERE project_id = $1 AND webhook_id = $2 AND sealed_secret = $3"
        )
        given = (webhook.project, webhook.id, webhook.sealed_secret, sealed_secret)
        await self.connections.look(lambda db: db.execute(statement, *given))

    async def take_due(self, now: int, until: int, limit: int) -> Sequence[Delivery]:
        """See `WebhookStore.take_due`."""
        # Most times there are none, which a look is enough to know.
        if await self.connections.look(lambda db: db.fetchval(_DUE, now)) is None:
            return ()

        async def work(db: Connection) -> Sequence[Delivery]:
            found = []
            for row in await db.fetch(_TAKE, now, until, limit):
                delivery = await _delivery(db, row)
                if delivery is None:  # its event was purged meanwhile, or its webhook deleted
                    await db.execute(f"DELETE FROM deliveries WHERE {_KEY}", *row[:3])
                else:
                    found.append(delivery)
            return tuple(found)

        return await self.connections.decide(work)

    async def settle(self, delivery: Delivery) -> None:
        """See `WebhookStore.settle`."""
        statement, key = f"DELETE FROM deliveries WHERE {_KEY}", _key(delivery)
        await self.connections.look(lambda db: db.execute(statement, *key))

    async def put_off(self, delivery: Delivery, until: int) -> None:
        """See `WebhookStore.put_off`."""
        key = _key(delivery)
        await self.connections.look(lambda db: db.execute(_PUT_OFF, *key, until))


def _key(delivery: Delivery) -> tuple[UUID, UUID, bytes]:
    webhook = delivery.webhook
    return webhook.project, webhook.id, delivery.event.id


async def _delivery(db: Connection, row: Row) -> Delivery | None:
    project, webhook, event, attempts = row
    to = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM webhooks WHERE project_id = $1 AND webhook_id = $2",
        project,
        webhook,
    )
    of = await db.fetchrow(
        f"SELECT {EVENT_COLUMNS} FROM events WHERE project_id = $1 AND event_id = $2",
        project,
        event,
    )
    return None if to is None or of is None else Delivery(_webhook(to), event_of(of), attempts)


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=plain(row["webhook_id"]),
        project=plain(row["project_id"]),
        url=row["url"],
        sealed_secret=row["sealed_secret"],
        created_at=row["created_at"],
    )
