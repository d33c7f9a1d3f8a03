"""What a store promises of the audit trail, of webhooks and of who is online."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.records import (
    Presence,
)
from satmint.model.webhooks import Delivery, Webhook


class EventStore(Protocol):
    """The audit trail, for reading; it is written by whoever does what it tells of."""

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """A project's events by time."""
        ...

    async def record(self, event: Event) -> None:
        """Write an event that tells of no change: something was tried and refused."""
        ...

    async def ending(self, after: bytes, limit: int) -> Sequence[Event]:
        """Events of the kinds in `ENDING`, of all projects, with an id above `after`, oldest first.

        It is how processes hear of each other's revocations: a cheap question, asked often. Ids
        of different processes are in no strict order, so that who asks looks back some seconds,
        and takes an event as a hint to look at what it names, never as the truth.
        """
        ...


class PresenceStore(Protocol):
    """Who is online, as leases."""

    async def announce(self, present: Sequence[Presence]) -> None:
        """Keep these, each in place of what was known of its connection."""
        ...

    async def leave(self, project: UUID, connections: Sequence[UUID]) -> None:
        """Forget these; unknown ones are passed over."""
        ...

    async def list(self, project: UUID, subscriber: UUID, now: int) -> Sequence[Presence]:
        """A subscriber's connections whose lease is not over, oldest first."""
        ...


class WebhookStore(Protocol):
    """Webhooks, and the outbox of what they have to be told.

    Whoever records an event of a kind in `ALERTS` puts it, in the same transaction, into the outbox
    of each webhook that its project has then.
    """

    async def add(self, webhook: Webhook, most: int, event: Event) -> bool:
        """Keep a new webhook, unless its project has `most` already. Returns whether it is kept."""
        ...

    async def list(self, project: UUID, window: Window) -> Page[Webhook]:
        """A project's webhooks."""
        ...

    async def delete(self, project: UUID, webhook: UUID, event: Event) -> bool:
        """Forget one, with what it was still to be told. Returns whether there was one."""
        ...

    async def sealed_otherwise(self, key_id: str, after: UUID, limit: int) -> Sequence[Webhook]:
        """Webhooks, of all projects, whose secret is not sealed by the master key `key_id`.

        By their ids, from the first one after `after`.
        """
        ...

    async def seal_anew(self, webhook: Webhook, sealed_secret: str) -> None:
        """Put another sealing of the same secret in place of the one that `webhook` has."""
        ...

    async def take_due(self, now: int, until: int, limit: int) -> Sequence[Delivery]:
        """Take on deliveries, of all projects, whose time has come.

        Nobody else gets them before `until`; then they are due again, unless `settle` or `put_off`
        has said otherwise. A cheap question where none is due.
        """
        ...

    async def settle(self, delivery: Delivery) -> None:
        """It has arrived, or never will: forget it."""
        ...

    async def put_off(self, delivery: Delivery, until: int) -> None:
        """It is due again at `until`, and before that nothing else is for its webhook.

        Or a receiver that never answers, of which there is much to be told, would keep everybody
        busy, while others wait for their alerts.
        """
        ...
