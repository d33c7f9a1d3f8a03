"""Introspection (RFC 7662): whether a token is active, and what its claims are.

An answer also says what the token depends on. A cache of answers drops those that depend on
something that the feed of revocations names (`satmint.flows.revocation_hub`).
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from satmint.flows.callers import (
    mark_used,
    named_addresses,
    refresh_token_ref,
    subscriber_caller_of_opened,
)
from satmint.flows.service_context import ServiceContext
from satmint.jose import CannotOpen, OpenedToken, key_id
from satmint.jose.token_cipher import TokenCipher
from satmint.model.claims import Claims, Confirmation, Kind, TokenType
from satmint.model.lifetimes import expired
from satmint.model.records import Address, StoredSession
from satmint.model.refusals import Unauthorized
from satmint.model.rotation import RotationDecision, decide_rotation

MAX_TOKENS: Final = 100
"""Tokens of one request."""


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
    """The addresses that the token names and that were not deleted."""
    project_id: UUID | None = None
    epoch: int | None = None
    """The subscriber's revocation epoch at issue."""
    project_epoch: int | None = None
    """The project's revocation epoch when the session was opened."""
    depends_on: tuple[str, ...] | None = None
    """The ids that end the token if the feed of revocations names one of them: session, subscriber,
    project, addresses with their owners, the inviting session with its subscriber, and `key:` with
    the id of the master key."""


class IntrospectionBatch(msgspec.Struct, frozen=True):
    """The answers for several tokens."""

    tokens: Sequence[Introspection]
    """One for each token of the request, in its order."""


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
        state = await _active_sat(services, opened, token)
    else:
        state = await _active_refresh_token(services, opened.claims)
    if state is None:
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
        allowed_addresses=_allowed_addresses(claims, state),
        project_id=claims.prj,
        epoch=claims.epo,
        project_epoch=state.found.project_epoch,
        depends_on=tuple(dict.fromkeys(_dependencies(token, claims, state))),
    )


async def introspect_many(
    services: ServiceContext, project: UUID, tokens: Sequence[str]
) -> IntrospectionBatch:
    """The claims of each of `tokens`, as by `introspect`.

    The sessions are read together: with PostgreSQL in one statement. A text that is no token of
    this deployment and project costs no read.
    """
    found = await asyncio.gather(*(introspect(services, project, token) for token in tokens))
    return IntrospectionBatch(found)


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


class _ActiveToken(NamedTuple):
    """What an active token was found to depend on."""

    found: StoredSession
    addresses: Sequence[Address]
    """Those that the token names and that exist."""


async def _active_sat(
    services: ServiceContext, opened: OpenedToken, token: str
) -> _ActiveToken | None:
    """The state of a SAT, which is marked as used. None: it is not active."""
    try:
        caller = await subscriber_caller_of_opened(services, opened, token)
    except Unauthorized:
        return None
    mark_used(services, caller)
    return _ActiveToken(caller.stored, caller.addresses or ())


async def _active_refresh_token(services: ServiceContext, claims: Claims) -> _ActiveToken | None:
    """The state of a refresh token with which a refresh would rotate. None: it is another one."""
    now = services.clock.now()
    if expired(claims.exp, now):
        return None
    try:
        addresses = await named_addresses(services.store, claims.prj, claims.addr)
    except Unauthorized:
        return None
    found = await services.store.sessions.get(claims.prj, claims.sid)
    state = None if found is None else found.state
    ref = refresh_token_ref(claims)
    decision = decide_rotation(state, ref, now, services.policy.replay_seconds)
    if found is None or decision is not RotationDecision.ROTATE:
        return None
    return _ActiveToken(found, addresses or ())


def _allowed_addresses(claims: Claims, state: _ActiveToken) -> tuple[UUID, ...] | None:
    """The addresses that a token is good for; None: it is not limited to any."""
    if claims.addr is None:
        return None
    found = {one.id for one in state.addresses}
    return tuple(one for one in claims.addr if one in found)


def _dependencies(token: str, claims: Claims, state: _ActiveToken) -> Iterable[str]:
    """What ends a token if the feed of revocations names it."""
    yield from map(str, (claims.sid, claims.sub, claims.prj))
    yield from map(str, claims.addr or ())
    # With a subscriber, its addresses are deleted.
    yield from (str(one.subscriber) for one in state.addresses if one.subscriber is not None)
    inviter = state.found.session.inviter
    if inviter is not None:
        yield from (str(inviter.session), str(inviter.subscriber))
    yield f"key:{key_id(token)}"
