"""Invites: a subscriber, or its backend, lets one invitee call one of the subscriber's addresses.

A SAT that makes an invite may be stolen. An invite therefore ends with the session that made it,
and is limited in lifetime, number and rate. If the session is bound to a key and the request does
not prove possession of the key, the invite ends with the SAT: a thief gains no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import assert_never
from uuid import UUID

from satmint.dpop import HttpTarget, Proof, ProofRefused, check_http_proof
from satmint.flows.callers import ApiTokenCaller, SubscriberCaller, mark_used
from satmint.flows.new_sessions import (
    expiry,
    first_claims,
    first_issue,
    issued_event,
    new_session,
    open_temporary,
)
from satmint.flows.proofs import (
    next_nonce,
    possession_of,
    possession_refusal,
    proof_refusal,
    session_event,
    single_proof,
)
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import Claims, Kind
from satmint.model.events import EventKind, Origin
from satmint.model.possession import Accepted, Denied, Possession, PossessionCause
from satmint.model.records import Inviter
from satmint.model.refusals import (
    Code,
    FieldError,
    Forbidden,
    RateLimited,
    Unprocessable,
    Unproven,
)
from satmint.store.contract import (
    InvitesExhausted,
    NewInvite,
    NewSession,
    OpenedSession,
    Store,
)


@dataclass(frozen=True, slots=True)
class InviteTokenRequest:
    """A subscriber's or a backend's request for a SAT of an invitee."""

    address: UUID
    """The address that the invitee may call."""
    expires_at: int | None = None
    """Unix seconds. None: the default lifetime."""


@dataclass(frozen=True, slots=True)
class InviteProofs:
    """The proofs of possession in a request for an invite (RFC 9449, section 4.1)."""

    method: str
    path: str
    urls: frozenset[str]
    """Every external URL of the requested endpoint."""
    texts: Sequence[str] = field(repr=False)
    """All `DPoP` headers of the request."""
    required: bool = False
    """Whether the authentication scheme is `DPoP`, which requires a proof."""


async def invite_token(
    services: ServiceContext,
    inviter: ApiTokenCaller | SubscriberCaller,
    request: InviteTokenRequest,
    origin: Origin,
    proofs: InviteProofs | None = None,
) -> str:
    """Issue a SAT with which one invitee may call one address.

    Args:
        services: The context of this process.
        inviter: A subscriber, who may invite to its own addresses; or a backend, which may invite
            to those of any subscriber of its project, as the vendor's Python SDK does. The invite
            of a subscriber ends with the session that made it; that of a backend is the project's.
        request: The request.
        origin: The origin of the request.
        proofs: The proofs in a subscriber's request. None: it has none.

    Raises:
        Forbidden: the SAT is not of a permanent subscriber.
        Unprocessable: the requested expiry is in the past or too late, or the inviter may not
            invite to the address.
        Unproven: the proof is invalid, was used before, or is of another key; or there is none, and
            the project or the authentication scheme requires one.
        Unauthorized: the session was revoked meanwhile.
        RateLimited: the session makes invites too fast, or has made too many that are alive.
    """
    if isinstance(inviter, SubscriberCaller) and inviter.claims.kind is not Kind.SUBSCRIBER:
        raise Forbidden("not_a_subscriber")
    now, policy = services.clock.now(), services.policy
    requested, max_seconds = request.expires_at, policy.max_invite_seconds
    expires_at = expiry(policy, "expires_at", requested, now, max_seconds)
    field_errors = await invitation_errors(services.store, inviter, request.address)
    if field_errors:
        raise Unprocessable(*field_errors)
    addresses = (request.address,)
    if isinstance(inviter, ApiTokenCaller):
        session = new_session(services, expires_at, now)
        claims = await open_temporary(
            services, inviter.project, Kind.INVITE, session, addresses, now, origin
        )
    else:
        proof = _check_proof(services, inviter, proofs, origin)
        if inviter.session.jkt is not None and proof is None:
            expires_at = _expiry_without_proof(inviter.claims, requested, expires_at)
        services.limits.count_invite(inviter.claims.sid)
        session = new_session(services, expires_at, now)
        opened = await _open(services, inviter, session, request, proof, origin)
        mark_used(services, inviter)  # after the proof: a thief must not mark it
        claims = first_claims(
            policy, inviter.project, opened, session, now, kind=Kind.INVITE, addr=addresses
        )
    return services.issuer.seal_access_token(claims, policy.cluster_host, now)


async def repeat_invite_token(
    services: ServiceContext,
    inviter: ApiTokenCaller | SubscriberCaller,
    request: InviteTokenRequest,
    session: UUID,
    origin: Origin,
    proofs: InviteProofs | None = None,
) -> str:
    """The SAT that an earlier request with the same idempotency key has made.

    The caller proves as much as for a new one.

    Args:
        services: The context of this process.
        inviter: See `invite_token` for this and the following.
        request: The request.
        session: The session of the invite.
        origin: The origin of the request.
        proofs: The proofs in a subscriber's request.

    Raises:
        Unprocessable: the SAT was used, or has ended.
        Unproven: as for `invite_token`.
        Unauthorized: likewise.
    """
    if isinstance(inviter, SubscriberCaller):
        proof = _check_proof(services, inviter, proofs, origin)
        if inviter.session.jkt is not None and proof is not None:
            await _use_up_proof(services, inviter, request, proof, origin)
        mark_used(services, inviter)
    first = await first_issue(services, inviter.project, session)
    claims = first_claims(
        services.policy, inviter.project, *first, kind=Kind.INVITE, addr=(request.address,)
    )
    now = services.clock.now()
    return services.issuer.seal_access_token(claims, services.policy.cluster_host, now)


async def _use_up_proof(
    services: ServiceContext,
    inviter: SubscriberCaller,
    request: InviteTokenRequest,
    proof: Proof,
    origin: Origin,
) -> None:
    claims, now = inviter.claims, services.clock.now()
    result = await services.store.sessions.prove(
        _possession(services, inviter, request, proof),
        None,
        now,
        session_event(services, EventKind.KEY_MISMATCH, claims, origin, now),
        session_event(services, EventKind.BOUND, claims, origin, now),
    )
    if isinstance(result, Accepted) and result.resent:
        result = Denied(PossessionCause.PROOF_REPLAYED)
    if isinstance(result, Denied):
        raise possession_refusal(result, next_nonce(services, inviter.project))


def _possession(
    services: ServiceContext, inviter: SubscriberCaller, request: InviteTokenRequest, proof: Proof
) -> Possession:
    rules = services.policy.proof_rules(inviter.project)
    parts = proof.jti, request.address, request.expires_at
    return possession_of(inviter.claims, proof, rules, inviter.token, *parts)


async def invitation_errors(
    store: Store, inviter: ApiTokenCaller | SubscriberCaller, address_id: UUID
) -> list[FieldError]:
    """Errors in the address that an invitee may call."""
    address = await store.addresses.get(inviter.project, address_id)
    if address is None:
        message = "The address must belong to the project"
        return [FieldError(Code.MUST_BELONG_TO_PROJECT, message, "address_id")]
    if isinstance(inviter, SubscriberCaller):
        may_invite = address.subscriber == inviter.claims.sub
    else:
        may_invite = address.subscriber is not None
    if not may_invite:
        message = "The address must belong to the subscriber"
        return [FieldError(Code.INVALID_PARAMETER, message, "address_id")]
    return []


def _check_proof(
    services: ServiceContext,
    inviter: SubscriberCaller,
    proofs: InviteProofs | None,
    origin: Origin,
) -> Proof | None:
    """The proof of a request, checked on its own; None if it needs none and has none.

    The proof of an unbound session is checked in the same way, but its key has no meaning: only
    `devices/token` binds a session.
    """
    key, now = inviter.session.jkt, services.clock.now()
    rules = services.policy.proof_rules(inviter.project)
    nonce = next_nonce(services, inviter.project)
    texts = () if proofs is None else proofs.texts
    if proofs is None or not texts:
        if (rules.strict and key is not None) or (proofs is not None and proofs.required):
            raise Unproven("proof_missing", nonce=nonce)
        return None
    try:
        proof = check_http_proof(
            single_proof(texts, nonce),
            HttpTarget(proofs.method, proofs.path, proofs.urls),
            rules,
            now,
            token=inviter.token,
            ath_required=True,
            nonces=services.nonces if rules.strict else None,
        )
    except ProofRefused as refused:
        raise proof_refusal(refused, nonce) from refused
    if key is not None and not compare_digest(key, proof.jkt):
        # The failure is counted before it is recorded: a thief cannot flood the audit trail.
        services.limits.count_failure(origin.address)
    return proof


def _expiry_without_proof(claims: Claims, requested: int | None, expires_at: int) -> int:
    """The expiry of an invite that the SAT of a bound session makes without a proof.

    Raises:
        Unprocessable: the request asks for a later one.
    """
    if requested is not None and requested > claims.exp:
        message = (
            f"Expires At must not be greater than {claims.exp}, when the SAT expires, without a"
            " proof of possession"
        )
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message, "expires_at"))
    return min(expires_at, claims.exp)


async def _open(
    services: ServiceContext,
    inviter: SubscriberCaller,
    session: NewSession,
    request: InviteTokenRequest,
    proof: Proof | None,
    origin: Origin,
) -> OpenedSession:
    now, project, claims = services.clock.now(), inviter.project, inviter.claims
    possession = None
    if inviter.session.jkt is not None and proof is not None:
        # The proof is used up in the transaction that opens the invite.
        possession = _possession(services, inviter, request, proof)
    result = await services.store.sessions.open_invite(
        NewInvite(
            project=project,
            subscriber=services.new_id(),
            session=session,
            inviter=Inviter(claims.sub, claims.sid),
            max_active=services.policy.invites_per_session,
            possession=possession,
        ),
        now,
        issued_event(services, project, session, now, origin, claims.sub),
        session_event(services, EventKind.KEY_MISMATCH, claims, origin, now),
        services.keyed,
    )
    match result:
        case OpenedSession():
            return result
        case InvitesExhausted(until=until):
            raise RateLimited(max(1, until - now), "invites_alive")
        case Denied():
            raise possession_refusal(result, next_nonce(services, project))
        case _:
            assert_never(result)
