"""Authentication of callers: a backend with an API token, or a subscriber with a SAT."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

import msgspec

from satmint.flows.service_context import ServiceContext
from satmint.jose.token_cipher import CannotOpen, OpenedToken
from satmint.model.claims import Claims, TokenType
from satmint.model.ids import as_uuid
from satmint.model.lifetimes import expired
from satmint.model.permissions import Permission
from satmint.model.records import Address, ApiTokenUse, Session, StoredSession
from satmint.model.refusals import StoreUnavailable, Unauthorized
from satmint.model.rotation import Cause, RefreshTokenRef, is_concurrent
from satmint.model.secrets import HidesFields, digest, mask
from satmint.store.contract import Store

_MAX_CACHED_CALLERS: Final = 10_000
_HOUR: Final = 3600
_BEARER: Final = frozenset({b"bearer"})
_BEARER_OR_DPOP: Final = frozenset({b"bearer", b"dpop"})


class ApiTokenCaller(msgspec.Struct, frozen=True):
    """A backend that is authenticated by an API token."""

    project: UUID
    api_token: UUID
    permissions: frozenset[Permission]

    @property
    def rate_limit_key(self) -> UUID:
        """The key under which the caller's rate limit is counted."""
        return self.project


class SubscriberCaller(HidesFields, msgspec.Struct, frozen=True):
    """A subscriber, permanent or temporary, that is authenticated by an active SAT."""

    claims: Claims
    stored: StoredSession
    """The session as it was read."""
    ch: str | None
    """The cluster host in the SAT's header."""
    token: str
    """The text of the SAT."""
    addresses: Sequence[Address] | None = None
    """The addresses that the SAT names and that still exist, at least one; None: it names none."""

    @property
    def session(self) -> Session:
        """The session of the SAT."""
        return self.stored.session

    @property
    def rate_limit_key(self) -> UUID:
        """The key under which the caller's rate limit is counted."""
        return self.claims.sid

    @property
    def project(self) -> UUID:
        """The project of the SAT."""
        return self.claims.prj


