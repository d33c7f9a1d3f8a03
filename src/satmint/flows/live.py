"""Live sessions: open, resume and re-authenticate them, check for revocation, record presence.

The gateway owns the sockets; these functions make its authentication decisions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final
from uuid import UUID

from satmint.dpop import Proof, ProofCause, ProofRefused, check_rpc_proof
from satmint.flows.callers import (
    SubscriberCaller,
    active_subscriber_caller,
    mark_used,
)
from satmint.flows.proofs import possession_of, session_event
from satmint.flows.service_context import ServiceContext
from satmint.jose import CannotOpen
from satmint.model.claims import Claims
from satmint.model.events import EventKind, Origin
from satmint.model.lifetimes import expired
from satmint.model.live import Admission, ResumeState
from satmint.model.possession import Denied
from satmint.model.records import Presence
from satmint.model.refusals import Unauthorized
from satmint.store.contract import Store

LEASE_SECONDS: Final = 60
"""How long a connection is listed as online after its node last renewed the lease."""

_CONNECT: Final = "signalwire.connect"
_REAUTHENTICATE: Final = "signalwire.reauthenticate"

_FORM_CAUSES: Final = frozenset(
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
    """The credentials that a client presents, and on which connection."""

    token: str = field(repr=False)
    proof: str | None = field(repr=False)
    connection: UUID
    """A proof is valid on one connection: the same proof on another connection is a replay."""
    origin: Origin


COUNTED_CAUSES: Final = frozenset({"downgrade", "key_mismatch"})
"""Causes of refusals whose failure is counted here, before an event is recorded."""


async def open_live_session(services: ServiceContext, credentials: Credentials) -> Admission:
    """Authenticate a client that opens a new live session.

    A session that is bound to a key requires a proof of possession. For an unbound session, a
    proof must only be well-formed with a valid signature: every browser SDK sends one.

    Raises:
        Unauthorized: the SAT is not active, or the proof is missing or invalid.
        StoreUnavailable: the session's state cannot be read now.
    """
    caller = await active_subscriber_caller(services, credentials.token)
    return await _admission(services, caller, credentials, _CONNECT)


async def resume_live_session(
    services: ServiceContext, credentials: Credentials, state: str, protocol: str | None
) -> tuple[Admission, ResumeState]:
    """Authenticate a client that resumes a live session on a new connection.

    The resume state alone is not sufficient: the client must also present the credentials that
    `open_live_session` requires, of the same session.

    Raises:
        Unauthorized: as for `open_live_session`; or the resume state cannot be decrypted, is
            expired, or is of another session.
        StoreUnavailable: the session's state cannot be read now.
    """
    try:
        resume_state = services.state_cipher.open(state)
    except CannotOpen as error:
        raise Unauthorized("state_cannot_open") from error
    if protocol is None or not compare_digest(resume_state.protocol.encode(), protocol.encode()):
        raise Unauthorized("state_of_another_protocol")
    if expired(resume_state.expires_at, services.clock.now()):
        raise Unauthorized("state_expired")
    caller = await active_subscriber_caller(services, credentials.token)
    claims = caller.claims
    if (resume_state.project, resume_state.subscriber, resume_state.session) != (
        claims.prj,
        claims.sub,
        claims.sid,
    ):
        raise Unauthorized("state_of_another_session")
    return await _admission(services, caller, credentials, _CONNECT), resume_state


async def reauthenticate_live_session(
    services: ServiceContext, credentials: Credentials, current: Admission
) -> Admission:
    """Continue a connection with a newer SAT of the same subscriber.

    A connection that was authenticated with a proof stays bound to that key. An attempt to
    continue it without one (a downgrade) is recorded in the audit trail: the client may have
    stolen the connection.

    Raises:
        Unauthorized: as for `open_live_session`; or the SAT is of another subscriber, or is a
            downgrade.
        StoreUnavailable: the session's state cannot be read now.
    """
    caller = await active_subscriber_caller(services, credentials.token)
    claims, key = caller.claims, caller.session.jkt
    if (claims.prj, claims.sub) != (current.project, current.subscriber):
        raise Unauthorized("another_subscriber")
    if current.jkt is not None and (key != current.jkt or credentials.proof is None):
        if services.limits.try_count_failure(credentials.origin.address):
            now = services.clock.now()
            kind = EventKind.DOWNGRADE_REFUSED
            await services.store.events.record(
                session_event(services, kind, claims, credentials.origin, now)
            )
        raise Unauthorized("downgrade")
    return await _admission(services, caller, credentials, _REAUTHENTICATE)


async def is_session_active(store: Store, admission: Admission) -> bool:
    """Whether the session of a connection is not revoked, and an address of it exists.

    Does not check expiry.

    Raises:
        StoreUnavailable: the session's state cannot be read now.
    """
    found = await store.sessions.recheck(admission.project, admission.session)
    if found is None or found.state.refusal_of_epoch(admission.epoch) is not None:
        return False
    addresses = admission.addresses
    return addresses is None or await store.addresses.recheck(admission.project, addresses)


async def set_online(
    services: ServiceContext, online: Iterable[tuple[UUID, Admission, int]]
) -> None:
    """Record connections as online, or renew their leases.

    Args:
        services: The context of this process.
        online: The connections with their admissions, and since when each is online (Unix seconds).

    Raises:
        StoreUnavailable: it is unknown whether the records were written.
    """
    now = services.clock.now()
    until = now + LEASE_SECONDS
    await services.store.presence.set_online(
        [
            Presence(
                admission.project, connection, admission.subscriber, admission.session, since, until
            )
            for connection, admission, since in online
        ],
        now,
    )


async def set_offline(store: Store, project: UUID, connections: Sequence[UUID]) -> None:
    """Delete the records of connections before their leases end.

    Raises:
        StoreUnavailable: the records may remain; their leases end nevertheless.
    """
    await store.presence.set_offline(project, connections)


async def _admission(
    services: ServiceContext, caller: SubscriberCaller, credentials: Credentials, method: str
) -> Admission:
    """Check the proof of an authenticated caller; return its admission."""
    claims, key = caller.claims, caller.session.jkt
    if key is None and claims.jkt is not None:
        raise Unauthorized("ahead_of_head")  # happens only after a restore; fail closed
    if key is not None:
        await _check_possession(services, claims, key, credentials, method)
    elif credentials.proof is not None:
        _check_form(services, claims, credentials, credentials.proof, method)
    mark_used(services, caller)  # after the proof: a thief must not mark it
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
        addresses=claims.addr,
        address_owners=frozenset(
            address.subscriber for address in caller.addresses or () if address.subscriber
        ),
        inviter=caller.session.inviter,
        c2c_token=caller.session.c2c_token,
    )


async def _check_possession(
    services: ServiceContext, claims: Claims, key: str, credentials: Credentials, method: str
) -> None:
    if credentials.proof is None:
        raise Unauthorized("proof_missing")
    try:
        proof = _check_proof(services, claims, credentials, credentials.proof, method)
    except ProofRefused as refused:
        raise Unauthorized(refused.cause) from refused
    now, origin = services.clock.now(), credentials.origin
    if not compare_digest(key, proof.jkt) and not services.limits.try_count_failure(origin.address):
        raise Unauthorized("key_mismatch")  # without an event: a thief cannot flood the audit trail
    rules = services.policy.proof_rules(claims.prj)
    result = await services.store.sessions.prove(
        possession_of(
            claims, proof, rules, credentials.token, credentials.proof, credentials.connection
        ),
        None,
        now,
        session_event(services, EventKind.KEY_MISMATCH, claims, origin, now),
        session_event(services, EventKind.BOUND, claims, origin, now),
    )
    if isinstance(result, Denied):
        raise Unauthorized(result.cause)


def _check_form(
    services: ServiceContext, claims: Claims, credentials: Credentials, proof: str, method: str
) -> None:
    """Refuse a malformed proof. Other errors, such as a wrong clock, are accepted here."""
    try:
        _check_proof(services, claims, credentials, proof, method)
    except ProofRefused as refused:
        if refused.cause in _FORM_CAUSES:
            raise Unauthorized(refused.cause) from refused


def _check_proof(
    services: ServiceContext, claims: Claims, credentials: Credentials, proof: str, method: str
) -> Proof:
    rules = services.policy.proof_rules(claims.prj)
    return check_rpc_proof(proof, method, rules, services.clock.now(), token=credentials.token)
