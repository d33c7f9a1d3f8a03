"""Examining a token: what it says and how it stands, without a trace.

Unlike introspection it tells why a token is no longer good, and it does not count as a use: the
answer that was lost stays repeatable.
"""

from dataclasses import dataclass
from enum import StrEnum

from satmint.flows.mint import Mint
from satmint.jose import CannotOpen
from satmint.model.claims import Claims, TokenType
from satmint.model.lifetimes import expired
from satmint.model.records import Session, SessionStanding
from satmint.model.rotation import Cause, Move, Presented, Refused, judge


class State(StrEnum):
    """How a token stands; beside these, any `Cause`."""

    GOOD = "good"
    REPLAYABLE = "replayable"
    """A refresh token that was spent, and is answered once more: its answer may have been lost."""
    SPENT = "spent"
    """A refresh token that was spent; presenting it would end the session."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A token of ours, and its session."""

    typ: TokenType
    ch: str | None
    claims: Claims
    state: State | Cause
    session: Session | None


async def examine(mint: Mint, token: str) -> Examined | None:
    """What a SAT or a refresh token says and how it stands; None where it is no token of ours."""
    for typ in TokenType:
        try:
            opened = mint.safe.open(token, typ)
        except CannotOpen:
            continue
        claims = opened.claims
        standing = await mint.store.sessions.standing(claims.prj, claims.sid)
        state = _state(mint, typ, claims, standing)
        session = None if standing is None else standing.session
        return Examined(typ, opened.ch, claims, state, session)
    return None


def _state(
    mint: Mint, typ: TokenType, claims: Claims, found: SessionStanding | None
) -> State | Cause:
    now = mint.clock.now()
    presented = Presented(claims.prj, claims.sid, claims.gen, claims.epo, claims.jkt)
    standing = None if found is None else found.standing
    verdict = judge(standing, presented, now, mint.policy.replay_cap)
    if isinstance(verdict, Refused) and verdict.cause in _OF_ANY_TOKEN:
        return verdict.cause
    if expired(claims.exp, now):
        return Cause.EXPIRED
    if typ is TokenType.SAT:
        return State.GOOD  # a rotation does not spend the SAT
    if isinstance(verdict, Refused):
        return verdict.cause
    return _OF_MOVE[verdict]


_OF_ANY_TOKEN = frozenset(
    {
        Cause.UNKNOWN_SESSION,
        Cause.SUBSCRIBER_GONE,
        Cause.REVOKED,
        Cause.STALE_EPOCH,
        Cause.AHEAD_OF_HEAD,
    }
)
_OF_MOVE = {Move.ROTATE: State.GOOD, Move.REPLAY: State.REPLAYABLE, Move.REVOKE: State.SPENT}