class CallerAuthenticator:
    """Authenticates callers by the `Authorization` header.

    A valid API token is cached until the clock's current second ends, so a busy backend costs one
    look-up per second. If a token is deleted, this process evicts it at once; other processes stop
    accepting it within that second. The cache key is a hash of the header.
    """

    def __init__(self, services: ServiceContext) -> None:
        self._services = services
        self._cache: OrderedDict[bytes, tuple[int, ApiTokenCaller]] = OrderedDict()

    async def authenticate_api_token(
        self, authorization: bytes, permissions: frozenset[Permission], address: str
    ) -> ApiTokenCaller:
        """Authenticate a backend by an `Authorization: Basic` header (RFC 7617).

        Args:
            authorization: The value of the header; empty if the header is missing.
            permissions: The backend must have at least one of these.
            address: The client's IP address, under which failures are counted.

        Raises:
            Unauthorized: the credentials are missing, wrong or insufficient.
            RateLimited: the credentials are wrong, and the address exceeds the limit of failures.
        """
        caller = self.cached(authorization)
        if caller is None:
            caller = await self._load_caller(authorization, address)
        if caller.permissions.isdisjoint(permissions):
            raise Unauthorized("permission_missing")
        return caller

    def cached(self, authorization: bytes) -> ApiTokenCaller | None:
        """The backend of this header, if it was authenticated in the same second.

        By the monotonic clock: a second of the other one may come again.

        Does not check permissions.
        """
        known = self._cache.get(sha256(authorization).digest())
        return known[1] if known is not None and known[0] == self._second() else None

    def evict(self, project: UUID) -> None:
        """Remove the callers of `project` from the cache."""
        stale = [key for key, (_, caller) in self._cache.items() if caller.project == project]
        for key in stale:
            del self._cache[key]

    async def authenticate_subscriber_token(
        self, authorization: bytes, address: str
    ) -> SubscriberCaller:
        """Authenticate a subscriber by an `Authorization: Bearer` header (RFC 6750, section 2.1).

        Does not check the scope, the addresses, or possession of a key.

        Raises:
            Unauthorized: the header has no active SAT of this deployment.
            RateLimited: likewise, and the address exceeds the limit of failures.
        """
        try:
            return await subscriber_caller(self._services, _token(authorization, _BEARER))
        except Unauthorized:
            if authorization:  # a request without credentials is not a failed attempt
                self._services.limits.count_failure(address)
            raise

    async def authenticate_bound_token(
        self, authorization: bytes, address: str, slack: int = 0
    ) -> SubscriberCaller:
        """Authenticate a subscriber by a SAT that is presented with a proof of possession.

        The scheme may also be `DPoP` (RFC 9449, section 7.1). Does not check the scope or the
        proof. Does not mark the SAT as used: the proof has to be checked first.

        Args:
            authorization: The value of the header; empty if the header is missing.
            address: The client's IP address, under which failures are counted.
            slack: Seconds after its expiry for which a SAT that is bound to a key is accepted.

        Raises:
            Unauthorized: the header has no active SAT of this deployment.
            RateLimited: likewise, and the address exceeds the limit of failures.
        """
        try:
            return await active_subscriber_caller(
                self._services, _token(authorization, _BEARER_OR_DPOP), slack
            )
        except Unauthorized:
            if authorization:
                self._services.limits.count_failure(address)
            raise

    def _second(self) -> int:
        return int(self._services.clock.monotonic())

    async def _load_caller(self, authorization: bytes, address: str) -> ApiTokenCaller:
        key, second = sha256(authorization).digest(), self._second()
        credentials = _basic_credentials(authorization)
        projects, token = self._services.store.projects, None
        if credentials is not None:
            secret = digest(credentials.secret)
            token = await projects.api_token_by_digest(credentials.project, secret)
            if token is not None and not compare_digest(token.digest, secret):
                token = None
        if token is None or credentials is None:
            self._cache.pop(key, None)
            if authorization:
                self._services.limits.count_failure(address)
            raise Unauthorized("bad_credentials" if authorization else "no_credentials")
        hour = self._services.clock.now() // _HOUR * _HOUR
        if token.mask is None or token.last_used_at is None or token.last_used_at < hour:
            use = ApiTokenUse(token.project, token.id, hour, mask(credentials.secret))
            projects.record_api_token_use(use)
        if token.unused:
            # Before the request is served: a used token must not be shown again. It is not refused
            # where the database cannot be written: then the record of the use marks it, later.
            with suppress(StoreUnavailable):
                await self._services.store.projects.mark_api_token_used(token.project, token.id)
        caller = ApiTokenCaller(token.project, token.id, token.permissions)
        self._cache[key] = second, caller
        if len(self._cache) > _MAX_CACHED_CALLERS:
            self._cache.popitem(last=False)
        return caller


async def subscriber_caller(services: ServiceContext, token: str) -> SubscriberCaller:
    """Authenticate a subscriber by a SAT, and mark the SAT as used.

    The SAT must decrypt, must not be expired, and its session must be active with the same epoch.
    If it names addresses, one of them must exist.
    A SAT of any generation is valid until its `exp`: a rotation spends only the refresh token.

    Raises:
        Unauthorized: the SAT is not active.
    """
    caller = await active_subscriber_caller(services, token)
    mark_used(services, caller)
    return caller


async def active_subscriber_caller(
    services: ServiceContext, token: str, slack: int = 0
) -> SubscriberCaller:
    """Authenticate a subscriber by a SAT, without marking the SAT as used.

    Args:
        services: The context of this process.
        token: The SAT.
        slack: Seconds after its expiry for which a SAT that is bound to a key is accepted. Pass it
            only if the caller must then prove possession of that key.

    Raises:
        Unauthorized: the SAT is not active.
    """
    try:
        opened = services.cipher.open(token, TokenType.SAT)
    except CannotOpen as error:
        raise Unauthorized("cannot_open") from error
    return await subscriber_caller_of_opened(services, opened, token, slack)


