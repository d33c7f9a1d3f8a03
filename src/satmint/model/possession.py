"""The rules of proof of possession (Client Bound SAT) that only a store can apply.

A proof that passed its own checks (`satmint.dpop`) still has to be checked against the token's
session: is the session bound to this key, and was this proof used before? `decide_possession`
decides from the rows as read in the deciding transaction.
"""

from enum import StrEnum
from hmac import compare_digest
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.lifetimes import expired
from satmint.model.rotation import SessionState

MAX_RESENDS: Final = 5
"""How often the response to one proof is repeated for a client that lost it."""


class Possession(msgspec.Struct, frozen=True):
    """A presented SAT, decrypted and unexpired, with a proof that passed its own checks."""

    project: UUID
    session: UUID
    epoch: int
    """The subscriber's revocation epoch that the token carries."""
    jkt: str
    """Thumbprint of the key that signed the proof (RFC 7638)."""
    proof: bytes
    """SHA-256 over the proof's key, target and `jti`: never accepted for two requests."""
    request: bytes
    """SHA-256 over the whole request: equal only for a re-sent request."""
    forget_at: int
    """Unix seconds at which the proof becomes too old to be accepted."""


class Grant(msgspec.Struct, frozen=True):
    """The times of a Client Bound SAT: with the session's claims, enough to issue it again."""

    issued_at: int
    """Unix seconds."""
    expires_at: int
    """Unix seconds."""


class UsedProof(msgspec.Struct, frozen=True):
    """The record of an accepted proof."""

    request: bytes
    """The `Possession.request` that it was accepted for."""
    grant: Grant | None
    """What that request was granted."""
    resends: int
    """How often that response has been repeated."""


class PossessionCause(StrEnum):
    """Why a proof of possession was refused. For logs, metrics and events."""

    UNKNOWN_SESSION = "unknown_session"
    SUBSCRIBER_DELETED = "subscriber_deleted"
    STALE_EPOCH = "stale_epoch"
    REVOKED = "revoked"
    DEADLINE = "deadline"
    KEY_MISMATCH = "key_mismatch"
    PROOF_REPLAYED = "proof_replayed"


class Accepted(msgspec.Struct, frozen=True):
    """The key is the session's, and the proof is now used; both are durable."""

    grant: Grant | None
    """The grant, cut to the session's deadline; None if none was requested."""
    bound: bool
    """Whether this request bound the session to the key."""
    resent: bool = False
    """Whether the request was re-sent; then `grant` is the earlier one."""


class Denied(msgspec.Struct, frozen=True):
    """Refused; the session is unchanged."""

    cause: PossessionCause


PossessionResult = Accepted | Denied


def decide_possession(
    state: SessionState | None,
    used: UsedProof | None,
    possession: Possession,
    grant: Grant | None,
    now: int,
) -> PossessionResult:
    """Apply the rules of possession to a session's state.

    Args:
        state: The session as read inside the deciding transaction; None if unknown.
        used: The record of this proof, read there too; None if unused.
        possession: The token and the proof, which passed their own checks.
        grant: The requested grant; None to check the proof only.
        now: Unix seconds.

    Returns:
        The result. The store carries it out: if `Accepted`, it binds the session if `bound`, and
        records the proof, or only counts the repetition if `resent`.
    """
    if state is None:
        return Denied(PossessionCause.UNKNOWN_SESSION)
    cause = state.refusal_of_epoch(possession.epoch)
    if cause is not None:
        return Denied(PossessionCause(cause.value))
    key = state.head.jkt
    if key is not None and not compare_digest(key, possession.jkt):
        return Denied(PossessionCause.KEY_MISMATCH)
    if used is not None:
        if used.resends >= MAX_RESENDS or not compare_digest(used.request, possession.request):
            return Denied(PossessionCause.PROOF_REPLAYED)
        return Accepted(used.grant, bound=False, resent=True)
    if grant is None:
        return Accepted(None, bound=key is None)
    if expired(state.deadline, now):
        return Denied(PossessionCause.DEADLINE)
    cut = Grant(grant.issued_at, min(grant.expires_at, state.deadline))
    return Accepted(cut, bound=key is None)
