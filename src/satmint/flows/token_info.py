"""Inspect a token: its claims and its state, without changing anything.

Unlike introspection, this reports why a token is not active, and does not mark it as used: a lost
response can still be replayed.
"""

from dataclasses import dataclass
from enum import StrEnum

from satmint.flows.callers import named_addresses, refresh_token_ref
from satmint.flows.introspect import open_any_type
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import Claims, TokenType
from satmint.model.lifetimes import expired
from satmint.model.records import Session, StoredSession
from satmint.model.refusals import Unauthorized
from satmint.model.rotation import (
    Cause,
    Refused,
    RotationDecision,
    decide_rotation,
)


class TokenState(StrEnum):
    """The state of a token. The state of a refused token is a `Cause` instead."""

    GOOD = "good"
    REPLAYABLE = "replayable"
    """A spent refresh token. A refresh with it would be a replay, as a response may be lost."""
    SPENT = "spent"
    """A spent refresh token, expired or not. A refresh with it would be reuse and revoke the
    session."""
    ADDRESSES_DELETED = "addresses_deleted"
    """All addresses that the token was good for were deleted."""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token's claims and state, and its session."""

    typ: TokenType
    ch: str | None
    claims: Claims
    state: TokenState | Cause
    session: Session | None


async def inspect_token(services: ServiceContext, token: str) -> TokenInfo | None:
    """The claims and the state of a SAT or a refresh token. None: the token is unknown."""
    opened_token = open_any_type(services.cipher, token)
    if opened_token is None:
        return None
    typ, opened = opened_token
    claims = opened.claims
    found = await services.store.sessions.get(claims.prj, claims.sid)
    state = _state(services, typ, claims, found)
    if state in (TokenState.GOOD, TokenState.REPLAYABLE):
        try:
            await named_addresses(services.store, claims.prj, claims.addr)
        except Unauthorized:
            state = TokenState.ADDRESSES_DELETED
    return TokenInfo(typ, opened.ch, claims, state, None if found is None else found.session)


def _state(
    services: ServiceContext, typ: TokenType, claims: Claims, found: StoredSession | None
) -> TokenState | Cause:
    now = services.clock.now()
    if found is None:
        return Cause.UNKNOWN_SESSION
    cause = found.state.refusal_of(claims.epo, claims.gen, claims.jkt)
    if cause is not None:
        return cause
    if typ is TokenType.SAT:
        # A rotation does not spend the SAT.
        return Cause.EXPIRED if expired(claims.exp, now) else TokenState.GOOD
    decision = decide_rotation(
        found.state,
        refresh_token_ref(claims),
        now,
        services.policy.replay_seconds,
        found.measured_at,
    )
    return decision.cause if isinstance(decision, Refused) else _STATE_OF_DECISION[decision]


_STATE_OF_DECISION = {
    RotationDecision.ROTATE: TokenState.GOOD,
    RotationDecision.REPLAY: TokenState.REPLAYABLE,
    RotationDecision.REVOKE: TokenState.SPENT,
    RotationDecision.REVOKE_WINDOW_OVER: TokenState.SPENT,
}
