"""Opening the session of an invite, in the transaction that checks who makes it.

The row of an invite names the session that made it, and every read of the row includes that
session's revocation (`SESSION_COLUMNS`). So whatever revokes a session, also a reused refresh
token, ends its invites in the same transaction, without a write for each of them.
"""

from typing import Final

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.possession import Denied, PossessionCause
from satmint.store.contract import InvitesExhausted, NewInvite, OpenedSession
from satmint.store.sql.keyed_requests import claim_key
from satmint.store.sql.port import Row, Transaction

_KEY: Final = "WHERE project_id = $1 AND session_id = $2"
_IS_ACTIVE: Final = (
    "SELECT revoked_at IS NULL AND project_epoch = (SELECT projects.epoch FROM projects"
    f" WHERE projects.project_id = $1) AS active FROM sessions {_KEY}"
)
# Stops at the limit, so that the cost is bounded.
_ACTIVE_INVITES: Final = (
    "SELECT count(*) AS count, min(first_until) AS first_until FROM (SELECT first_until"
    " FROM sessions WHERE project_id = $1 AND inviter_session_id = $2 AND first_until > $3"
    " AND revoked_at IS NULL ORDER BY first_until LIMIT $4) AS active"
)
_INSERT_SUBSCRIBER: Final = (
    "INSERT INTO subscribers (project_id, subscriber_id, kind, created_at, updated_at)"
    f" VALUES ($1, $2, '{Kind.INVITE}', $3, $3)"
)
# With the project's epoch of the inviting session, so that a revocation of the project ends both.
_INSERT_SESSION: Final = (
    "INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, subscriber_epoch,"
    " kind, generation, head_since, head_expires_at, seen_generation, created_at, deadline,"
    " lives_until, first_until, address, agent, inviter_id, inviter_session_id)"
    f" SELECT project_id, $3, project_epoch, $4, 0, '{Kind.INVITE}', 0, $5, $6, -1, $5, $7, $8, $8,"
    f" $9, $10, subscriber_id, session_id FROM sessions {_KEY}"
)
# The inviting session must not be purged before its invites: its row is what ends them.
_KEEP_INVITER: Final = f"UPDATE sessions SET lives_until = $3 {_KEY} AND lives_until < $3"


async def open_invite(
    tx: Transaction,
    invite: NewInvite,
    now: int,
    event: Event,
    mismatch: Event,
    keyed: KeyedRequest | None = None,
) -> OpenedSession | InvitesExhausted | Denied:
    """See `SessionStore.open_invite`."""
    key = invite.project, invite.inviter.session
    await tx.lock_session(*key)
    inviter_is_active = await tx.fetch_one(_active, _IS_ACTIVE, *key)
    if inviter_is_active is None:
        return Denied(PossessionCause.UNKNOWN_SESSION)
    if not inviter_is_active:
        return Denied(PossessionCause.REVOKED)
    # An invite has no refresh token, but its row is kept as long as if it had one.
    unexpired = now + REFRESH_TOKEN_GRACE_SECONDS
    active = await tx.fetch_one(_first_until, _ACTIVE_INVITES, *key, unexpired, invite.max_active)
    if active is not None and active[0] >= invite.max_active:
        return InvitesExhausted(active[1] - REFRESH_TOKEN_GRACE_SECONDS)
    if invite.possession is not None:
        proven = await tx.prove(invite.possession, now, mismatch)
        if isinstance(proven, Denied):
            return proven
        if proven.resent:
            return Denied(PossessionCause.PROOF_REPLAYED)
    if keyed is not None:
        # Last, since a refusal must leave the key free. The lock of the inviting session, which is
        # the caller, keeps two requests with one key apart.
        await claim_key(tx, keyed)
    session = invite.session
    until = session.expires_at + REFRESH_TOKEN_GRACE_SECONDS
    await tx.execute(_INSERT_SUBSCRIBER, invite.project, invite.subscriber, now)
    await tx.execute(
        _INSERT_SESSION,
        *key,
        session.id,
        invite.subscriber,
        now,
        session.expires_at,
        session.deadline,
        until,
        event.origin.address,
        event.origin.agent,
    )
    await tx.execute(_KEEP_INVITER, *key, until)
    await tx.record(msgspec.structs.replace(event, subscriber=invite.subscriber))
    return OpenedSession(invite.subscriber, 0)


def _active(row: Row) -> bool:
    return bool(row["active"])


def _first_until(row: Row) -> tuple[int, int]:
    return row["count"], row["first_until"]
