"""Proofs of possession (RFC 9449) in flows: refusals, and the input for the store's decision.

First, the proof is checked on its own (`satmint.dpop`), without writing anything. Then the store
decides in one transaction whether it is accepted for the session (`SessionStore.prove`).
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from satmint.dpop import ALGORITHMS, Proof, ProofCause, ProofRefused, ProofRules
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import Claims
from satmint.model.events import Event, EventKind, Origin
from satmint.model.possession import Denied, Possession, PossessionCause
from satmint.model.refusals import Unauthorized, Unproven

PROOF_ALGORITHMS: Final = ALGORITHMS
"""The JWS algorithms that are accepted for proofs."""

PROOF_CAUSES: Final = (
    "proof_missing",
    "proof_repeated",
    *(cause.value for cause in ProofCause),
    PossessionCause.KEY_MISMATCH.value,
    PossessionCause.PROOF_REPLAYED.value,
)
"""The causes of refusals of a proof, in the order of the checks."""

_CLOCK_TOLERANCE_SECONDS: Final = 5
"""How long a used proof is stored after it expires: the clocks of nodes differ slightly."""

_encode_json = msgspec.json.Encoder().encode


def single_proof(proofs: Iterable[str], nonce: str | None) -> str:
    """The single proof of a request.

    Args:
        proofs: All proofs in the request, wherever they are.
        nonce: The nonce for the next proof. None: nonces are not required.

    Raises:
        Unproven: there is no proof, or more than one: choosing one of them would be ambiguous.
    """
    match list(proofs):
        case [proof]:
            return proof
        case []:
            raise Unproven("proof_missing", nonce=nonce)
        case _:
            raise Unproven("proof_repeated", nonce=nonce)


def next_nonce(services: ServiceContext, project: UUID) -> str | None:
    """The nonce for the next proof in a project. None: the project does not require nonces."""
    if not services.policy.proof_rules(project).strict:
        return None
    return services.nonces.current(services.clock.now())


def proof_refusal(refused: ProofRefused, nonce: str | None) -> Unproven:
    """The refusal of a request whose proof is invalid."""
    wants_nonce = refused.cause is ProofCause.NONCE
    error = "use_dpop_nonce" if wants_nonce else "invalid_dpop_proof"
    return Unproven(refused.cause, skew=refused.skew, nonce=nonce, error=error)


def possession_refusal(result: Denied, nonce: str | None) -> Unauthorized:
    """The refusal of a request whose proof the store did not accept."""
    match result.cause:
        case PossessionCause.KEY_MISMATCH | PossessionCause.PROOF_REPLAYED as cause:
            return Unproven(cause, nonce=nonce)
        case cause:
            return Unauthorized(cause)


def possession_of(
    claims: Claims, proof: Proof, rules: ProofRules, *request_parts: object
) -> Possession:
    """The store's input for a token and a proof that have been checked.

    Args:
        claims: The claims of the token.
        proof: The checked proof.
        rules: The rules by which it was checked.
        request_parts: Everything else that identifies the request, beginning with the texts of the
            token and of the proof. A request that differs in any part is not a resend.
    """
    return Possession(
        project=claims.prj,
        session=claims.sid,
        epoch=claims.epo,
        jkt=proof.jkt,
        proof=_digest(proof.jkt, proof.target, proof.jti),
        request=_digest(proof.target, *request_parts),
        forget_at=proof.iat + rules.max_age + rules.max_ahead + _CLOCK_TOLERANCE_SECONDS,
    )


def session_event(
    services: ServiceContext, kind: EventKind, claims: Claims, origin: Origin, now: int
) -> Event:
    """An event about the session of a SAT."""
    return services.new_event(
        kind,
        claims.prj,
        origin,
        now,
        subscriber=claims.sub,
        session=claims.sid,
        generation=claims.gen,
    )


def _digest(*parts: object) -> bytes:
    """SHA-256 over all parts. JSON delimits them unambiguously, whatever they contain."""
    return sha256(_encode_json(parts)).digest()
