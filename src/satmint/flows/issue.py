"""Issue the first tokens of a session, for subscribers, guests and visitors of a page."""

from uuid import UUID

import msgspec

from satmint.flows.callers import ApiTokenCaller
from satmint.flows.new_sessions import (
    FirstIssue,
    expiry,
    first_claims,
    first_issue,
    new_session,
    open_temporary,
)
from satmint.flows.passwords import hash_password
from satmint.flows.service_context import ServiceContext
from satmint.flows.token_forms import remedy_of
from satmint.flows.token_issuer import TokenPair
from satmint.model.claims import SELF_REFRESH, Claims, Jwt, Kind
from satmint.model.events import EventKind, Origin
from satmint.model.lifetimes import (
    ACCESS_SECONDS,
    UNBOUND_SELF_REFRESH_SECONDS,
)
from satmint.model.references import is_email_reference
from satmint.model.refusals import Code, FieldError, Forbidden, NotFound, Unprocessable
from satmint.model.rotation import Head
from satmint.model.secrets import C2C_PREFIX, HidesFields, digest, is_c2c_token
from satmint.model.web_addresses import allows_origin
from satmint.store.contract import NewSubscriber, Store, SubscriberChange


class SubscriberTokenRequest(HidesFields, msgspec.Struct, frozen=True):
    """A backend's request for tokens of a subscriber that signs in (seed 2)."""

    reference: str
    expire_at: int | None = None
    application_id: UUID | None = None
    password: str | None = None
    fields: dict[str, str | None] = msgspec.field(default_factory=dict)
    """Profile fields to set."""
    region: str | None = None
    fingerprint: str | None = None
    """RFC 7638 thumbprint of the key to bind the session to."""
    self_refresh: bool = False
    """Whether the SAT has the scope `sat:refresh`."""


class GuestTokenRequest(msgspec.Struct, frozen=True):
    """A backend's request for tokens of a guest (seed 3)."""

    addresses: tuple[UUID, ...]
    expire_at: int | None = None
    cluster_host: str | None = None
    """Overrides `region`."""
    region: str | None = None


class SubscriberTokens(HidesFields, msgspec.Struct, frozen=True):
    """The subscriber and the tokens of its new session (seed 2)."""

    shown = ("subscriber_id",)

    subscriber_id: UUID
    token: Jwt
    refresh_token: Jwt


async def subscriber_tokens(
    services: ServiceContext,
    caller: ApiTokenCaller,
    request: SubscriberTokenRequest,
    origin: Origin,
) -> SubscriberTokens:
    """Open a session for the subscriber with `reference`; create the subscriber if necessary.

    A reference that is an e-mail address also becomes the e-mail address of a new subscriber,
    unless another subscriber has that one.

    Raises:
        Unprocessable: the requested expiry is in the past or too late.
    """
    now = services.clock.now()
    expires_at = expiry(services.policy, "expire_at", request.expire_at, now)
    if request.self_refresh and request.fingerprint is None:
        expires_at = min(expires_at, now + UNBOUND_SELF_REFRESH_SECONDS)
    session = new_session(services, expires_at, now, request.fingerprint)
    password_hash = await hash_password(request.password) if request.password else None
    fields = dict(request.fields)
    if request.region is not None:
        fields["region"] = request.region
    opened = await services.store.sessions.open_for_reference(
        caller.project,
        NewSubscriber(
            id=services.new_id(),
            address_id=services.new_id(),
            reference=request.reference,
            email=request.reference if is_email_reference(request.reference) else None,
        ),
        SubscriberChange(fields, password_hash),
        session,
        now,
        services.new_event(
            EventKind.ISSUED, caller.project, origin, now, session=session.id, generation=0
        ),
        services.keyed,
    )
    return _subscriber_pair(services, caller.project, request, FirstIssue(opened, session, now))


async def repeat_subscriber_tokens(
    services: ServiceContext,
    caller: ApiTokenCaller,
    request: SubscriberTokenRequest,
    session: UUID,
) -> SubscriberTokens:
    """The tokens of the session that an earlier request with the same idempotency key has opened.

    Raises:
        Unprocessable: a token of the session was used, or the session has ended.
    """
    first = await first_issue(services, caller.project, session, request.fingerprint)
    return _subscriber_pair(services, caller.project, request, first)


def _subscriber_pair(
    services: ServiceContext, project: UUID, request: SubscriberTokenRequest, first: FirstIssue
) -> SubscriberTokens:
    opened, session, since = first
    claims = first_claims(
        services.policy,
        project,
        opened,
        session,
        since,
        kind=Kind.SUBSCRIBER,
        scope=(SELF_REFRESH,) if request.self_refresh else (),
        app=request.application_id,
    )
    pair = services.issuer.seal_pair(
        claims,
        Head(0, since, session.expires_at, session.jkt),
        services.policy.cluster_host_of(request.region),
        services.clock.now(),
    )
    return SubscriberTokens(opened.subscriber, pair.token, pair.refresh_token)


