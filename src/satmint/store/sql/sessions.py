"""Listing and revoking sessions. Opening and rotating them is specific to each database."""

from typing import Any, Final
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.lifetimes import CLOCK_STEP_SECONDS, CONCURRENT_REPLAY_SECONDS
from satmint.model.listing import Page, Window
from satmint.model.possession import Denied
from satmint.model.records import Inviter, Session
from satmint.model.rotation import Head
from satmint.store.contract import InvitesExhausted, NewInvite, OpenedSession
from satmint.store.sql.invites import open_invite
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import (
    REVOKING_PROJECT,
    Database,
    Row,
    Transaction,
    read_optional_uuid,
    read_uuid,
)

INVITER_REVOKED_AT: Final = (
    "CASE WHEN sessions.inviter_session_id IS NOT NULL THEN (SELECT inviter.revoked_at"
    " FROM sessions AS inviter WHERE inviter.project_id = sessions.project_id"
    " AND inviter.session_id = sessions.inviter_session_id) END"
)
"""When the session that made an invite was revoked; NULL for sessions of other kinds. A revocation
of the project is not in it: an invite is opened with the inviting session's project epoch."""

_OF_THE_HEAD: Final = (
    "CASE WHEN sessions.measured_generation = sessions.generation THEN sessions.{} ELSE 0 END"
)
REPLAYS: Final = _OF_THE_HEAD.format("replays")
"""How often the head's parent was replayed. During a rolling update, a server that does not know
the column rotates without writing it: then it is of an earlier head."""
_SKEW: Final = _OF_THE_HEAD.format("skew")
SESSION_COLUMNS: Final = (
    "sessions.project_id, session_id, subscriber_id, kind, generation, head_since,"
    " head_expires_at, seen_generation, created_at, deadline, lives_until,"
    # The session's own revocation, or that of all sessions of its project, or of its inviter's.
    " coalesce(revoked_at, (SELECT projects.revoked_at FROM projects"
    " WHERE projects.project_id = sessions.project_id"
    f" AND projects.epoch <> sessions.project_epoch), {INVITER_REVOKED_AT}) AS revoked_at, jkt,"
    f" address, agent, device_token_at, seen_late_generation, {REPLAYS} AS replays,"
    f" {_SKEW} AS skew, inviter_id,"
    " inviter_session_id, c2c_token_id"
)
SEEN_LATE: Final = (
    f"({{}} - sessions.head_since - {_SKEW}"
    f" NOT BETWEEN {-CLOCK_STEP_SECONDS} AND {CONCURRENT_REPLAY_SECONDS})"
)
"""Whether the head is no longer concurrent with its parent: `is_concurrent`, denied. With a place
for the time of the clock that measures windows."""
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
            f"SELECT {SESSION_COLUMNS} FROM sessions",
            ["project_id = {}", "subscriber_id = {}"],
            [project, subscriber],
            "created_at",
            "session_id",
        )
        return await read_page(self._db, listing, window, session_of)

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


def session_of(row: Row) -> Session:
    """Build the session from a row of `SESSION_COLUMNS`."""
    return Session(
        id=read_uuid(row["session_id"]),
        project=read_uuid(row["project_id"]),
        subscriber=read_uuid(row["subscriber_id"]),
        kind=Kind(row["kind"]),
        head=Head(row["generation"], row["head_since"], row["head_expires_at"], row["jkt"]),
        seen_generation=row["seen_generation"],
        created_at=row["created_at"],
        deadline=row["deadline"],
        lives_until=row["lives_until"],
        revoked_at=row["revoked_at"],
        address=row["address"],
        agent=row["agent"],
        device_token_at=row["device_token_at"],
        seen_late_generation=row["seen_late_generation"],
        replays=row["replays"],
        skew=row["skew"],
        inviter=inviter_of(row["inviter_id"], row["inviter_session_id"]),
        c2c_token=read_optional_uuid(row["c2c_token_id"]),
    )


def inviter_of(subscriber: Any, session: Any) -> Inviter | None:  # noqa: ANN401 - see `read_uuid`
    """The inviter in two columns that are both NULL or neither."""
    return None if session is None else Inviter(read_uuid(subscriber), read_uuid(session))


def _subscriber(row: Row) -> UUID:
    return read_uuid(row["subscriber_id"])
