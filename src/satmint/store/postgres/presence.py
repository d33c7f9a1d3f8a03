"""Who is online, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.records import Presence
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.listing import plain

_COLUMNS: Final = "project_id, connection_id, subscriber_id, session_id, since, lease_until"
_ANNOUNCE: Final = f"""
INSERT INTO presence ({_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[])
    ON CONFLICT (project_id, connection_id) DO UPDATE
   SET subscriber_id = excluded.subscriber_id,
       session_id = excluded.session_id,
       since = excluded.since,
       lease_until = excluded.lease_until
"""
_LIST: Final = (
    f"SELECT {_COLUMNS} FROM presence"
    " WHERE project_id = $1 AND subscriber_id = $2 AND lease_until > $3"
    " ORDER BY since, connection_id"
)


@dataclass(frozen=True, slots=True)
class PostgresPresence:
    """See `PresenceStore`."""

    connections: Connections

    async def announce(self, present: Sequence[Presence]) -> None:
        """See `PresenceStore.announce`."""
        # One line for each connection, the last; and in order, so that no two wait for each other.
        last = {(one.project, one.connection): one for one in present}
        lines = [last[key] for key in sorted(last)]
        if lines:
            arrays = (
                [one.project for one in lines],
                [one.connection for one in lines],
                [one.subscriber for one in lines],
                [one.session for one in lines],
                [one.since for one in lines],
                [one.until for one in lines],
            )
            await self.connections.look(lambda db: db.execute(_ANNOUNCE, *arrays))

    async def leave(self, project: UUID, connections: Sequence[UUID]) -> None:
        """See `PresenceStore.leave`."""
        statement = "DELETE FROM presence WHERE project_id = $1 AND connection_id = ANY($2::uuid[])"
        gone = list(connections)
        await self.connections.look(lambda db: db.execute(statement, project, gone))

    async def list(self, project: UUID, subscriber: UUID, now: int) -> Sequence[Presence]:
        """See `PresenceStore.list`."""

        async def work(db: Connection) -> Sequence[Presence]:
            rows = await db.fetch(_LIST, project, subscriber, now)
            return tuple(
                Presence(
                    project=plain(row["project_id"]),
                    connection=plain(row["connection_id"]),
                    subscriber=plain(row["subscriber_id"]),
                    session=plain(row["session_id"]),
                    since=row["since"],
                    until=row["lease_until"],
                )
                for row in rows
            )

        return await self.connections.look(work)
