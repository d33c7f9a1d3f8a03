"""Issue: the first tokens of a session, for subscribers, guests, invitees and visitors."""

from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from satmint.flows.callers import Caller, Holder
from satmint.flows.mint import Mint, Pair
from satmint.flows.opening import expiry, first_claims, new_session, open_temporary
from satmint.flows.passwords import hash_password
from satmint.model.allowance import network_of
from satmint.model.claims import SELF_REFRESH, Kind
from satmint.model.events import EventKind, Origin
from satmint.model.lifetimes import (
    ACCESS_SECONDS,
    UNBOUND_SELF_REFRESH_SECONDS,
)
from satmint.model.naming import is_email
from satmint.model.refusals import Code, Fault, Forbidden, NotFound, RateLimited, Unprocessable
from satmint.model.rotation import Head
from satmint.model.secrets import C2C_PREFIX, digest, is_c2c_token
from satmint.store.contract import NewSubscriber, NotUnique, SubscriberChange


@dataclass(frozen=True, slots=True)
class SubscriberTokenRequest:
    """What a backend asks for when one of its users signs in (seed 2)."""

    reference: str
    expire_at: int | None = None
    application_id: UUID | None = None
    password: str | None = field(default=None, repr=False)
    fields: dict[str, str | None] = field(default_factory=dict)
    """Profile fields to set."""
    region: str | None = None
    fingerprint: str | None = None
    """RFC 7638 thumbprint of the key to bind to."""
    self_refresh: bool = False
    """Scope `sat:refresh`."""


@dataclass(frozen=True, slots=True)
class GuestTokenRequest:
    """What a backend asks for on behalf of a guest (seed 3)."""

    addresses: tuple[UUID, ...]
    expire_at: int | None = None
    cluster_host: str | None = None


class SubscriberTokens(msgspec.Struct, frozen=True):
    """The answer to a subscriber's sign-in (seed 2)."""

    subscriber_id: UUID
    token: str
    refresh_token: str

    def __repr__(self) -> str:
        return f"SubscriberTokens({self.subscriber_id}, hidden)"


async def subscriber_tokens(
    mint: Mint, caller: Caller, request: SubscriberTokenRequest, origin: Origin
) -> SubscriberTokens:
    """Open a session for the subscriber named by `reference`, creating the subscriber if need be.

    Raises:
        Unprocessable: the lifetime asked for is past or too long, or the reference is the e-mail
            address of another subscriber.
    """
    now = mint.clock.now()
    expires_at = expiry(mint, "expire_at", request.expire_at, now)
    if request.self_refresh and request.fingerprint is None:
        expires_at = min(expires_at, now + UNBOUND_SELF_REFRESH_SECONDS)
    session = new_session(mint, expires_at, now, request.fingerprint)
    password_hash = await hash_password(request.password) if request.password else None
    fields = dict(request.fields)
    if request.region is not None:
        fields["region"] = request.region
    try:
        opened = await mint.store.sessions.open_for_reference(
            caller.project,
            NewSubscriber(
                id=mint.new_id(),
                address_id=mint.new_id(),
                reference=request.reference,
                email=request.reference if is_email(request.reference) else None,
            ),
            SubscriberChange(fields, password_hash),
            session,
            now,
            mint.event(
                EventKind.ISSUED, caller.project, origin, now, session=session.id, generation=0
            ),
        )
    except NotUnique as taken:
        raise Unprocessable(not_unique(taken.attribute)) from taken
    claims = first_claims(
        mint,
        caller.project,
        opened,
        session,
        now,
        kind=Kind.SUBSCRIBER,
        scope=(SELF_REFRESH,) if request.self_refresh else (),
        app=request.application_id,
    )
    pair = mint.pair(
        claims,
        Head(0, now, session.expires_at, session.jkt),
        mint.policy.cluster_host_of(request.region),
        now,
    )
    return SubscriberTokens(opened.subscriber, pair.token, pair.refresh_token)


async def guest_tokens(
    mint: Mint, caller: Caller, request: GuestTokenRequest, origin: Origin
) -> Pair:
    """Open a session for a new guest who may reach some addresses of the project.

    Raises:
        Unprocessable: the lifetime is past or too long, or an address is not of this project.
    """
    now = mint.clock.now()
    expires_at = expiry(mint, "expire_at", request.expire_at, now)
    _settle(await address_faults(mint, caller, request.addresses))
    session = new_session(mint, expires_at, now)
    claims = await open_temporary(
        mint, caller.project, Kind.GUEST, session, request.addresses, now, origin
    )
    return mint.pair(claims, Head(0, now, session.expires_at), request.cluster_host, now)


