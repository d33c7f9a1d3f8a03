"""A subscriber's session, held by a backend that owns an API token."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final, TypedDict, TypeVar, Unpack

from signalwire._ambient import SYSTEM_CLOCK, Clock
from signalwire.credentials._credential import AuthenticateContext, Credential
from signalwire.credentials._devices import REFRESH_SCOPE
from signalwire.credentials._stores import (
    MemoryRefreshTokenStore,
    OpenRefreshTokenStore,
    RefreshTokenStore,
    TokenRecord,
)
from signalwire.credentials.errors import CredentialError, StoreError, TransientRefreshError
from signalwire.rest import AsyncRestClient, RequestOptions, RestClient, SignalWireRestError
from signalwire.rest._call import Call
from signalwire.rest._tokens import FabricTokens
from signalwire.rest.types import SubscriberToken, TokenPair

T = TypeVar("T")

DEFAULT_LIFE: Final = 7200
UNBOUND_SELF_REFRESH_LIFE: Final = 60
"""Seconds for which a SAT with `sat:refresh` lives at the most where no key was named."""
_TIMEOUT: Final = 10.0
_DEFINITIVE: Final = frozenset({404, 422})
_FRESH_SHARE: Final = 0.3


class SubscriberMembers(TypedDict, total=False):
    """What a subscriber may be given at sign-in, as in `create_subscriber_token`."""

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
    """Signs a subscriber in once, and from then on rotates the refresh token.

    A new refresh token is stored **before** the access token beside it is handed out, so that a
    crash at any moment leaves one that works: the new one, or the old one, which the server answers
    again as long as the new one was not used. An answer that got lost, or could not be stored, is
    asked for again with the same refresh token. What comes then may be as old as the first attempt,
    so that is noted in the store before it begins.

    Any number of providers, in any number of processes, may share one store: whoever comes to its
    lock second finds a fresh credential there, and adopts it.

    Args:
        client: A client of either kind; it stays yours to close. Its `timeout` holds for every
            attempt, 10 s if it has none; its `retries` do not, since the session tries again.
        reference: What the subscriber is called by.
        store: Where the refresh token rests; in memory if absent.
        lifetime: Seconds that the first access token shall live; 7200 if absent.
        refreshed_lifetime: Seconds that a refreshed access token lives. 7200, unless the server is
            set to less.
        bind: Whether tokens are bound to the key of the session that asks. Sessions that share a
            store must then share the key.
        sign_in_again: Whether `refresh` may sign in anew when the refresh token has died of age.
            Without it the session fails then, and its owner decides.
        clock: Tells the time.
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
        given = client._driver.place.options
        timeout = None if given is None else given.timeout
        self._attempt = RequestOptions(timeout=timeout or _TIMEOUT, retries=0)
        self._fingerprint: str | None = None
        self._handed_out: TokenRecord | None = None
        # A record that could not be stored, and the refresh token that was spent for it.
        self._unsaved: tuple[str | None, TokenRecord] | None = None

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        """Adopt what another process stored, refresh what is stored, or sign in.

        The first of these that is possible is done. What this provider itself handed out before is
        not handed out again: whoever authenticates a second time has a reason.

        Args:
            context: The key to bind to; used where `bind` was asked for.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: No answer came; try again.
            StoreLocked: Somebody else refreshes for too long; try again.
            StoreError: The store holds something unreadable.
            OSError: The store could not be read or written; try again.
        """
        self._fingerprint = context.fingerprint if context is not None and self._bind else None
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
            SignalWireRestError: The server refused. With 401, 404 and 422 that is final.
            SignalWireRestTransportError: No answer came; try again.
            StoreLocked: Somebody else refreshes for too long; try again.
            StoreError: The store holds something unreadable, or what is somebody else's by now.
            OSError: The store could not be read or written; try again.
        """
        async with self._lock_unless(self._is_news) as adopted:
            if adopted is not None:
                return self._hand_out(adopted)
            record = await self._load()
            if record is None:
                raise CredentialError("there is no refresh token in the store: authenticate first")
            if not self._is_ours(record):
                raise StoreError("the store holds tokens of another subscriber, or for another key")
            if not self._is_news(record):
                try:
                    record = await self._rotate(record)
                except SignalWireRestError as refused:
                    if not (self._sign_in_again and refused.code == "token_expired"):
                        raise
                    record = await self._sign_in(record)
            return self._hand_out(record)

    @contextlib.asynccontextmanager
    async def _lock_unless(
        self, news: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Hold the lock; or get what others stored meanwhile, and need none."""
        if isinstance(self._store, OpenRefreshTokenStore):
            async with self._store.lock_unless(news) as adopted:
                yield adopted
        else:
            async with self._store.lock():
                yield None

    async def _load(self) -> TokenRecord | None:
        """Read the store, and first put there what could not be put there before."""
        record = await self._store.load()
        if self._unsaved is not None:
            spent, fresh = self._unsaved
            if spent == (None if record is None else record.refresh_token):
                await self._store.save(fresh)
                record = fresh
            self._unsaved = None  # stored now, or overtaken by another process
        return record

    async def _save(self, spent: TokenRecord | None, fresh: TokenRecord) -> TokenRecord:
        self._unsaved = (None if spent is None else spent.refresh_token, fresh)
        await self._store.save(fresh)
        self._unsaved = None
        return fresh

    async def _sign_in(self, replaced: TokenRecord | None) -> TokenRecord:
        started = self._clock.now()
        offset = self._client.clock_offset or 0.0
        expire_at = None
        if self._lifetime is not None:
            expire_at = math.ceil(started.wall + offset + self._lifetime)
        call: Call[SubscriberToken] = FabricTokens.create_subscriber_token.describe(
            None,
            reference=self._reference,
            expire_at=expire_at,
            fingerprint=self._fingerprint,
            request_options=self._attempt,
            **self._members,
        )
        answer, life = await self._ask(call), float(DEFAULT_LIFE)
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
            # A store that is shared without a working lock (a network file system) may hold a newer
            # token by now: look once before believing that the session is over.
            newer = await self._store.load()
            if newer is None or not self._is_ours(newer):
                raise
            if newer.refresh_token == record.refresh_token:
                raise
            return newer if self._is_news(newer) else await self._exchange(newer)

    async def _exchange(self, record: TokenRecord) -> TokenRecord:
        """Spend a refresh token, and note first that it is being spent.

        Where an attempt came before this one, the server may have done its part then, and what it
        answers now is that pair again, no younger. An old pair is spent in its turn.
        """
        now = self._clock.now().wall
        tried_at = record.tried_at
        if tried_at is None:
            await self._store.save(replace(record, tried_at=int(now * 1000)))
        call: Call[TokenPair] = FabricTokens.refresh_subscriber_token.describe(
            None, refresh_token=record.refresh_token, request_options=self._attempt
        )
        began = now if tried_at is None else min(now, tried_at / 1000)
        fresh = self._record(await self._ask(call), began, self._refreshed_lifetime)
        fresh = await self._save(record, fresh)
        if tried_at is None or self._is_fresh(fresh):
            return fresh
        return await self._exchange(fresh)

    async def _ask(self, call: Call[T]) -> T:
        if isinstance(self._client, RestClient):
            return await asyncio.to_thread(self._client._driver.run, call)
        return await self._client._driver.run(call)

    def _record(self, pair: TokenPair, began: float, life: float) -> TokenRecord:
        if self._fingerprint is None and self._members.get("scope") == REFRESH_SCOPE:
            life = min(life, UNBOUND_SELF_REFRESH_LIFE)
        token, refresh_token = pair.get("token"), pair.get("refresh_token")
        if not token or not refresh_token:
            raise TransientRefreshError("the answer holds no token pair")
        return TokenRecord(
            token=token,
            refresh_token=refresh_token,
            issued_at=int(began * 1000),
            expiry_at=int((began + life) * 1000),
            reference=self._reference,
            fingerprint=self._fingerprint,
        )

    def _is_ours(self, record: TokenRecord) -> bool:
        """Whether these are tokens of this subscriber, for this key.

        A path that two subscribers share by mistake, or one whose owner was renamed, must not make
        anybody somebody else.
        """
        return (record.reference, record.fingerprint) == (self._reference, self._fingerprint)

    def _was_handed_out(self, record: TokenRecord) -> bool:
        last = self._handed_out
        return last is not None and record.refresh_token == last.refresh_token

    def _is_adoptable(self, record: TokenRecord) -> bool:
        """Whether these tokens of ours are as good as new ones."""
        is_news = not self._was_handed_out(record)
        return is_news and self._is_ours(record) and self._is_fresh(record)

    def _is_news(self, record: TokenRecord) -> bool:
        """Whether somebody else refreshed since, so that there is nothing left to do."""
        last = self._handed_out
        if last is None:
            return False
        return record.expiry_at > last.expiry_at and self._is_adoptable(record)

    def _is_fresh(self, record: TokenRecord) -> bool:
        """Whether the access token has more life left than the earliest soft point leaves."""
        now = self._clock.now().wall * 1000
        life = record.expiry_at - record.issued_at
        return record.issued_at <= now and record.expiry_at - now > life * _FRESH_SHARE

    def _hand_out(self, record: TokenRecord) -> Credential:
        self._handed_out = record
        return Credential(token=record.token, expiry_at=record.expiry_at)

    def __repr__(self) -> str:
        return f"<SubscriberCredentialProvider on {self._client!r}>"
