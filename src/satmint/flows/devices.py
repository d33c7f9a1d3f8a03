"""Client Bound SAT: a SAT that is bound to a key and refreshed with a proof of possession.

The browser generates the key pair, and the private key never leaves the browser. Each Client Bound
SAT is short-lived, and a refresh requires a new signature, so a thief cannot refresh a stolen SAT.
A refresh does not spend the presented SAT: possession of the key protects it (RFC 9700, section
4.14.2).
"""

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Final

import msgspec

from satmint.dpop import HttpTarget, ProofRefused, check_http_proof
from satmint.flows.callers import SubscriberCaller, mark_used
from satmint.flows.policy import Policy
from satmint.flows.proofs import (
    possession_of,
    possession_refusal,
    proof_refusal,
    session_event,
    single_proof,
)
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import SELF_REFRESH, Claims, Confirmation, Jwt, TokenType, device_token_id
from satmint.model.events import EventKind, Origin
from satmint.model.possession import Accepted, Denied, Grant
from satmint.model.refusals import Forbidden
from satmint.model.secrets import HidesFields

DEFAULT_LIFETIME_SECONDS: Final = 900
"""Lifetime of a Client Bound SAT if the request does not set one."""
MIN_LIFETIME_SECONDS: Final = 60
MAX_LIFETIME_SECONDS: Final = 7200
MAX_JITTER_PERCENT: Final = 5
"""By how much less than its lifetime the duration of a SAT is stated, at most."""


class DeviceTokenRequest(HidesFields, msgspec.Struct, frozen=True):
    """A request for a Client Bound SAT."""

    method: str
    path: str
    urls: frozenset[str]
    """Every external URL of the requested endpoint."""
    proofs: Sequence[str]
    """All proofs in the request."""
    expire_in: int | None
    """Seconds."""
    is_refresh: bool
    """Whether the request refreshes a Client Bound SAT. The proof must then have the claim `ath`
    of the presented SAT."""


class DeviceToken(HidesFields, msgspec.Struct, frozen=True):
    """A Client Bound SAT."""

    token: Jwt
    expires_in: int
    """Seconds after which to refresh. A duration, not a time: a client whose clock is ahead would
    refresh immediately, again and again. Up to 5 % less than the SAT's lifetime: without this
    jitter, clients that connected together would refresh together."""


class DeviceTokenGrant(msgspec.Struct, frozen=True):
    """The result of a request that was not refused."""

    response: DeviceToken
    accepted: Accepted
    proof_age: int
    """Seconds between the proof's `iat` and the server's clock: clock difference and latency."""
    nonce: str | None
    """The nonce for the next proof. None: the project does not require nonces."""


async def device_token(
    services: ServiceContext, caller: SubscriberCaller, request: DeviceTokenRequest, origin: Origin
) -> DeviceTokenGrant:
    """Issue a Client Bound SAT with the rights of the presented SAT, bound to the proof's key.

    If the session is not bound to a key, it is bound to this key permanently. A resend of the
    request gets the same response, a limited number of times.

    Args:
        services: The context of this process.
        caller: Authenticated by `CallerAuthenticator.authenticate_bound_token`.
        request: The request, with its proofs.
        origin: The origin of the request.

    Raises:
        Forbidden: the SAT does not have the scope `sat:refresh`.
        Unproven: the proof is invalid, is a replay, or is of another key.
        Unauthorized: the session was revoked meanwhile, or its deadline has passed.
        RateLimited: the proof is of another key, and the address exceeds the limit of failures.
    """
    claims, now = caller.claims, services.clock.now()
    if SELF_REFRESH not in claims.scope:
        raise Forbidden("scope_missing")
    rules = services.policy.proof_rules(claims.prj)
    nonces = services.nonces if rules.strict else None
    nonce = None if nonces is None else nonces.current(now)
    text = single_proof(request.proofs, nonce)
    try:
        proof = check_http_proof(
            text,
            HttpTarget(request.method, request.path, request.urls),
            rules,
            now,
            token=caller.token,
            ath_required=request.is_refresh,
            nonces=nonces,
        )
    except ProofRefused as refused:
        raise proof_refusal(refused, nonce) from refused
    key = caller.session.jkt
    if key is not None and not compare_digest(key, proof.jkt):
        # The failure is counted before it is recorded: a thief cannot flood the audit trail.
        services.limits.count_failure(origin.address)
    possession = possession_of(claims, proof, rules, caller.token, text, request.expire_in)
    # The store records this event before `DEVICE_TOKEN_ISSUED`, so its id must be the smaller one.
    binding = session_event(services, EventKind.BOUND, claims, origin, now)
    result = await services.store.sessions.prove(
        possession,
        Grant(now, now + _lifetime(services.policy, claims, request)),
        now,
        session_event(services, EventKind.DEVICE_TOKEN_ISSUED, claims, origin, now),
        binding,
    )
    if isinstance(result, Denied):
        raise possession_refusal(result, nonce)
    if result.grant is None:
        raise RuntimeError("a proof that was accepted for this endpoint was answered with nothing")
    mark_used(services, caller)
    bound = _bound_claims(claims, result.grant, proof.jkt, possession.proof)
    ch = services.issuer.successor_cluster_host(caller.ch)
    response = DeviceToken(
        token=services.cipher.seal(bound, TokenType.SAT, ch, now),
        expires_in=max(1, _reported_lifetime(bound) - (now - bound.iat)),
    )
    return DeviceTokenGrant(response, result, now - proof.iat, nonce)


def _lifetime(policy: Policy, claims: Claims, request: DeviceTokenRequest) -> int:
    """The lifetime of the next SAT in seconds; the store limits it to the session's deadline."""
    requested = request.expire_in
    if requested is None:
        requested = DEFAULT_LIFETIME_SECONDS
    elif request.is_refresh and requested == _reported_lifetime(claims):
        # The vendor's SDK requests the `expires_in` that it received, which is shorter than the
        # SAT's lifetime. Used literally, each SAT would be shorter than the previous one.
        requested = claims.exp - claims.iat
    max_seconds = policy.token_seconds(MAX_LIFETIME_SECONDS)
    return min(max(requested, MIN_LIFETIME_SECONDS), max_seconds)


def _reported_lifetime(claims: Claims) -> int:
    """The lifetime of a SAT as the response states it: the real one, less a jitter of up to 5 %.

    The jitter is derived from the token's id, so a resend gets the same value.
    """
    seconds = claims.exp - claims.iat
    random_value = int.from_bytes(sha256(claims.jti.encode()).digest()[:8], "big")
    return seconds - random_value % (seconds * MAX_JITTER_PERCENT // 100 + 1)


def _bound_claims(claims: Claims, grant: Grant, jkt: str, proof: bytes) -> Claims:
    """Claims with the same rights, bound to the key with thumbprint `jkt`."""
    return msgspec.structs.replace(
        claims,
        jti=device_token_id(claims.sid, proof),
        iat=grant.issued_at,
        exp=grant.expires_at,
        cnf=Confirmation(jkt),
    )
