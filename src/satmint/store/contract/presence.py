"""The store's contract for presence."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from satmint.model.records import Presence


class PresenceStore(Protocol):
    """Online connections, as leases."""

    async def set_online(self, present: Sequence[Presence], now: int) -> None:
        """Store these leases; each replaces the former lease of its connection.

        Args:
            present: The leases, until times of the caller's clock.
            now: Unix seconds, by that clock.
        """
        ...

    async def set_offline(self, project: UUID, connections: Sequence[UUID]) -> None:
        """Delete the leases of these connections; unknown ones are ignored."""
        ...

    async def list(
        self, project: UUID, subscriber: UUID, now: int, lease_seconds: int
    ) -> Sequence[Presence]:
        """A subscriber's connections with a current lease, oldest first.

        A lease that ends later than `lease_seconds` after `now` was taken before the clock was set
        back, and is not current: a connection that exists renews it soon.
        """
        ...
