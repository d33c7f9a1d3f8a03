"""Live sessions: who may open, resume and re-authenticate one, whether it stands, who is online.

The gateway holds the sockets; whatever it lets happen on them is decided here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final
from uuid import UUID

from satmint.dpop import Proof, ProofCause, ProofRefused, check_rpc_proof
from satmint.flows.callers import Holder, note_use, standing_holder
from satmint.flows.mint import Mint
from satmint.flows.proving import event_about, shown
from satmint.jose import CannotOpen
from satmint.model.allowance import network_of
from satmint.model.claims import Claims
from satmint.model.events import Event, EventKind, Origin, before_all_ids_of
from satmint.model.lifetimes import expired
from satmint.model.live import Admission, ResumeState
from satmint.model.possession import Denied
from satmint.model.records import Presence
from satmint.model.refusals import Unauthorized

LEASE_SECONDS: Final = 60
"""How long somebody counts as online after its node was heard of last."""

_CONNECT: Final = "signalwire.connect"
_REAUTHENTICATE: Final = "signalwire.reauthenticate"

_OF_FORM: Final = frozenset(
    {
        ProofCause.MALFORMED,
        ProofCause.JSON,
        ProofCause.TYPE,
        ProofCause.ALGORITHM,
        ProofCause.KEY,
        ProofCause.SIGNATURE,
    }
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client shows, and on which connection."""

    token: str = field(repr=False)
    proof: str | None = field(repr=False)
    connection: UUID
    """A proof is good for one connection: shown on another one it is a replay."""
    origin: Origin


COUNTED: Final = frozenset({"downgrade", "key_mismatch"})
"""Causes of refusals that are counted here, before anything is written of them."""


async def open_live(mint: Mint, given: Credentials) -> Admission:
    """Admit a client that begins anew.

    A session that is bound to a key wants a proof of it. Where it is not, a proof that comes along,
    as one does from every browser, has to be one, and otherwise says nothing.

    Raises:
        Unauthorized: the SAT is not good now, or the proof is missing or does not stand.
        StoreUnavailable: nobody could tell.
    """
    holder = await standing_holder(mint, given.token)
    return await _admission(mint, holder, given, _CONNECT)


async def resume_live(
    mint: Mint, given: Credentials, state: str, protocol: str | None
) -> tuple[Admission, ResumeState]:
    """Admit a client that goes on from where a former connection of its session ended.

    The state by itself opens nothing: it takes the credentials of a new beginning beside it, and
    they have to be of the same session.

    Raises:
        Unauthorized: as `open_live`; or the state is none of ours, expired or of somebody else.
        StoreUnavailable: nobody could tell.
    """
    try:
        former = mint.states.open(state)
    except CannotOpen as error:
        raise Unauthorized("state_cannot_open") from error
    if protocol is None or not compare_digest(former.protocol.encode(), protocol.encode()):
        raise Unauthorized("state_of_another_protocol")
    if expired(former.expires_at, mint.clock.now()):
        raise Unauthorized("state_expired")
    holder = await standing_holder(mint, given.token)
    claims = holder.claims
    if (former.project, former.subscriber, former.session) != (claims.prj, claims.sub, claims.sid):
        raise Unauthorized("state_of_another_session")
    return await _admission(mint, holder, given, _CONNECT), former


async def reauthenticate_live(mint: Mint, given: Credentials, current: Admission) -> Admission:
    """Let a connection that lives go on with a newer SAT of its subscriber.

    One that was let in with a proof is bound to that key for as long as it lives. Whoever tries to
    go on without is told of in the audit trail: it may hold a stolen connection.

    Raises:
        Unauthorized: as `open_live`; or it is another subscriber's, or would not be bound any more.
        StoreUnavailable: nobody could tell.
    """
    holder = await standing_holder(mint, given.token)
    claims, key = holder.claims, holder.session.jkt
    if (claims.prj, claims.sub) != (current.project, current.subscriber):
        raise Unauthorized("another_subscriber")
    if current.jkt is not None and (key != current.jkt or given.proof is None):
        if failure_counted(mint, given.origin):
            now = mint.clock.now()
            kind = EventKind.DOWNGRADE_REFUSED
            await mint.store.events.record(event_about(mint, kind, claims, given.origin, now))
        raise Unauthorized("downgrade")
    return await _admission(mint, holder, given, _REAUTHENTICATE)


