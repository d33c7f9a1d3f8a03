"""Deletes a project: all of its credentials and sessions at once, then its rows in small steps."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.store.contract import COUNT_LIMIT, PurgeResult
from satmint.store.sql.port import REVOKING_PROJECT, Database, Row, Transaction, read_uuid
from satmint.store.sql.session_columns import REVOKED_AT

TABLES: Final = {
    "api_tokens": "token_id",
    "c2c_tokens": "token_id",
    "deliveries": "event_id",
    "delivery_history": "event_id",
    "webhooks": "webhook_id",
    "presence": "connection_id",
    "registered_devices": "device_id",
    "keyed_requests": "key_digest",
    "proofs": "proof",
    "sessions": "session_id",
    "rooms": "room_id",
    "addresses": "address_id",
    "subscribers": "subscriber_id",
}
"""The tables with rows of a project, and what follows the project in their primary keys. Not
`projects` and `events`: they go when the events are purged."""

NEW_SESSION_EPOCH: Final = (
    "projects.epoch - CASE WHEN projects.deleted_at IS NULL THEN 0 ELSE 1 END"
)
"""The project's epoch for a new session. That of a deleted project is revoked from the start: a
request that was accepted before the deletion may open it after."""

# Sessions that are opened later are revoked by `NEW_SESSION_EPOCH`.
_DELETE: Final = (
    "UPDATE projects SET epoch = epoch + 1, revoked_at = $2, deleted_at = $2"
    " WHERE project_id = $1 AND deleted_at IS NULL"
)
_CREDENTIALS: Final = ("api_tokens", "c2c_tokens")
_DELETED: Final = "SELECT project_id FROM projects WHERE deleted_at IS NOT NULL"
_IS_DELETED: Final = f"{_DELETED} AND project_id = $1"
_FORGET: Final = "DELETE FROM projects WHERE project_id = $1 AND deleted_at IS NOT NULL"
_AN_EVENT: Final = "SELECT 1 FROM events WHERE project_id = $1 LIMIT 1"
_COUNTED: Final = (*_CREDENTIALS, "webhooks", "addresses", "subscribers")
_COUNT: Final = (
    "SELECT count(*) AS found FROM (SELECT 1 FROM {} WHERE project_id = $1 LIMIT $2) AS counted"
)
_ACTIVE: Final = (
    "SELECT count(*) AS found FROM (SELECT 1 FROM sessions WHERE project_id = $1"
    f" AND lives_until > $3 AND {REVOKED_AT} IS NULL LIMIT $2) AS counted"
)


class ProjectDeletion:
    """The part of `ProjectStore` that counts and deletes what a project has."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def count_contents(self, project: UUID, now: int) -> Mapping[str, int]:
        """See `ProjectStore.count_contents`."""
        counts = {}
        for table in _COUNTED:
            query = _COUNT.format(table)
            counts[table] = await self._db.fetch_one(_found, query, project, COUNT_LIMIT) or 0
        active = await self._db.fetch_one(_found, _ACTIVE, project, COUNT_LIMIT, now)
        return {"active_sessions": active or 0, **counts}

    async def delete(self, project: UUID, now: int, event: Event) -> bool:
        """See `ProjectStore.delete`."""

        async def work(tx: Transaction) -> bool:
            await tx.lock(REVOKING_PROJECT, project)
            if not await tx.execute(_DELETE, project, now):
                return bool(await tx.fetch(bool, _IS_DELETED, project))
            for table in _CREDENTIALS:
                await tx.execute(f"DELETE FROM {table} WHERE project_id = $1", project)
            await tx.record(event)
            return True

        return await self._db.transaction(work, project=project, slow=True, read_committed=True)

    async def delete_rows(self, project: UUID, limit: int) -> PurgeResult:
        """See `ProjectStore.delete_rows`."""

        async def work(tx: Transaction) -> PurgeResult:
            if not await tx.fetch(bool, _IS_DELETED, project):
                return PurgeResult(0, more=False, active=None)
            removed = 0
            for table, key in TABLES.items():
                removed += await _delete_some(tx, table, key, project, limit - removed)
                if removed >= limit:
                    return PurgeResult(removed, more=True, active=None)
            return PurgeResult(removed, more=await _has_rows(tx, project), active=None)

        return await self._db.transaction(work, project=project, slow=True, read_committed=True)

    async def purge(self, limit: int) -> PurgeResult:
        """Continue the deletion of deleted projects, with one step for each.

        When a project's events have been purged as well, its own row goes.
        """
        removed, more = 0, False
        for project in await self._db.fetch(_project, _DELETED):
            step = await self.delete_rows(project, limit)
            removed, more = removed + step.removed, more or step.more
            if not step.more:
                await self._forget(project)
        return PurgeResult(removed, more, active=None)

    async def _forget(self, project: UUID) -> None:
        """Delete the row of a project that has no events."""

        async def work(tx: Transaction) -> None:
            if not await tx.fetch(bool, _AN_EVENT, project):
                await tx.execute(_FORGET, project)

        await self._db.transaction(work, project=project)


async def _delete_some(tx: Transaction, table: str, key: str, project: UUID, limit: int) -> int:
    """Delete up to `limit` rows that no other transaction has locked. Returns their number."""
    some = f"SELECT {key} FROM {table} WHERE project_id = $1 LIMIT $2"
    return await tx.execute(
        f"DELETE FROM {table} WHERE project_id = $1 AND {key} IN (WITH chosen AS MATERIALIZED"
        f" ({some}{tx.dialect.skip_locked}) SELECT {key} FROM chosen)",
        project,
        limit,
    )


async def _has_rows(tx: Transaction, project: UUID) -> bool:
    parts = [
        f"SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM {table} WHERE project_id = $1)"
        for table in TABLES
    ]
    found: Sequence[bool] = await tx.fetch(bool, " UNION ALL ".join(parts), project)
    return bool(found)


def _found(row: Row) -> int:
    return int(row["found"])


def _project(row: Row) -> UUID:
    return read_uuid(row["project_id"])
