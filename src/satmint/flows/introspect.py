"""Introspection (RFC 7662): what a token says and whether it is good now."""

from uuid import UUID

import msgspec

from satmint.flows.callers import holder_of
from satmint.flows.mint import Mint
from satmint.jose import CannotOpen, Opened
from satmint.model.claims import Confirmation, Kind, TokenType
from satmint.model.lifetimes import expired
from satmint.model.records import SessionStanding
from satmint.model.refusals import Unauthorized
from satmint.model.rotation import out_of_time


class Introspection(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 7662, section 2.2; of a token that is not good, only `active` is told."""

    active: bool
    scope: str | None = None
    token_type: str | None = None
    """`SAT` or `Refresh`."""
    iss: str | None = None
    sub: UUID | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None
    cnf: Confirmation | None = None
    session_id: UUID | None = None
    generation: int | None = None
    kind: Kind | None = None
    application_id: UUID | None = None
    allowed_addresses: tuple[UUID, ...] | None = None


INACTIVE = Introspection(active=False)


async def introspect(mint: Mint, project: UUID, token: str) -> Introspection:
    """What `token` says, if it is a good token of `project`.

    A SAT that is good counts as seen in use. A refresh token is good if presenting it now would be
    answered with a pair that is new; looking does not spend it.
    """
    opened = open_either(mint, token)
    if opened is None or opened.claims.prj != project:
        return INACTIVE
    typ = TokenType.SAT
    try:
        await holder_of(mint, token)
    except Unauthorized:
        if not await _is_live_refresh_token(mint, token):
            return INACTIVE
        typ = TokenType.REFRESH
    claims = opened.claims
    return Introspection(
        active=True,
        scope=" ".join(claims.scope),
        token_type=typ,
        iss=claims.iss,
        sub=claims.sub,
        jti=claims.jti,
        iat=claims.iat,
        exp=claims.exp,
        cnf=claims.cnf,
        session_id=claims.sid,
        generation=claims.gen,
        kind=claims.kind,
        application_id=claims.app,
        allowed_addresses=claims.addr,
    )


def open_either(mint: Mint, token: str) -> Opened | None:
    """A token of ours of whichever type, expired or not; None where it is none."""
    for typ in TokenType:
        try:
            return mint.safe.open(token, typ)
        except CannotOpen:
            continue
    return None


async def _is_live_refresh_token(mint: Mint, token: str) -> bool:
    try:
        claims = mint.safe.open(token, TokenType.REFRESH).claims
    except CannotOpen:
        return False
    now = mint.clock.now()
    if expired(claims.exp, now):
        return False
    standing: SessionStanding | None = await mint.store.sessions.standing(claims.prj, claims.sid)
    return (
        standing is not None
        and standing.session.revoked_at is None
        and standing.subscriber_epoch == claims.epo
        and standing.session.head.generation == claims.gen
        and standing.session.head.accounts_for(claims.gen, claims.jkt)
        and not out_of_time(standing.session.deadline, now)
    )