async def guest_tokens(
    services: ServiceContext, caller: ApiTokenCaller, request: GuestTokenRequest, origin: Origin
) -> TokenPair:
    """Open a session for a new guest who may call some addresses of the project.

    Raises:
        Unprocessable: the requested expiry is in the past or too late, or an address does not
            belong to the project.
    """
    now = services.clock.now()
    expires_at = expiry(services.policy, "expire_at", request.expire_at, now)
    _raise_errors(await address_errors(services.store, caller, request.addresses))
    session = new_session(services, expires_at, now)
    claims = await open_temporary(
        services, caller.project, Kind.GUEST, session, request.addresses, now, origin
    )
    return _guest_pair(services, request, claims, now)


async def repeat_guest_tokens(
    services: ServiceContext, caller: ApiTokenCaller, request: GuestTokenRequest, session: UUID
) -> TokenPair:
    """The tokens of the session that an earlier request with the same idempotency key has opened.

    Raises:
        Unprocessable: a token of the session was used, or the session has ended.
    """
    first = await first_issue(services, caller.project, session)
    claims = first_claims(
        services.policy, caller.project, *first, kind=Kind.GUEST, addr=request.addresses
    )
    return _guest_pair(services, request, claims, services.clock.now())


def _guest_pair(
    services: ServiceContext, request: GuestTokenRequest, claims: Claims, now: int
) -> TokenPair:
    cluster_host = request.cluster_host or services.policy.cluster_host_of(request.region)
    return services.issuer.seal_pair(claims, Head(0, claims.iat, claims.exp), cluster_host, now)


async def embed_token(
    services: ServiceContext, c2c_token: str, web_origin: str | None, origin: Origin
) -> str:
    """Issue a SAT for a visitor of a web page with a Click-to-Call token.

    Args:
        services: The context of this process.
        c2c_token: The token in the page. It is public.
        web_origin: The `Origin` header of the request, if present (RFC 6454, section 7).
        origin: The origin of the request.

    Raises:
        Unprocessable: the token does not have the prefix of a Click-to-Call token.
        NotFound: there is no such token, or its address was deleted.
        Forbidden: the token is disabled, or this web origin may not use it.
        RateLimited: the address exceeds the limit of exchanges of this token.
    """
    _raise_errors(c2c_errors(c2c_token))
    now = services.clock.now()
    secret = digest(c2c_token)
    known = None
    if is_c2c_token(c2c_token):
        known = await services.store.projects.c2c_token_by_digest(secret)
    if known is None:
        # Not counted per token: invented tokens would evict the counters of real ones.
        services.limits.count_failure(origin.address)
        raise NotFound("unknown_c2c_token")
    services.limits.count_embed(secret, origin.address)
    if await services.store.addresses.get(known.project, known.address) is None:
        raise NotFound("address_gone")
    if known.disabled_at is not None:
        raise Forbidden("disabled")
    if not allows_origin(known.origins, web_origin):
        raise Forbidden("origin")
    expires_at = now + services.policy.token_seconds(ACCESS_SECONDS)
    session = new_session(services, expires_at, now, c2c_token=known.id)
    claims = await open_temporary(
        services, known.project, Kind.EMBED, session, (known.address,), now, origin, known.id
    )
    return services.issuer.seal_access_token(claims, services.policy.cluster_host, now)


async def address_errors(
    store: Store, caller: ApiTokenCaller, addresses: tuple[UUID, ...]
) -> list[FieldError]:
    """Errors in the addresses that a guest may call."""
    known = await store.addresses.get_many(caller.project, addresses)
    if {address.id for address in known}.issuperset(addresses):
        return []
    message = "The addresses must belong to the project"
    return [FieldError(Code.MUST_BELONG_TO_PROJECT, message, "allowed_addresses")]


def c2c_errors(c2c_token: str) -> list[FieldError]:
    """Errors in the form of a Click-to-Call token that the response reports."""
    if c2c_token.startswith(C2C_PREFIX):
        return []
    message, remedy = f"Token must begin with {C2C_PREFIX}", remedy_of(c2c_token)
    if remedy is not None:
        message += f": {remedy}"
    return [FieldError(Code.TOKEN_HAS_INVALID_PREFIX, message, "token")]


def not_unique_error(attribute: str) -> FieldError:
    """The error of a value that another record of the project already has."""
    label = attribute.replace("_", " ").capitalize()
    return FieldError(
        Code.NOT_UNIQUE_WITHIN_PROJECT, f"{label} must be unique within the project", attribute
    )


def _raise_errors(field_errors: list[FieldError]) -> None:
    if field_errors:
        raise Unprocessable(*field_errors)
