"""Presence leases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from satmint.model.records import Presence
from satmint.store.sql.port import Database
from satmint.store.sql.table import Table

_PRESENCE: Final = Table("presence", Presence, until="lease_until")
_INTO: Final = f"presence ({_PRESENCE.columns})"
_TYPES: Final = ("uuid", "uuid", "uuid", "uuid", "bigint", "bigint")
_RENEW: Final = """
    ON CONFLICT (project_id, connection_id) DO UPDATE
   SET subscriber_id = excluded.subscriber_id,
       session_id = excluded.session_id,
       since = excluded.since,
       lease_until = excluded.lease_until
"""
_DELETE: Final = "DELETE FROM presence WHERE project_id = $1 AND connection_id = $2"
_LIST: Final = (
    " WHERE project_id = $1 AND subscriber_id = $2 AND lease_until > $3"
    " AND lease_until <= $4"
    " ORDER BY since, connection_id"
)


@dataclass(frozen=True, slots=True)
class SqlPresence:
    """See `PresenceStore`."""

    db: Database
    """For leases; gateways write them."""
    listing_db: Database
    """For lists, which requests read."""

    async def set_online(self, present: Sequence[Presence], now: int) -> None:
        """See `PresenceStore.set_online`."""
        # The latest lease of each connection; in key order, against deadlocks between servers.
        last = {(one.project, one.connection): one for one in present}
        ahead = await self.db.time(now) - now if last else 0
        rows = [
            _PRESENCE.values(replace(last[key], until=last[key].until + ahead))
            for key in sorted(last)
        ]
        if rows:
            # Not `slow`: in SQLite that would make refreshes of the same batch wait for a thread.
            await self.db.transaction(lambda tx: tx.insert_many(_INTO, _TYPES, rows, _RENEW))

    async def set_offline(self, project: UUID, connections: Sequence[UUID]) -> None:
        """See `PresenceStore.set_offline`."""
        rows = [(project, one) for one in sorted(connections)]
        await self.db.transaction(lambda tx: tx.execute_many(_DELETE, rows), project=project)

    async def list(
        self, project: UUID, subscriber: UUID, now: int, lease_seconds: int
    ) -> Sequence[Presence]:
        """See `PresenceStore.list`."""
        now = await self.listing_db.time(now)
        latest = now + lease_seconds
        index = self.listing_db.dialect.index.format("presence_by_subscriber")
        query = f"{_PRESENCE.select}{index}{_LIST}"
        return await self.listing_db.fetch(_PRESENCE.build, query, project, subscriber, now, latest)
