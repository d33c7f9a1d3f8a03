"""A provider for subscribers, for backends with an API token."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final, TypedDict, Unpack

from satmint_sdk._ambient import SYSTEM_CLOCK, Clock
from satmint_sdk.credentials._credential import AuthenticateContext, Credential
from satmint_sdk.credentials._waiting import within
from satmint_sdk.credentials.bound._devices import REFRESH_SCOPE
from satmint_sdk.credentials.errors import CredentialError, StoreError, TransientRefreshError
from satmint_sdk.credentials.stores._contract import (
    MAX_LOCK_SECONDS,
    ReadableRefreshTokenStore,
    RefreshTokenStore,
    TokenRecord,
)
from satmint_sdk.credentials.stores._guard import guarded, store_errors
from satmint_sdk.credentials.stores._memory import MemoryRefreshTokenStore
from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient, SignalWireRestError
from satmint_sdk.rest._call import Call, path_of
from satmint_sdk.rest.types import SubscriberToken, TokenPair

DEFAULT_LIFE: Final = 7200
UNBOUND_SELF_REFRESH_LIFE: Final = 60
"""Maximum lifetime in seconds of a SAT with `sat:refresh` that is not bound to a key."""
_TIMEOUT: Final = 10.0
_DEFINITIVE: Final = frozenset({404, 422})
_FRESH_SHARE: Final = 0.3
_REVOKE: Final = path_of("api", "satmint", "tokens", "revoke")
_CANNOT_REVOKE: Final = frozenset({401, 403, 404, 405})


class SubscriberMembers(TypedDict, total=False):
    """Optional members of a sign-in, as in `create_subscriber_token`."""

    application_id: str
    password: str
    first_name: str
    last_name: str
    display_name: str
    job_title: str
    time_zone: str
    country: str
    region: str
    company_name: str
    scope: str


class SubscriberCredentialProvider:
    """Signs a subscriber in once, and then rotates the refresh token.

    A new refresh token is stored **before** the access token of its pair is returned, so that after
    a crash at any moment a valid one is stored: the new one, or the old one, which the server
    replays as long as the new one was not used. A response that was lost or could not be stored is
    requested again with the same refresh token. Its pair may be as old as the first attempt, so the
    time of the attempt is stored before it begins.

    Any number of providers, in any number of processes, may share one store: the second one to get
    the lock finds a fresh credential there and adopts it.

    Args:
        client: A client of either kind; the caller closes it. Its `timeout` applies to every
            attempt, 10 s if it has none; its `retries` do not apply, since the session retries.
        reference: The subscriber's reference.
        store: The refresh token store; in memory if absent.
        lifetime: Lifetime of the first access token in seconds; 7200 if absent.
        refreshed_lifetime: Lifetime of a refreshed access token in seconds: 7200, unless the server
            is configured with less.
        bind: Whether to bind tokens to the session's key. Sessions that share a store must then
            share the key.
        sign_in_again: Whether `refresh` may sign in again when the refresh token has expired.
            Otherwise the session fails then.
        clock: The source of time.
        members: Further members of the sign-in.
    """

    def __init__(
        self,
        client: RestClient | AsyncRestClient,
        *,
        reference: str,
        store: RefreshTokenStore | None = None,
        lifetime: int | None = None,
        refreshed_lifetime: int = DEFAULT_LIFE,
        bind: bool = False,
        sign_in_again: bool = False,
        clock: Clock = SYSTEM_CLOCK,
        **members: Unpack[SubscriberMembers],
    ) -> None:
        self._client = client
        self._reference = reference
        self._store = MemoryRefreshTokenStore(clock=clock) if store is None else store
        self._lifetime = lifetime
        self._refreshed_lifetime = refreshed_lifetime
        self._bind = bind
        self._sign_in_again = sign_in_again
        self._clock = clock
        self._members = members
        given = client.request_options
        timeout = None if given is None else given.timeout
        self._attempt = RequestOptions(timeout=timeout or _TIMEOUT, retries=0)
        self._fingerprint: str | None = None
        self._handed_out: TokenRecord | None = None
        # A record that could not be stored, and the refresh token that was spent for it.
        self._unsaved: tuple[str | None, TokenRecord] | None = None

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        """Adopt another process's credential, refresh the stored one, or sign in.

        The first possible one is done. A credential that this provider itself has returned is not
        returned again: a caller that authenticates a second time needs another one.

        Args:
            context: The key to bind to; used if `bind` is set.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: There was no response; retry.
            StoreLocked: Another process holds the lock for too long; retry.
            StoreError: The store's content is unreadable.
            StoreUnavailable: The store failed otherwise; retry.
            OSError: The store cannot be read or written; retry.
        """
        self._fingerprint = context.fingerprint if context is not None and self._bind else None
        return await within(self._clock, MAX_LOCK_SECONDS, self._authenticate())

    async def _authenticate(self) -> Credential:
        async with self._lock_unless(self._is_adoptable) as adopted:
            if adopted is not None:
                return self._hand_out(adopted)
            record = await self._load()
            if record is None or not self._is_ours(record):
                record = await self._sign_in(record)
            elif not self._is_adoptable(record):
                try:
                    record = await self._rotate(record)
                except SignalWireRestError as refused:
                    if refused.status_code not in _DEFINITIVE:
                        raise
                    record = await self._sign_in(record)
            return self._hand_out(record)

    async def refresh(self) -> Credential:
        """Rotate the refresh token, unless another process has done so since.

        Raises:
            CredentialError: There is nothing to refresh: authenticate first.
            SignalWireRestError: The server refused; 401, 404 and 422 are permanent.
            SignalWireRestTransportError: There was no response; retry.
            StoreLocked: Another process holds the lock for too long; retry.
            StoreError: The store's content is unreadable, or belongs to another subscriber or key.
            StoreUnavailable: The store failed otherwise; retry.
            OSError: The store cannot be read or written; retry.
        """
        return await within(self._clock, MAX_LOCK_SECONDS, self._rotate_or_adopt())

    async def _rotate_or_adopt(self) -> Credential:
        async with self._lock_unless(self._is_newer) as adopted:
            if adopted is not None:
                return self._hand_out(adopted)
            record = await self._load()
            if record is None:
                raise CredentialError("there is no refresh token in the store: authenticate first")
            if not self._is_ours(record):
                raise StoreError("the store holds tokens of another subscriber, or for another key")
            if not self._is_newer(record):
                try:
                    record = await self._rotate(record)
                except SignalWireRestError as refused:
                    if not (self._sign_in_again and refused.code == "token_expired"):
                        raise
                    record = await self._sign_in(record)
            return self._hand_out(record)

    async def revoke(self) -> bool:
        """Revoke the session of the stored refresh token, and delete the record.

        It takes an API token of the scope management, and a satmint server.

        Returns:
            Whether it is revoked; false if the server does not let this client revoke tokens. The
            record is deleted in both cases.

        Raises:
            SignalWireRestError: The server could not do it now.
            SignalWireRestTransportError: There was no response.
            StoreLocked: Another process holds the lock for too long.
            StoreUnavailable: The store failed.
            OSError: The store cannot be read or written.
        """
        async with self._lock_unless(lambda _: False):
            record = await self._read_store()
            if record is None or record.reference != self._reference:
                return False
            try:
                await self._revoke(record)
                revoked = True
            except SignalWireRestError as refused:
                if refused.status_code not in _CANNOT_REVOKE:
                    raise
                revoked = False
            await self._write_store(None)
        self._handed_out = self._unsaved = None
        return revoked

    @contextlib.asynccontextmanager
    async def _lock_unless(
        self, is_usable: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Take the lock, or return a usable record that another process stored."""
        store = self._store
        if isinstance(store, ReadableRefreshTokenStore):
            with store_errors():
                lock = store.lock_unless(is_usable)
            async with guarded(lock) as adopted:
                yield adopted
        else:
            with store_errors():
                plain = store.lock()
            async with guarded(plain):
                yield None

    async def _read_store(self) -> TokenRecord | None:
        with store_errors():
            return await self._store.load()

    async def _write_store(self, record: TokenRecord | None) -> None:
        with store_errors():
            await self._store.save(record)

    async def _load(self) -> TokenRecord | None:
        """Read the store; saves a record first that could not be saved before."""
        record = await self._read_store()
        if self._unsaved is not None:
            spent, fresh = self._unsaved
            if spent == (None if record is None else record.refresh_token):
                await self._write_store(fresh)
                record = fresh
            self._unsaved = None  # saved now, or superseded by another process
        return record

    async def _save(self, spent: TokenRecord | None, fresh: TokenRecord) -> TokenRecord:
        self._unsaved = (None if spent is None else spent.refresh_token, fresh)
        await self._write_store(fresh)
        self._unsaved = None
        return fresh

    async def _sign_in(self, replaced: TokenRecord | None) -> TokenRecord:
        started = self._clock.now()
        offset = self._client.clock_offset or 0.0
        expire_at = None
        if self._lifetime is not None:
            expire_at = math.ceil(started.wall + offset + self._lifetime)
        answer, life = await self._create(expire_at), float(DEFAULT_LIFE)
        if expire_at is not None:
            # `Date` counts whole seconds, so the server may be up to one further than it says.
            measured = self._client.clock_offset
            ends = expire_at - (0.0 if measured is None else measured + 1.0)
            life = ends - started.wall
        return await self._save(replaced, self._record(answer, started.wall, life))

    async def _rotate(self, record: TokenRecord) -> TokenRecord:
        try:
            return await self._exchange(record)
        except SignalWireRestError as refused:
            if refused.status_code not in _DEFINITIVE:
                raise
            # A store that is shared without a working lock (a network file system) may have a newer
            # token now: check once before concluding that the session has ended.
            newer = await self._read_store()
            if newer is None or not self._is_ours(newer):
                raise
            if newer.refresh_token == record.refresh_token:
                raise
            return newer if self._is_newer(newer) else await self._exchange(newer)

    async def _exchange(self, record: TokenRecord) -> TokenRecord:
        """Exchange a refresh token; stores the time of the attempt first.

        After an earlier attempt, the server may have rotated already and now replays that pair,
        which is as old as that attempt. A pair that is too old is exchanged again.
        """
        now = self._clock.now().wall
        tried_at = record.tried_at
        if tried_at is None:
            await self._write_store(replace(record, tried_at=int(now * 1000)))
        began = now if tried_at is None else min(now, tried_at / 1000)
        fresh = self._record(await self._refresh(record), began, self._refreshed_lifetime)
        fresh = await self._save(record, fresh)
        if tried_at is None or self._is_fresh(fresh):
            return fresh
        return await self._exchange(fresh)

    async def _create(self, expire_at: int | None) -> SubscriberToken:
        client = self._client
        if isinstance(client, AsyncRestClient):
            return await client.fabric.tokens.create_subscriber_token(
                reference=self._reference,
                expire_at=expire_at,
                fingerprint=self._fingerprint,
                request_options=self._attempt,
                **self._members,
            )
        return await asyncio.to_thread(
            lambda: client.fabric.tokens.create_subscriber_token(
                reference=self._reference,
                expire_at=expire_at,
                fingerprint=self._fingerprint,
                request_options=self._attempt,
                **self._members,
            )
        )

    async def _refresh(self, record: TokenRecord) -> TokenPair:
        client = self._client
        if isinstance(client, AsyncRestClient):
            return await client.fabric.tokens.refresh_subscriber_token(
                refresh_token=record.refresh_token, request_options=self._attempt
            )
        return await asyncio.to_thread(
            lambda: client.fabric.tokens.refresh_subscriber_token(
                refresh_token=record.refresh_token, request_options=self._attempt
            )
        )

    async def _revoke(self, record: TokenRecord) -> None:
        call: Call[object] = Call(
            "POST", _REVOKE, body={"token": record.refresh_token}, options=self._attempt
        )
        client = self._client
        if isinstance(client, AsyncRestClient):
            await client._driver.run(call)
        else:
            await asyncio.to_thread(client._driver.run, call)

    def _record(self, pair: TokenPair, began: float, life: float) -> TokenRecord:
        if self._fingerprint is None and self._members.get("scope") == REFRESH_SCOPE:
            life = min(life, UNBOUND_SELF_REFRESH_LIFE)
        token, refresh_token = pair.get("token"), pair.get("refresh_token")
        if not token or not refresh_token:
            raise TransientRefreshError("the response contains no token pair")
        return TokenRecord(
            token=token,
            refresh_token=refresh_token,
            issued_at=int(began * 1000),
            expiry_at=int((began + life) * 1000),
            reference=self._reference,
            fingerprint=self._fingerprint,
        )

    def _is_ours(self, record: TokenRecord) -> bool:
        """Whether these are tokens of this subscriber and key.

        A path that two subscribers share by mistake must not mix up their identities.
        """
        return (record.reference, record.fingerprint) == (self._reference, self._fingerprint)

    def _was_handed_out(self, record: TokenRecord) -> bool:
        last = self._handed_out
        return last is not None and record.refresh_token == last.refresh_token

    def _is_adoptable(self, record: TokenRecord) -> bool:
        """Whether this record can be used instead of a new pair."""
        is_new = not self._was_handed_out(record)
        return is_new and self._is_ours(record) and self._is_fresh(record)

    def _is_newer(self, record: TokenRecord) -> bool:
        """Whether another process has refreshed since, so that nothing is left to do."""
        last = self._handed_out
        if last is None:
            return False
        return record.expiry_at > last.expiry_at and self._is_adoptable(record)

    def _is_fresh(self, record: TokenRecord) -> bool:
        """Whether the access token's remaining life is above the earliest soft threshold."""
        now = self._clock.now().wall * 1000
        life = record.expiry_at - record.issued_at
        return record.issued_at <= now and record.expiry_at - now > life * _FRESH_SHARE

    def _hand_out(self, record: TokenRecord) -> Credential:
        self._handed_out = record
        scope = self._members.get("scope", "")
        return Credential(token=record.token, expiry_at=record.expiry_at, scope=scope)

    def __repr__(self) -> str:
        return f"<SubscriberCredentialProvider on {self._client!r}>"
