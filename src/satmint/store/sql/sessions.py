"""Listing and revoking sessions. Opening and rotating them is specific to each database."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import BoundedCount, Page, Window
from satmint.model.possession import Denied
from satmint.model.records import Session
from satmint.model.session_filter import SessionFilter
from satmint.store.contract import InvitesExhausted, NewInvite, OpenedSession
from satmint.store.sql.invites import open_invite
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import REVOKING_PROJECT, Database, Row, Transaction, read_uuid
from satmint.store.sql.project_sessions import count_project, list_project, revoke_each
from satmint.store.sql.session_columns import LISTED_COLUMNS, listed_session_of

_KEY: Final = "WHERE project_id = $1 AND session_id = $2"
_REVOKE: Final = (
    f"UPDATE sessions SET revoked_at = $3 {_KEY} AND revoked_at IS NULL"
    " AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = $1)"
    " RETURNING subscriber_id"
)


class SqlSessions:
    """The part of `SessionStore` whose SQL is the same for every database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, project: UUID, subscriber: UUID, window: Window) -> Page[Session]:
        """See `SessionStore.list`."""
        listing = Listing(
            f"SELECT {LISTED_COLUMNS} FROM sessions",
            ["project_id = {}", "subscriber_id = {}"],
            [project, subscriber],
            "created_at",
            "session_id",
        )
        return await read_page(self._db, listing, window, listed_session_of)

    async def list_project(
        self, project: UUID, wanted: SessionFilter, now: int, window: Window
    ) -> Page[Session]:
        """See `SessionStore.list_project`."""
        return await list_project(self._db, project, wanted, now, window)

    async def count_project(self, project: UUID, wanted: SessionFilter, now: int) -> BoundedCount:
        """See `SessionStore.count_project`."""
        return await count_project(self._db, project, wanted, now)

    async def revoke_each(self, project: UUID, now: int, events: Mapping[UUID, Event]) -> int:
        """See `SessionStore.revoke_each`."""
        return await revoke_each(self._db, project, now, events)

    async def open_invite(
        self,
        invite: NewInvite,
        now: int,
        event: Event,
        mismatch: Event,
        keyed: KeyedRequest | None = None,
    ) -> OpenedSession | InvitesExhausted | Denied:
        """See `SessionStore.open_invite`."""

        async def work(tx: Transaction) -> OpenedSession | InvitesExhausted | Denied:
            return await open_invite(tx, invite, now, event, mismatch, keyed)

        return await self._db.transaction(
            work, project=invite.project, may_raise=keyed is not None, read_committed=True
        )

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """See `SessionStore.revoke`."""

        async def work(tx: Transaction) -> bool:
            subscriber = await tx.fetch_one(_subscriber, _REVOKE, project, session, now)
            if subscriber is None:
                known = f"SELECT 1 FROM sessions {_KEY}"
                return await tx.fetch_one(tuple, known, project, session) is not None
            await tx.record(msgspec.structs.replace(event, subscriber=subscriber))
            return True

        return await self._db.transaction(work, project=project, read_committed=True)

    async def revoke_key(
        self, project: UUID, subscriber: UUID, jkt: str, now: int, event: Event
    ) -> int:
        """See `SessionStore.revoke_key`."""

        async def work(tx: Transaction) -> int:
            count = await tx.revoke_sessions(project, subscriber, now, jkt)
            if count:
                await tx.record(event)
            return count

        return await self._db.transaction(work, project=project, slow=True, read_committed=True)

    async def revoke_subscriber(
        self, project: UUID, subscriber: UUID, now: int, event: Event
    ) -> int | None:
        """See `SessionStore.revoke_subscriber`."""
        update = (
            "UPDATE subscribers SET epoch = epoch + 1 WHERE project_id = $1 AND subscriber_id = $2"
        )

        async def work(tx: Transaction) -> int | None:
            if not await tx.execute(update, project, subscriber):
                return None
            await tx.record(event)
            return await tx.revoke_sessions(project, subscriber, now)

        return await self._db.transaction(work, project=project, slow=True, read_committed=True)

    async def revoke_project(self, project: UUID, now: int, event: Event) -> None:
        """See `SessionStore.revoke_project`."""
        update = "UPDATE projects SET epoch = epoch + 1, revoked_at = $2 WHERE project_id = $1"

        async def work(tx: Transaction) -> None:
            await tx.lock(REVOKING_PROJECT, project)
            await tx.execute(update, project, now)
            await tx.record(event)

        await self._db.transaction(work, project=project, read_committed=True)


def _subscriber(row: Row) -> UUID:
    return read_uuid(row["subscriber_id"])
