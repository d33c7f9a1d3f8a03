"""Proofs of possession (RFC 9449) as flows use them: refusals, and what a store is shown.

A proof is checked by itself first (`satmint.dpop`), which writes nothing; then the store judges in
one step what it means for the session (`SessionStore.prove`).
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec

from satmint.dpop import ALGORITHMS, Proof, ProofCause, ProofRefused, ProofRules
from satmint.flows.mint import Mint
from satmint.model.claims import Claims
from satmint.model.events import Event, EventKind, Origin
from satmint.model.possession import Denied, Possession, PossessionCause
from satmint.model.refusals import Unauthorized, Unproven

PROOF_ALGORITHMS: Final = ALGORITHMS
"""The JWS algorithms that proofs are taken with."""

PROOF_CAUSES: Final = (
    "proof_missing",
    "proof_repeated",
    *(cause.value for cause in ProofCause),
    PossessionCause.KEY_MISMATCH.value,
    PossessionCause.PROOF_REPLAYED.value,
)
"""Why a proof can be refused, in the order in which it is checked."""

_KEPT_LONGER_SECONDS: Final = 5
"""Beyond the time in which a proof is accepted: the clocks of several nodes differ a little."""

_digestible = msgspec.json.Encoder().encode


def only_proof(proofs: Iterable[str], nonce: str | None) -> str:
    """The one proof that came with a request.

    Args:
        proofs: All of them, wherever in the request they stood.
        nonce: For the next proof, where nonces are asked for.

    Raises:
        Unproven: there is none, or more than one: which of them counts must never be a guess.
    """
    match list(proofs):
        case [proof]:
            return proof
        case []:
            raise Unproven("proof_missing", nonce=nonce)
        case _:
            raise Unproven("proof_repeated", nonce=nonce)


def unproven(refused: ProofRefused, nonce: str | None) -> Unproven:
    """The refusal of a request whose proof did not stand a check by itself."""
    wants_nonce = refused.cause is ProofCause.NONCE
    error = "use_dpop_nonce" if wants_nonce else "invalid_dpop_proof"
    return Unproven(refused.cause, skew=refused.skew, nonce=nonce, error=error)


def denied(judgement: Denied, nonce: str | None) -> Unauthorized:
    """The refusal of a request whose proof the store did not accept."""
    match judgement.cause:
        case PossessionCause.KEY_MISMATCH | PossessionCause.PROOF_REPLAYED as cause:
            return Unproven(cause, nonce=nonce)
        case cause:
            return Unauthorized(cause)


def shown(claims: Claims, proof: Proof, rules: ProofRules, *asked: object) -> Possession:
    """What a store is shown of a token and a proof that were checked.

    Args:
        claims: Of the token.
        proof: As the checks returned it.
        rules: That it was checked by.
        asked: Everything else that makes up the request, beginning with the texts of the token and
            of the proof: a request that differs in any of it is another one.
    """
    return Possession(
        project=claims.prj,
        session=claims.sid,
        epoch=claims.epo,
        jkt=proof.jkt,
        proof=_digest(proof.jkt, proof.target, proof.jti),
        request=_digest(proof.target, *asked),
        forget_at=proof.iat + rules.oldest + rules.ahead + _KEPT_LONGER_SECONDS,
    )


def event_about(mint: Mint, kind: EventKind, claims: Claims, origin: Origin, now: int) -> Event:
    """An event that tells of the session of a SAT."""
    return mint.event(
        kind,
        claims.prj,
        origin,
        now,
        subscriber=claims.sub,
        session=claims.sid,
        generation=claims.gen,
    )


def _digest(*parts: object) -> bytes:
    """SHA-256 over all parts; JSON keeps them apart, whatever they hold."""
    return sha256(_digestible(parts)).digest()
