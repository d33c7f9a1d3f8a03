"""Refresh: a refresh token for a new pair (seeds 0 and 1).

A rotation makes one new generation, however many callers present the same token and however often
an answer is lost on the way: see `satmint.model.rotation` for the rules.
"""

from typing import assert_never

from satmint.flows.callers import Caller
from satmint.flows.mint import Mint, Pair, token_fault
from satmint.jose.sealing import CannotOpen, Opened
from satmint.model.claims import SELF_REFRESH, TokenType
from satmint.model.events import EventKind, Origin
from satmint.model.lifetimes import ACCESS_SECONDS, UNBOUND_SELF_REFRESH_SECONDS, expired
from satmint.model.refusals import Code, Fault, NotFound, Unprocessable
from satmint.model.rotation import (
    Cause,
    Presented,
    Refused,
    Replayed,
    Reused,
    Rotated,
)

_EXPIRED = token_fault(Code.TOKEN_EXPIRED, "Token has expired.")
_INVALID = token_fault(Code.TOKEN_INVALID, "Token is invalid.")
_NOT_A_REFRESH_TOKEN = token_fault(Code.NOT_A_REFRESH_TOKEN, "Token is not a refresh token.")
_BAD_FORMAT = token_fault(Code.INVALID_TOKEN_FORMAT, "Token format is invalid.")


async def refresh(
    mint: Mint, caller: Caller, token: str, origin: Origin
) -> tuple[Pair, Rotated | Replayed]:
    """Exchange a refresh token of the caller's project for the pair of its session's head.

    Safe to repeat with the same token until its successor is used: then it answers equivalently.

    Returns:
        The pair, and whether it was made just now or before.

    Raises:
        Unprocessable: it is malformed, a SAT, expired, revoked, reused or not ours. Reuse has
            revoked its session by then.
        NotFound: its subscriber is gone.
    """
    opened = _open(mint, token)
    claims = opened.claims
    now = mint.clock.now()
    if claims.prj != caller.project:
        raise Unprocessable(_INVALID, cause="foreign_project")
    if expired(claims.exp, now):
        raise Unprocessable(_EXPIRED, cause="expired")
    event = mint.event(
        EventKind.REFRESHED, claims.prj, origin, now, subscriber=claims.sub, session=claims.sid
    )
    # As at issue: who is first to show a key with it has the session, so it must not lie about.
    by_itself = claims.jkt is None and SELF_REFRESH in claims.scope
    verdict = await mint.store.sessions.rotate(
        Presented(claims.prj, claims.sid, claims.gen, claims.epo, claims.jkt),
        now + (UNBOUND_SELF_REFRESH_SECONDS if by_itself else ACCESS_SECONDS),
        now,
        mint.policy.replay_cap,
        event,
    )
    match verdict:
        case Rotated() | Replayed():
            ch = mint.cluster_host_after(opened.ch)
            return mint.pair(claims, verdict.head, ch, now), verdict
        case Reused():
            raise Unprocessable(_INVALID, cause="reuse")
        case Refused(Cause.SUBSCRIBER_GONE):
            raise NotFound(Cause.SUBSCRIBER_GONE)
        case Refused(Cause.EXPIRED | Cause.DEADLINE as cause):
            raise Unprocessable(_EXPIRED, cause=cause)
        case Refused(cause):
            raise Unprocessable(_INVALID, cause=cause)
        case _:
            assert_never(verdict)


def format_faults(token: str) -> list[Fault]:
    """What is wrong with the form of a refresh token, as far as callers are told."""
    return [] if token.count(".") == 4 else [_BAD_FORMAT]


def _open(mint: Mint, token: str) -> Opened:
    if faults := format_faults(token):
        raise Unprocessable(*faults, cause="not_five_parts")
    try:
        return mint.safe.open(token, TokenType.REFRESH)
    except CannotOpen as error:
        if _is_sat(mint, token):
            raise Unprocessable(_NOT_A_REFRESH_TOKEN, cause="is_a_sat") from error
        raise Unprocessable(_INVALID, cause="cannot_open") from error


def _is_sat(mint: Mint, token: str) -> bool:
    """Whether it is a SAT of ours. Only a real one is called so: a forged header proves nothing."""
    try:
        mint.safe.open(token, TokenType.SAT)
    except CannotOpen:
        return False
    return True
