"""A project's webhooks. Their deliveries are in `satmint.store.sql.deliveries`."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import Page, Window
from satmint.model.webhooks import Webhook, WebhookState
from satmint.store.sql.deliveries import USE_SECRET, SqlDeliveries
from satmint.store.sql.deliveries import WEBHOOK as _WEBHOOK
from satmint.store.sql.deliveries import WEBHOOKS as _WEBHOOKS
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import ADDING_WEBHOOK, Row, Transaction

_COUNT: Final = "SELECT count(*) AS count FROM webhooks WHERE project_id = $1"
_SEALED_WITH_OTHER_KEY: Final = (
    f"{_WEBHOOKS.select} WHERE substr(sealed_secret, 1, length($1)) <> $1"
    " AND webhook_id > $2 ORDER BY webhook_id LIMIT $3"
)


_PAUSE: Final = f"UPDATE webhooks SET paused_at = $3 {_WEBHOOK} AND paused_at = 0"
_RESUME: Final = (
    f"UPDATE webhooks SET paused_at = 0, next_at = 0 {_WEBHOOK}"
    f" AND (paused_at > 0 OR state = '{WebhookState.PAUSED}')"
)


class SqlWebhooks(SqlDeliveries):
    """See `WebhookStore`."""

    __slots__ = ()

    async def add(
        self, webhook: Webhook, limit: int, event: Event, keyed: KeyedRequest | None = None
    ) -> bool:
        """See `WebhookStore.add`."""

        async def work(tx: Transaction) -> bool:
            # Of two concurrent calls, the second counts the first one's webhook.
            await tx.lock(ADDING_WEBHOOK, webhook.project)
            (known,) = await tx.fetch(_count, _COUNT, webhook.project)
            if known >= limit:
                return False
            await tx.execute(_WEBHOOKS.insert, *_WEBHOOKS.values(webhook))
            await tx.record(event)
            return True

        return await self.db.transaction(work, project=webhook.project, keyed=keyed)

    async def list(self, project: UUID, window: Window) -> Page[Webhook]:
        """See `WebhookStore.list`."""
        select = _WEBHOOKS.select
        listing = Listing(select, ["project_id = {}"], [project], "created_at", "webhook_id")
        return await read_page(self.db, listing, window, _WEBHOOKS.build)

    async def get(self, project: UUID, webhook: UUID) -> Webhook | None:
        """See `WebhookStore.get`."""
        query = f"{_WEBHOOKS.select} {_WEBHOOK}"
        return await self.db.fetch_one(_WEBHOOKS.build, query, project, webhook)

    async def pause(self, project: UUID, webhook: UUID, now: int, event: Event) -> Webhook | None:
        """See `WebhookStore.pause`."""
        return await self._change(event, _PAUSE, project, webhook, await self.db.time(now))

    async def resume(self, project: UUID, webhook: UUID, event: Event) -> Webhook | None:
        """See `WebhookStore.resume`."""
        return await self._change(event, _RESUME, project, webhook)

    async def _change(
        self, event: Event, update: str, project: UUID, webhook: UUID, *values: object
    ) -> Webhook | None:
        """Update a webhook; record the event if that changed it."""

        async def work(tx: Transaction) -> Webhook | None:
            if await tx.execute(update, project, webhook, *values):
                await tx.record(event)
            query = f"{_WEBHOOKS.select} {_WEBHOOK}"
            return await tx.fetch_one(_WEBHOOKS.build, query, project, webhook)

        return await self.db.transaction(work, project=project, read_committed=True)

    async def use_secret(self, webhook: Webhook) -> None:
        """See `WebhookStore.use_secret`."""
        if not webhook.secret_used:
            key = webhook.project, webhook.id
            await self.db.execute(USE_SECRET, *key, project=webhook.project)

    async def delete(self, project: UUID, webhook: UUID, event: Event) -> bool:
        """See `WebhookStore.delete`."""

        async def work(tx: Transaction) -> bool:
            if not await tx.execute(f"DELETE FROM webhooks {_WEBHOOK}", project, webhook):
                return False
            for table in ("deliveries", "delivery_history"):
                await tx.execute(f"DELETE FROM {table} {_WEBHOOK}", project, webhook)
            await tx.record(event)
            return True

        return await self.db.transaction(work, project=project)

    async def sealed_with_other_key(
        self, key_id: str, after: UUID, limit: int
    ) -> Sequence[Webhook]:
        """See `WebhookStore.sealed_with_other_key`."""
        return await self.db.fetch(
            _WEBHOOKS.build, _SEALED_WITH_OTHER_KEY, f"{key_id}.", after, limit
        )

    async def reseal(self, webhook: Webhook, sealed_secret: str) -> None:
        """See `WebhookStore.reseal`."""
        update = f"UPDATE webhooks SET sealed_secret = $4 {_WEBHOOK} AND sealed_secret = $3"
        previous = webhook.sealed_secret
        project = webhook.project
        values = project, webhook.id, previous, sealed_secret
        await self.db.execute(update, *values, project=project)


def _count(row: Row) -> int:
    count: int = row["count"]
    return count
