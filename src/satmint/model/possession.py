"""What it means to have shown a key: the rules of Client Bound SAT that only a store can apply.

A proof that stood every check on its own (`satmint.dpop`) still has to be judged against the
session that its token is of: is the session bound to this key, and was this very proof used before?
`judge_possession` says what the rows, as read in the deciding transaction, mean.
"""

from enum import StrEnum
from hmac import compare_digest
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.lifetimes import expired
from satmint.model.rotation import Standing

MOST_RESENDS: Final = 5
"""How often one proof's answer is given again to a client that did not get it."""


class Possession(msgspec.Struct, frozen=True):
    """A SAT, opened and unexpired, was shown together with a proof that its own checks accept."""

    project: UUID
    session: UUID
    epoch: int
    """The subscriber's revocation epoch that the token carries."""
    jkt: str
    """Thumbprint of the key that signed the proof (RFC 7638)."""
    proof: bytes
    """SHA-256 over key, target and `jti` of the proof: what is never accepted for two things."""
    request: bytes
    """SHA-256 over everything that was asked for: equal for a re-sent request, for no other."""
    forget_at: int
    """Unix seconds from which on the proof is too old to be accepted anyway."""


class Grant(msgspec.Struct, frozen=True):
    """The times of a Client Bound SAT: with the session's claims, all it takes to make it again."""

    issued_at: int
    """Unix seconds."""
    expires_at: int
    """Unix seconds."""


class UsedProof(msgspec.Struct, frozen=True):
    """What a store remembers of a proof that was accepted."""

    request: bytes
    """The `Possession.request` that it was accepted for."""
    grant: Grant | None
    """What that request was answered."""
    resends: int
    """How often that answer has been given again."""


class PossessionCause(StrEnum):
    """Why a possession was refused. For logs, counters and events."""

    UNKNOWN_SESSION = "unknown_session"
    SUBSCRIBER_GONE = "subscriber_gone"
    STALE_EPOCH = "stale_epoch"
    REVOKED = "revoked"
    DEADLINE = "deadline"
    KEY_MISMATCH = "key_mismatch"
    PROOF_REPLAYED = "proof_replayed"


class Accepted(msgspec.Struct, frozen=True):
    """The key is the session's, and the proof is used up by this; both durable."""

    grant: Grant | None
    """What was granted, cut to the session's deadline; None where nothing was asked for."""
    bound: bool
    """Whether the session was bound to the key just now."""
    again: bool = False
    """Whether this is a re-sent request, and `grant` is what it was answered before."""


class Denied(msgspec.Struct, frozen=True):
    """The session is as it was."""

    cause: PossessionCause


Judgement = Accepted | Denied


def judge_possession(
    standing: Standing | None,
    used: UsedProof | None,
    shown: Possession,
    grant: Grant | None,
    now: int,
) -> Judgement:
    """Apply the rules of possession to a session as it stands.

    Args:
        standing: The session's row as read inside the deciding transaction; None: there is none.
        used: What is remembered of this very proof, read there too; None: nothing.
        shown: Token and proof, which were checked by themselves before.
        grant: What is asked for; None: nothing but the judgement.
        now: Unix seconds.

    Returns:
        The judgement. Carrying it out is the store's part: where it is `Accepted`, to bind the
        session if it says so and to remember the proof, or only to count where it says `again`.
    """
    if standing is None:
        return Denied(PossessionCause.UNKNOWN_SESSION)
    if standing.subscriber_epoch is None:
        return Denied(PossessionCause.SUBSCRIBER_GONE)
    if standing.revoked:
        return Denied(PossessionCause.REVOKED)
    if shown.epoch != standing.subscriber_epoch:
        return Denied(PossessionCause.STALE_EPOCH)
    key = standing.head.jkt
    if key is not None and not compare_digest(key, shown.jkt):
        return Denied(PossessionCause.KEY_MISMATCH)
    if used is not None:
        if used.resends >= MOST_RESENDS or not compare_digest(used.request, shown.request):
            return Denied(PossessionCause.PROOF_REPLAYED)
        return Accepted(used.grant, bound=False, again=True)
    if grant is None:
        return Accepted(None, bound=key is None)
    if expired(standing.deadline, now):
        return Denied(PossessionCause.DEADLINE)
    cut = Grant(grant.issued_at, min(grant.expires_at, standing.deadline))
    return Accepted(cut, bound=key is None)
