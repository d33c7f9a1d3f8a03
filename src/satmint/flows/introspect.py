"""Introspection (RFC 7662): whether a token is active, and what its claims are."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from satmint.flows.callers import (
    mark_used,
    named_addresses,
    refresh_token_ref,
    subscriber_caller_of_opened,
)
from satmint.flows.service_context import ServiceContext
from satmint.jose import CannotOpen, OpenedToken
from satmint.jose.token_cipher import TokenCipher
from satmint.model.claims import Claims, Confirmation, Kind, TokenType
from satmint.model.lifetimes import expired
from satmint.model.refusals import Unauthorized
from satmint.model.rotation import RotationDecision, decide_rotation


class Introspection(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 7662, section 2.2. For an inactive token, only `active` is present."""

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


async def introspect(services: ServiceContext, project: UUID, token: str) -> Introspection:
    """The claims of `token`, if it is an active token of `project`.

    Marks an active SAT as used. A refresh token is active if it is the head's: a refresh with it
    would rotate. Introspection does not spend it.
    """
    found = open_any_type(services.cipher, token)
    if found is None or found.opened.claims.prj != project:
        return INACTIVE
    typ, opened = found
    if typ is TokenType.SAT:
        try:
            caller = await subscriber_caller_of_opened(services, opened, token)
        except Unauthorized:
            return INACTIVE
        mark_used(services, caller)
    elif not await _is_active_refresh_token(services, opened.claims):
        return INACTIVE
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


class TypedToken(NamedTuple):
    """A decrypted token and its type."""

    typ: TokenType
    opened: OpenedToken


def open_any_type(cipher: TokenCipher, token: str) -> TypedToken | None:
    """Decrypt a SAT or a refresh token, expired or not. None: it is no token of this deployment."""
    for typ in TokenType:
        try:
            return TypedToken(typ, cipher.open(token, typ))
        except CannotOpen:
            continue
    return None


async def _is_active_refresh_token(services: ServiceContext, claims: Claims) -> bool:
    now = services.clock.now()
    if expired(claims.exp, now):
        return False
    try:
        await named_addresses(services.store, claims.prj, claims.addr)
    except Unauthorized:
        return False
    found = await services.store.sessions.get(claims.prj, claims.sid)
    state = None if found is None else found.state
    ref = refresh_token_ref(claims)
    decision = decide_rotation(state, ref, now, services.policy.replay_seconds)
    return decision is RotationDecision.ROTATE
