"""Client Bound SAT: a SAT for whoever holds the session's key, for as long as it holds it.

The key pair is made in the browser, and its private half never leaves it. Each of these SATs is
short-lived and is had for a fresh signature, so that a stolen one cannot be kept alive. The one
that was shown is not spent: possession of the key is what counts (RFC 9700, section 4.14.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final

import msgspec

from satmint.dpop import HttpTarget, ProofRefused, check_http_proof
from satmint.flows.callers import Holder, note_use
from satmint.flows.mint import Mint
from satmint.flows.proving import denied, event_about, only_proof, shown, unproven
from satmint.model.claims import SELF_REFRESH, Claims, Confirmation, TokenType, device_token_id
from satmint.model.events import EventKind, Origin
from satmint.model.possession import Accepted, Denied, Grant
from satmint.model.refusals import Forbidden

DEVICE_SECONDS: Final = 900
"""How long a Client Bound SAT lives where nothing is asked for."""
SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 7200
_EARLY_PERCENT: Final = 5


@dataclass(frozen=True, slots=True)
class DeviceTokenRequest:
    """What the holder of a key asks for."""

    method: str
    path: str
    urls: frozenset[str]
    """Every external URL under which the endpoint that was called is known."""
    proofs: Sequence[str] = field(repr=False)
    """Every proof that came along."""
    expire_in: int | None
    """Seconds."""
    renewing: bool
    """Whether it is about one more SAT after one that was had before: then the proof must name the
    SAT that is shown."""


class DeviceToken(msgspec.Struct, frozen=True):
    """A Client Bound SAT."""

    token: str
    expires_in: int
    """Seconds from now at which to come back. Never a time: a clock that runs ahead would come
    back at once, over and over. Up to 5 % before the SAT's end, or all that connected together
    would come back together."""

    def __repr__(self) -> str:
        return "DeviceToken(hidden)"


@dataclass(frozen=True, slots=True)
class Granted:
    """How a request went that was not refused."""

    answer: DeviceToken
    accepted: Accepted
    proof_age: int
    """Seconds by which the clock of who made the proof is behind ours, the way included."""
    nonce: str | None
    """For the next proof, where the project asks for nonces."""


async def device_token(
    mint: Mint, holder: Holder, request: DeviceTokenRequest, origin: Origin
) -> Granted:
    """A Client Bound SAT with the rights of the SAT that is shown, for the key that is proven.

    A session that names no key yet is bound to this one for good. A request that is sent again
    gets the same answer again, a few times.

    Args:
        mint: The tools.
        holder: Who has shown a SAT that is good for this; see `Callers.key_holder`.
        request: What is asked for, and the proof.
        origin: Where the call comes from.

    Raises:
        Forbidden: the SAT may not refresh itself.
        Unproven: the proof does not stand, was used before, or is another key's.
        Unauthorized: the session ended while this was under way, or is at its deadline.
        RateLimited: another key's, as too many from this address were lately.
    """
    claims, now = holder.claims, mint.clock.now()
    if SELF_REFRESH not in claims.scope:
        raise Forbidden("scope_missing")
    rules = mint.policy.proof_rules(claims.prj)
    nonces = mint.nonces if rules.strict else None
    nonce = None if nonces is None else nonces.current(now)
    text = only_proof(request.proofs, nonce)
    try:
        proof = check_http_proof(
            text,
            HttpTarget(request.method, request.path, request.urls),
            rules,
            now,
            token=holder.token,
            ath_required=request.renewing,
            nonces=nonces,
        )
    except ProofRefused as refused:
        raise unproven(refused, nonce) from refused
    key = holder.session.jkt
    if key is not None and not compare_digest(key, proof.jkt):
        # Counted before it is written down: a thief must not be able to flood the audit trail.
        mint.count_failure(origin.address)
    possession = shown(claims, proof, rules, holder.token, text, request.expire_in)
    binding = event_about(mint, EventKind.BOUND, claims, origin, now)  # the first of the two
    judgement = await mint.store.sessions.prove(
        possession,
        Grant(now, now + _lifetime(mint, claims, request)),
        now,
        event_about(mint, EventKind.DEVICE_TOKEN_ISSUED, claims, origin, now),
        binding,
    )
    if isinstance(judgement, Denied):
        raise denied(judgement, nonce)
    if judgement.grant is None:
        raise RuntimeError("a proof that was accepted for this endpoint was answered with nothing")
    note_use(mint, holder)
    bound = _bound_claims(claims, judgement.grant, proof.jkt, possession.proof)
    ch = mint.cluster_host_after(holder.ch)
    answer = DeviceToken(
        token=mint.safe.seal(bound, TokenType.SAT, ch, now),
        expires_in=max(1, _told_lifetime(bound) - (now - bound.iat)),
    )
    return Granted(answer, judgement, now - proof.iat, nonce)


def _lifetime(mint: Mint, claims: Claims, request: DeviceTokenRequest) -> int:
    """How long the next SAT is to live, in seconds, before the session's deadline cuts it."""
    asked = request.expire_in
    if asked is None:
        asked = DEVICE_SECONDS
    elif request.renewing and asked == _told_lifetime(claims):
        # The vendor's SDK asks for what it was told. That is a little less than what it got: taken
        # by the letter, its SATs would become shorter each time, down to the least.
        asked = claims.exp - claims.iat
    longest = min(LONGEST_SECONDS, mint.policy.max_token_seconds or LONGEST_SECONDS)
    return min(max(asked, SHORTEST_SECONDS), longest)


def _told_lifetime(claims: Claims) -> int:
    """What the holder of a SAT is told of its life: up to 5 % less, by a draw of its own.

    Drawn from its id, so that a re-sent request is told the same.
    """
    seconds = claims.exp - claims.iat
    draw = int.from_bytes(sha256(claims.jti.encode()).digest()[:8], "big")
    return seconds - draw % (seconds * _EARLY_PERCENT // 100 + 1)


def _bound_claims(claims: Claims, grant: Grant, jkt: str, proof: bytes) -> Claims:
    """The same rights for the holder of a key; that key, and no other, is named."""
    return msgspec.structs.replace(
        claims,
        jti=device_token_id(claims.sid, proof),
        iat=grant.issued_at,
        exp=grant.expires_at,
        cnf=Confirmation(jkt),
    )