async def still_stands(mint: Mint, admission: Admission) -> bool:
    """Whether a session that lives would be admitted again. Not checked here: expiry.

    Raises:
        StoreUnavailable: nobody could tell.
    """
    standing = await mint.store.sessions.standing(admission.project, admission.session)
    return (
        standing is not None
        and standing.session.revoked_at is None
        and standing.subscriber_epoch == admission.epoch
    )


async def endings_since(mint: Mint, second: int, after: bytes, limit: int) -> Sequence[Event]:
    """Events that may have ended sessions, oldest first.

    Args:
        mint: The tools.
        second: Unix seconds, not to look back beyond.
        after: The id of the last one that is known already; empty: none is.
        limit: How many at the most.

    Raises:
        StoreUnavailable: they cannot be read now.
    """
    return await mint.store.events.ending(max(after, before_all_ids_of(second)), limit)


async def announce(mint: Mint, online: Iterable[tuple[UUID, Admission, int]]) -> None:
    """Keep these subscribers online for another lease.

    Args:
        mint: The tools.
        online: Connection, what it was admitted as, and since when it is online (Unix seconds).

    Raises:
        StoreUnavailable: they may be on record or not.
    """
    until = mint.clock.now() + LEASE_SECONDS
    await mint.store.presence.announce(
        [
            Presence(who.project, connection, who.subscriber, who.session, since, until)
            for connection, who, since in online
        ]
    )


async def leave(mint: Mint, project: UUID, connections: Sequence[UUID]) -> None:
    """Have these connections forgotten before their lease is over.

    Raises:
        StoreUnavailable: they may be on record still; their lease ends all the same.
    """
    await mint.store.presence.leave(project, connections)


async def _admission(mint: Mint, holder: Holder, given: Credentials, method: str) -> Admission:
    """What the holder of a good SAT is admitted as, once its proof has been looked at."""
    claims, key = holder.claims, holder.session.jkt
    if key is None and claims.jkt is not None:
        raise Unauthorized("ahead_of_head")  # only after a restore: fail closed
    if key is not None:
        await _prove(mint, claims, key, given, method)
    elif given.proof is not None:
        _look_at(mint, claims, given, given.proof, method)
    note_use(mint, holder)  # not before its key is proven: a thief's use is none
    return Admission(
        project=claims.prj,
        subscriber=claims.sub,
        session=claims.sid,
        epoch=claims.epo,
        kind=claims.kind,
        jti=claims.jti,
        expires_at=claims.exp,
        scope=claims.scope,
        jkt=key,
        application=claims.app,
    )


async def _prove(mint: Mint, claims: Claims, key: str, given: Credentials, method: str) -> None:
    if given.proof is None:
        raise Unauthorized("proof_missing")
    try:
        proof = _checked(mint, claims, given, given.proof, method)
    except ProofRefused as refused:
        raise Unauthorized(refused.cause) from refused
    if not compare_digest(key, proof.jkt) and not failure_counted(mint, given.origin):
        raise Unauthorized("key_mismatch")  # a thief must not be able to flood the audit trail
    now, origin = mint.clock.now(), given.origin
    rules = mint.policy.proof_rules(claims.prj)
    judgement = await mint.store.sessions.prove(
        shown(claims, proof, rules, given.token, given.proof, given.connection),
        None,
        now,
        event_about(mint, EventKind.KEY_MISMATCH, claims, origin, now),
        event_about(mint, EventKind.BOUND, claims, origin, now),
    )
    if isinstance(judgement, Denied):
        raise Unauthorized(judgement.cause)


def _look_at(mint: Mint, claims: Claims, given: Credentials, proof: str, method: str) -> None:
    """Refuse what is no proof at all. A clock that is wrong, say, is of no matter here."""
    try:
        _checked(mint, claims, given, proof, method)
    except ProofRefused as refused:
        if refused.cause in _OF_FORM:
            raise Unauthorized(refused.cause) from refused


def _checked(mint: Mint, claims: Claims, given: Credentials, proof: str, method: str) -> Proof:
    rules = mint.policy.proof_rules(claims.prj)
    return check_rpc_proof(proof, method, rules, mint.clock.now(), token=given.token)


def failure_counted(mint: Mint, origin: Origin) -> bool:
    """Count credentials that are not good; whether there were not too many from there lately."""
    network = network_of(origin.address)
    return mint.failure_allowance.take(network, mint.clock.now()) is None
