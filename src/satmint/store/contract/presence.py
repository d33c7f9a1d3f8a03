"""The store's contract for presence."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from satmint.model.records import Presence


class PresenceStore(Protocol):
    """Online connections, as leases."""

    async def set_online(self, present: Sequence[Presence]) -> None:
        """Store these leases; each replaces the former lease of its connection."""
        ...

    async def set_offline(self, project: UUID, connections: Sequence[UUID]) -> None:
        """Delete the leases of these connections; unknown ones are ignored."""
        ...

    async def list(self, project: UUID, subscriber: UUID, now: int) -> Sequence[Presence]:
        """A subscriber's connections with a current lease, oldest first."""
        ...
