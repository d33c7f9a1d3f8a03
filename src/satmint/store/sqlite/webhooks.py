"""Webhooks in SQLite, and the outbox of what they have to be told."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.webhooks import Delivery, Webhook
from satmint.store.sqlite.events import EVENT_COLUMNS, event_of, record
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, Row, read_page

_COLUMNS: Final = "project_id, webhook_id, url, sealed_secret, created_at"
_COUNT: Final = "SELECT count(*) FROM webhooks WHERE project_id = ?"
_DUE: Final = "SELECT 1 FROM deliveries WHERE next_at <= ? LIMIT 1"
# By event, so that of several webhooks none comes last with everything.
_TAKE: Final = (
    "UPDATE deliveries SET next_at = ?2, attempts = attempts + 1"
    " WHERE (project_id, webhook_id, event_id) IN (SELECT project_id, webhook_id, event_id"
    " FROM deliveries WHERE next_at <= ?1 ORDER BY next_at, event_id LIMIT ?3)"
    " RETURNING project_id, webhook_id, event_id, attempts"
)
_PUT_OFF: Final = (
    "UPDATE deliveries SET next_at = ?1"
    " WHERE project_id = ?2 AND webhook_id = ?3 AND (event_id = ?4 OR next_at < ?1)"
)
_KEY: Final = "project_id = ? AND webhook_id = ? AND event_id = ?"


@dataclass(frozen=True, slots=True)
class SqliteWebhooks:
    """See `WebhookStore`."""

    writer: Lane
    reader: Readers

    async def add(self, webhook: Webhook, most: int, event: Event) -> bool:
        """See `WebhookStore.add`."""

        def work(db: sqlite3.Connection) -> bool:
            known = db.execute(_COUNT, (webhook.project.bytes,)).fetchone()[0]
            if known >= most:
                return False
            db.execute(
                f"INSERT INTO webhooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                (
                    webhook.project.bytes,
                    webhook.id.bytes,
                    webhook.url,
                    webhook.sealed_secret,
                    webhook.created_at,
                ),
            )
            record(db, event)
            return True

        return await self.writer.submit(work)

    async def list(self, project: UUID, window: Window) -> Page[Webhook]:
        """See `WebhookStore.list`."""
        listing = Listing(
            f"SELECT {_COLUMNS} FROM webhooks",
            ["project_id = ?"],
            [project.bytes],
            "created_at",
            "webhook_id",
        )
        return await self.reader.browse(lambda db: read_page(db, listing, window, _webhook))

    async def delete(self, project: UUID, webhook: UUID, event: Event) -> bool:
        """See `WebhookStore.delete`."""
        key = (project.bytes, webhook.bytes)

        def work(db: sqlite3.Connection) -> bool:
            gone = db.execute("DELETE FROM webhooks WHERE project_id = ? AND webhook_id = ?", key)
            if gone.rowcount:
                db.execute("DELETE FROM deliveries WHERE project_id = ? AND webhook_id = ?", key)
                record(db, event)
            return gone.rowcount > 0

        return await self.writer.submit(work)

    async def sealed_otherwise(self, key_id: str, after: UUID, limit: int) -> Sequence[Webhook]:
        """See `WebhookStore.sealed_otherwise`."""

        def work(db: sqlite3.Connection) -> Sequence[Webhook]:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM webhooks"
                " WHERE substr(sealed_secret, 1, length(?1)) <> ?1 AND webhook_id > ?2"
                " ORDER BY webhook_id LIMIT ?3",
                (f"{key_id}.", after.bytes, limit),
            )
            return tuple(_webhook(row) for row in rows)

        return await self.reader.submit(work)

    async def seal_anew(self, webhook: Webhook, sealed_secret: str) -> None:
        """See `WebhookStore.seal_anew`."""
        await self.writer.submit(
            lambda db: db.execute(
                "UPDATE webhooks SET sealed_secret = ?"
                " WHERE project_id = ? AND webhook_id = ? AND sealed_secret = ?",
                (
                    sealed_secret,
                    webhook.project.bytes,
                    webhook.id.bytes,
                    webhook.sealed_secret,
                ),
            )
        )

    async def take_due(self, now: int, until: int, limit: int) -> Sequence[Delivery]:
        """See `WebhookStore.take_due`."""
        # Most times there are none, which a look is enough to know.
        if not await self.reader.submit(lambda db: db.execute(_DUE, (now,)).fetchall()):
            return ()

        def work(db: sqlite3.Connection) -> Sequence[Delivery]:
            taken = db.execute(_TAKE, (now, until, limit)).fetchall()
            found = [(_delivery(db, row), row) for row in taken]
            for delivery, row in found:
                if delivery is None:  # its event was purged meanwhile
                    db.execute(f"DELETE FROM deliveries WHERE {_KEY}", row[:3])
            return tuple(delivery for delivery, _ in found if delivery is not None)

        return await self.writer.submit(work)

    async def settle(self, delivery: Delivery) -> None:
        """See `WebhookStore.settle`."""
        await self.writer.submit(
            lambda db: db.execute(f"DELETE FROM deliveries WHERE {_KEY}", _key(delivery))
        )

    async def put_off(self, delivery: Delivery, until: int) -> None:
        """See `WebhookStore.put_off`."""
        await self.writer.submit(lambda db: db.execute(_PUT_OFF, (until, *_key(delivery))))


def _key(delivery: Delivery) -> tuple[bytes, bytes, bytes]:
    webhook = delivery.webhook
    return webhook.project.bytes, webhook.id.bytes, delivery.event.id


def _delivery(db: sqlite3.Connection, row: Row) -> Delivery | None:
    project, webhook, event, attempts = row
    to = db.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE project_id = ? AND webhook_id = ?",
        (project, webhook),
    ).fetchone()
    of = db.execute(
        f"SELECT {EVENT_COLUMNS} FROM events WHERE project_id = ? AND event_id = ?",
        (project, event),
    ).fetchone()
    return None if to is None or of is None else Delivery(_webhook(to), event_of(of), attempts)


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        url=row[2],
        sealed_secret=row[3],
        created_at=row[4],
    )
