"""The store's contract for webhooks and their pending deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import Page, Window
from satmint.model.webhooks import Delivery, Webhook

OutboxPosition = tuple[UUID, UUID]
"""A project and a webhook: deliveries are visited in this order."""


@dataclass(frozen=True, slots=True)
class DuePage:
    """A part of the outbox."""

    webhooks: Sequence[Webhook]
    """Those that may be sent something now, in order of their positions."""
    next: OutboxPosition | None
    """Where the next page starts. None: this is the last one."""


class WebhookStore(Protocol):
    """Webhooks and their pending deliveries (a transactional outbox).

    Recording an event of a kind in `ALERTS` adds, in the same transaction, a pending delivery for
    each webhook that the project has at that moment.
    """

    async def add(
        self, webhook: Webhook, limit: int, event: Event, keyed: KeyedRequest | None = None
    ) -> bool:
        """Store a webhook unless its project has `limit` already. Returns whether it was stored."""
        ...

    async def list(self, project: UUID, window: Window) -> Page[Webhook]:
        """A project's webhooks."""
        ...

    async def delete(self, project: UUID, webhook: UUID, event: Event) -> bool:
        """Delete a webhook and its pending deliveries. Returns whether it existed."""
        ...

    async def sealed_with_other_key(
        self, key_id: str, after: UUID, limit: int
    ) -> Sequence[Webhook]:
        """Webhooks of all projects whose secret is not sealed with the master key `key_id`.

        In order of their ids, after the id `after`.
        """
        ...

    async def reseal(self, webhook: Webhook, sealed_secret: str) -> None:
        """Replace a webhook's sealed secret, unless it was replaced since `webhook` was read."""
        ...

    async def due_webhooks(self, now: int, after: OutboxPosition, limit: int) -> DuePage:
        """Find webhooks that have due deliveries and are not paused.

        The work is bounded by the number of webhooks with pending deliveries and by `limit`; it
        does not depend on the number of deliveries, so that those of one project hide no others.

        Deliveries that wait for a time of a clock that was since set back become due.

        Args:
            now: Unix seconds.
            after: Start behind this webhook.
            limit: The number of webhooks with pending deliveries, due or not, to visit.
        """
        ...

    async def claim_due(
        self, webhook: Webhook, now: int, until: int, limit: int
    ) -> Sequence[Delivery]:
        """Claim up to `limit` due deliveries of a webhook, those first that wait longest.

        No other caller gets them before `until`; then they are due again, unless they were settled,
        released or rescheduled. After failures, one delivery is claimed, and no other one before
        `until`. A webhook that another caller is claiming from has none for this one.
        """
        ...

    async def settle(self, delivery: Delivery, now: int, *, slow: bool) -> None:
        """Delete a delivery that has arrived; its webhook is active, or slow, since `now`."""
        ...

    async def reschedule(self, delivery: Delivery, error: str, now: int) -> None:
        """Make a failed delivery due after `retry_delay`, and pause its webhook.

        The webhook is paused for `pause_seconds`, once for all attempts that ran at the same time.
        Its other deliveries stay as they are, however many there are.
        """
        ...

    async def give_up(self, delivery: Delivery, error: str, now: int, limit: int) -> int:
        """Delete a failed delivery, and pause its webhook as `reschedule` does.

        If nothing was delivered to the webhook for `GIVE_UP_SECONDS`, this deletes up to `limit`
        other deliveries whose events are as old.

        Returns:
            The number of deleted deliveries.
        """
        ...

    async def release(self, deliveries: Sequence[Delivery], now: int) -> None:
        """Make claimed deliveries due again: their attempts were not finished."""
        ...