async def subscriber_caller_of_opened(
    services: ServiceContext, opened: OpenedToken, token: str, slack: int = 0
) -> SubscriberCaller:
    """Authenticate a subscriber by a decrypted SAT, without marking the SAT as used.

    Args:
        services: The context of this process.
        opened: The decrypted SAT.
        token: The text of the SAT.
        slack: See `active_subscriber_caller`.

    Raises:
        Unauthorized: the SAT is not active.
    """
    claims, ch = opened
    now = services.clock.now()
    if expired(claims.exp, now) and (slack == 0 or claims.cnf is None or now - claims.exp > slack):
        raise Unauthorized("expired")
    found = await services.store.sessions.get(claims.prj, claims.sid)
    if found is None:
        raise Unauthorized(Cause.UNKNOWN_SESSION)
    cause = found.state.refusal_of(claims.epo, claims.gen, claims.jkt)
    if cause is not None:
        # Metrics and logs have one cause for every way in which a session was revoked.
        raise Unauthorized(cause if cause is Cause.AHEAD_OF_HEAD else Cause.REVOKED)
    addresses = await named_addresses(services.store, claims.prj, claims.addr)
    return SubscriberCaller(claims, found, ch, token, addresses)


async def named_addresses(
    store: Store, project: UUID, named: Sequence[UUID] | None
) -> Sequence[Address] | None:
    """The addresses that a token names and that still exist.

    A guest, invite or embed token ends when the last of its addresses is deleted: their ids are
    never used again. Every acceptance of such a token looks them up, so that a deletion costs the
    same however many tokens there are.

    Args:
        store: The store.
        project: The project of the token.
        named: The ids of the addresses. None: the token is not limited to any.

    Raises:
        Unauthorized: the token names addresses, and all of them were deleted.
    """
    if named is None:
        return None
    found = await store.addresses.get_many(project, named)
    if not found:
        raise Unauthorized("addresses_deleted")
    return found


def mark_used(services: ServiceContext, caller: SubscriberCaller) -> None:
    """Record that a SAT of the head was accepted.

    The record shows that the client received the pair. Without it, a repeated refresh is answered
    with the same pair, because the response may have been lost; with it, a repeat is reuse, except
    in the first seconds after the rotation. A use after those seconds is recorded once more: then
    a clock that goes back does not return them.
    """
    claims, session, now = caller.claims, caller.session, services.clock.now()
    head = session.head
    if claims.gen != head.generation:
        return
    has_parent = head.generation > 0
    is_late = has_parent and not is_concurrent(now - head.since)
    if session.seen_generation < claims.gen or (
        is_late and session.seen_late_generation < claims.gen
    ):
        ref = RefreshTokenRef(claims.prj, claims.sid, claims.gen, claims.epo)
        services.store.sessions.mark_seen(ref, now)


def refresh_token_ref(claims: Claims) -> RefreshTokenRef:
    """The claims of a token that the rules of rotation need."""
    return RefreshTokenRef(claims.prj, claims.sid, claims.gen, claims.epo, claims.jkt, claims.exp)


class _BasicCredentials(HidesFields, msgspec.Struct, frozen=True):
    shown = ("project",)

    project: UUID
    secret: str
    """The text of an API token, if it is one."""


def _basic_credentials(authorization: bytes) -> _BasicCredentials | None:
    """The project and the text of the API token. None: the header is not valid Basic."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (Base64Error, ValueError):
        return None
    project = as_uuid(user)
    return _BasicCredentials(project, password) if colon and project is not None else None


def _token(authorization: bytes, schemes: frozenset[bytes]) -> str:
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() not in schemes:
        raise Unauthorized("no_credentials")
    return token.strip().decode("latin-1")
