"""The store's contract for webhooks and their pending deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from satmint.model.deliveries import AttemptResult, DeliveryRecord, DeliveryState
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
    """Webhooks, their pending deliveries (a transactional outbox), and what became of the others.

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

    async def get(self, project: UUID, webhook: UUID) -> Webhook | None:
        """One webhook."""
        ...

    async def pause(self, project: UUID, webhook: UUID, now: int, event: Event) -> Webhook | None:
        """Send nothing to a webhook until it is resumed; its deliveries wait.

        `event` is recorded unless an operator had paused it before.

        Returns:
            The webhook; None if there is none.
        """
        ...

    async def resume(self, project: UUID, webhook: UUID, event: Event) -> Webhook | None:
        """End the pause of a webhook, by an operator or after failures.

        The next attempt may begin at once. `event` is recorded if it was paused.

        Returns:
            The webhook; None if there is none.
        """
        ...

    async def use_secret(self, webhook: Webhook) -> None:
        """Record that a message is going to be signed with the secret of a webhook."""
        ...

    async def delete(self, project: UUID, webhook: UUID, event: Event) -> bool:
        """Delete a webhook and its deliveries. Returns whether it existed."""
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
        `until`. A webhook that another caller is claiming from has none for this one, nor has one
        that an operator has paused.

        If something is claimed, the webhook's secret counts as used from then on.
        """
        ...

    async def settle(
        self, delivery: Delivery, result: AttemptResult, now: int, *, slow: bool
    ) -> None:
        """Record that a delivery has arrived; its webhook is active, or slow, since `now`."""
        ...

    async def reschedule(self, delivery: Delivery, result: AttemptResult, now: int) -> None:
        """Make a failed delivery due after `retry_delay`, and pause its webhook.

        The webhook is paused for `pause_seconds`, once for all attempts that ran at the same time.
        Its other deliveries stay as they are, however many there are.
        """
        ...

    async def give_up(self, delivery: Delivery, result: AttemptResult, now: int, limit: int) -> int:
        """Give up a failed delivery, and pause its webhook as `reschedule` does.

        If nothing was delivered to the webhook for `GIVE_UP_SECONDS`, this gives up to `limit`
        other deliveries up whose events are as old.

        Returns:
            The number of deliveries that were given up.
        """
        ...

    async def release(self, deliveries: Sequence[Delivery], now: int) -> None:
        """Make claimed deliveries due again: their attempts were not finished."""
        ...

    async def list_deliveries(
        self, project: UUID, webhook: UUID, state: DeliveryState | None, window: Window
    ) -> Page[DeliveryRecord]:
        """A webhook's deliveries, in order of their events' ids: all, or those in one state.

        Those that have ended are kept for a limited time, and in a limited number; see
        `satmint.model.deliveries`.
        """
        ...

    async def retry(
        self, project: UUID, webhook: UUID, delivery: UUID, now: int
    ) -> DeliveryRecord | None:
        """Make a delivery due, and end a pause of its webhook after failures.

        One that has ended becomes a pending one again, with the same id. One that is being sent
        stays as it is.

        Returns:
            The pending delivery. None: the webhook has no such delivery, or its event was purged.
        """
        ...