async def invite_token(
    mint: Mint, inviter: Caller | Holder, address_id: UUID, asked_expiry: int | None, origin: Origin
) -> str:
    """A SAT for one invitee, good for one address.

    Args:
        mint: The tools.
        inviter: A subscriber, who can give out its own addresses; or a backend, which can give out
            those of any subscriber of its project, as the vendor's Python SDK does.
        address_id: Where the invitee may go.
        asked_expiry: Unix seconds, or None for the usual life.
        origin: Where the call comes from.

    Raises:
        Forbidden: the holder is no subscriber.
        Unprocessable: the lifetime is past or too long, or the address cannot be given out.
    """
    if isinstance(inviter, Holder) and inviter.claims.kind is not Kind.SUBSCRIBER:
        raise Forbidden("not_a_subscriber")
    now = mint.clock.now()
    expires_at = expiry(mint, "expires_at", asked_expiry, now)
    _settle(await invitation_faults(mint, inviter, address_id))
    session = new_session(mint, expires_at, now)
    project = inviter.project
    who = inviter.claims.sub if isinstance(inviter, Holder) else None
    claims = await open_temporary(
        mint, project, Kind.INVITE, session, (address_id,), now, origin, who
    )
    return mint.access_token(claims, mint.policy.cluster_host, now)


async def embed_token(mint: Mint, c2c_token: str, web_origin: str | None, origin: Origin) -> str:
    """A SAT for a visitor of a page that carries a Click-to-Call token.

    Args:
        mint: The tools.
        c2c_token: What the page carries. Public by nature.
        web_origin: The `Origin` header of the request, if there is one (RFC 6454, section 7).
        origin: Where the call comes from.

    Raises:
        Unprocessable: it does not begin like a Click-to-Call token.
        NotFound: there is no such token, or its address was deleted.
        Forbidden: it is disabled, or not for this web origin.
        RateLimited: too many exchanges of this token from this address lately.
    """
    _settle(c2c_faults(c2c_token))
    now = mint.clock.now()
    secret = digest(c2c_token)
    known = None
    if is_c2c_token(c2c_token):
        known = await mint.store.projects.c2c_token_by_digest(secret)
    if known is None:
        # Counted otherwise: invented tokens must not push real ones out of what is remembered.
        mint.count_failure(origin.address)
        raise NotFound("unknown_c2c_token")
    retry_after = mint.embed_allowance.take(f"{secret.hex()} {network_of(origin.address)}", now)
    if retry_after is not None:
        raise RateLimited(retry_after, "embeds")
    if await mint.store.addresses.get(known.project, known.address) is None:
        raise NotFound("address_gone")
    if known.disabled_at is not None:
        raise Forbidden("disabled")
    if known.origins and web_origin not in known.origins:
        raise Forbidden("origin")
    session = new_session(mint, now + ACCESS_SECONDS, now)
    claims = await open_temporary(
        mint, known.project, Kind.EMBED, session, (known.address,), now, origin, known.id
    )
    return mint.access_token(claims, mint.policy.cluster_host, now)


async def address_faults(mint: Mint, caller: Caller, addresses: tuple[UUID, ...]) -> list[Fault]:
    """What is wrong with the addresses that a guest is to reach."""
    known = await mint.store.addresses.these(caller.project, addresses)
    if {address.id for address in known}.issuperset(addresses):
        return []
    message = "The addresses must belong to the project"
    return [Fault(Code.MUST_BELONG_TO_PROJECT, message, "allowed_addresses")]


async def invitation_faults(mint: Mint, inviter: Caller | Holder, address_id: UUID) -> list[Fault]:
    """What is wrong with the address that an invitee is to reach."""
    address = await mint.store.addresses.get(inviter.project, address_id)
    if address is None:
        message = "The address must belong to the project"
        return [Fault(Code.MUST_BELONG_TO_PROJECT, message, "address_id")]
    if isinstance(inviter, Holder):
        may_give_out = address.subscriber == inviter.claims.sub
    else:
        may_give_out = address.subscriber is not None
    if not may_give_out:
        message = "The address must belong to the subscriber"
        return [Fault(Code.INVALID_PARAMETER, message, "address_id")]
    return []


def c2c_faults(c2c_token: str) -> list[Fault]:
    """What is wrong with the form of a Click-to-Call token, as far as callers are told."""
    if c2c_token.startswith(C2C_PREFIX):
        return []
    return [Fault(Code.TOKEN_HAS_INVALID_PREFIX, f"Token must begin with {C2C_PREFIX}", "token")]


def not_unique(attribute: str) -> Fault:
    """The fault of a value that another record of the project has already."""
    label = attribute.replace("_", " ").capitalize()
    return Fault(
        Code.NOT_UNIQUE_WITHIN_PROJECT, f"{label} must be unique within the project", attribute
    )


def _settle(faults: list[Fault]) -> None:
    if faults:
        raise Unprocessable(*faults)
