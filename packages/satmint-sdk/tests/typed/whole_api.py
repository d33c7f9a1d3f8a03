"""A program that uses the whole public API. It is not run: type checkers read it.

`assert_type` says what a checker must infer; mypy does so in its strict mode with `make check`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, assert_never, assert_type

import httpx

from satmint_sdk import __version__
from satmint_sdk.credentials import (
    MAX_LOCK_SECONDS,
    AuthenticateContext,
    Authorization,
    BlockingCredentialSession,
    ClientEvent,
    ClientState,
    Clock,
    CompareAndSetMapping,
    CompareAndSetRefreshTokenStore,
    Connected,
    Credential,
    CredentialError,
    CredentialExpired,
    CredentialProvider,
    CredentialRefused,
    CredentialSession,
    Disconnected,
    DPoPKey,
    EmbedTokenCredentialProvider,
    Ended,
    Entropy,
    Expired,
    Failed,
    FileRefreshTokenStore,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    Instant,
    InvalidCredential,
    MemoryRefreshTokenStore,
    ReadableRefreshTokenStore,
    Reauthenticated,
    Refreshed,
    RefreshFailed,
    RefreshingCredentialProvider,
    RefreshTokenStore,
    RevokingCredentialProvider,
    SessionClient,
    SessionClosed,
    SessionEvent,
    SessionRevoked,
    SessionStats,
    SQLiteRefreshTokenStore,
    StaticCredentialProvider,
    StoreError,
    StoreLocked,
    StoreUnavailable,
    SubscriberAuth,
    SubscriberCredentialProvider,
    SubscriberMembers,
    TokenRecord,
    TransientRefreshError,
    Warned,
    WentOffline,
    WentOnline,
)
from satmint_sdk.rest import (
    AsyncRestClient,
    LastResponse,
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTooLargeError,
    SignalWireRestTransportError,
)
from satmint_sdk.rest.types import Address, ErrorEntry, Page, Subscriber, SubscriberToken, TokenPair
from satmint_sdk.testing import (
    FakeClock,
    FakeEntropy,
    FakeTokenService,
    check_store,
    make_token,
    settle,
)
from satmint_sdk.verify import (
    AnswerCounts,
    AsyncVerifier,
    CannotVerify,
    FeedState,
    RefusalCause,
    TokenRefused,
    UsedProofs,
    VerifiedToken,
    Verifier,
    VerifierState,
)

assert_type(__version__, str)


def requests(client: RestClient) -> None:
    """The blocking client."""
    tokens, subscribers = client.fabric.tokens, client.fabric.subscribers
    made = tokens.create_subscriber_token(reference="alice", scope="sat:refresh", extras={"a": 1})
    assert_type(made, SubscriberToken)
    pair = tokens.refresh_subscriber_token(refresh_token=made["refresh_token"])
    assert_type(pair, TokenPair)
    options = RequestOptions(timeout=5, retries=2, retry_on_status={503}, retry_backoff=0.1)
    tokens.create_guest_token(allowed_addresses=["id"], request_options=options)["token"]
    tokens.create_invite_token(address_id="id", expires_at=1)["token"]
    tokens.create_embed_token(token="c2c_")["token"]
    assert_type(subscribers.list(page_size=10), Page[Subscriber])
    assert_type(subscribers.paginate(), Iterator[Subscriber])
    assert_type(client.fabric.addresses.list(), Page[Address])
    assert_type(client.fabric.addresses.paginate(), Iterator[Address])
    client.project.tokens.create(name="ci", permissions=["calling"])
    assert_type(client.request("GET", "/api/fabric/addresses", query={"page_size": 1}), Any)
    client.satmint.sessions.revoke("id")
    assert_type(client.last_response, LastResponse | None)
    assert_type(client.clock_offset, float | None)
    client.close()


async def awaited_requests(client: AsyncRestClient) -> None:
    """The async client: the same methods, to be awaited."""
    made = await client.fabric.tokens.create_subscriber_token(reference="alice")
    assert_type(made, SubscriberToken)
    assert_type(client.fabric.subscribers.paginate(), AsyncIterator[Subscriber])
    async for subscriber in client.fabric.subscribers.paginate():
        assert_type(subscriber, Subscriber)
    await client.close()


def refused(error: SignalWireRestError) -> bool:
    """What an error says."""
    assert_type(error.status_code, int | None)
    assert_type(error.body, object)
    assert_type(error.url, str)
    assert_type(error.headers, Mapping[str, str] | None)
    assert_type(error.request_id, str | None)
    assert_type(error.errors, list[ErrorEntry])
    assert_type(error.code, str | None)
    return isinstance(error, SignalWireRestTransportError | SignalWireRestTooLargeError)


class OwnUsedProofs:
    """Remembers proofs for several processes."""

    async def use(self, proof: str, seconds: int) -> bool:
        """It is new."""
        return bool(proof) and seconds > 0


def verifications(client: RestClient, token: str) -> VerifiedToken | None:
    """A service that verifies tokens."""
    with Verifier(client, kept_answers=10, stale_seconds=30, realm="api") as verifier:
        verifier.start()
        assert_type(verifier.state, VerifierState)
        assert_type(verifier.state.answers, AnswerCounts)
        assert_type(verifier.state.feed, FeedState)
        assert_type(verifier.state.feed.heard_seconds_ago, float | None)
        try:
            found = verifier.verify(token, proof="p", method="GET", url="https://h/", scope="a b")
        except TokenRefused as refused:
            assert_type(refused.cause, RefusalCause)
            assert_type(refused.status, int)
            assert_type(refused.headers, dict[str, str])
            assert_type(refused.challenge, str)
            assert_type(refused.skew, int | None)
            return None
        except CannotVerify as failed:
            assert_type(failed.permanent, bool)
            assert_type(failed.headers, dict[str, str])
            return None
    assert_type(found, VerifiedToken)
    assert_type(found.scope, frozenset[str])
    assert_type(found.addresses, tuple[str, ...] | None)
    assert_type(found.jkt, str | None)
    return found


async def awaited_verifications(client: AsyncRestClient, token: str) -> None:
    """The same, awaited."""
    used: UsedProofs = OwnUsedProofs()
    async with AsyncVerifier(client, used_proofs=used, max_proof_age=60) as verifier:
        assert_type(await verifier.verify(token, scope={"a"}, address="id"), VerifiedToken)
    await verifier.close()


class OwnProvider:
    """A provider of the program's own."""

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        """Sign in."""
        if context is not None:
            assert_type(context.fingerprint, str | None)
        return Credential(token="t", expiry_at=1)

    async def refresh(self) -> Credential:
        """Refresh."""
        raise TransientRefreshError("busy", retry_after=2.0)


class OwnStore:
    """A store of the program's own."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Take the lock."""
        raise StoreLocked("busy")

    async def load(self) -> TokenRecord | None:
        """Read."""
        raise StoreError("not a record")

    async def save(self, record: TokenRecord | None) -> None:
        """Write."""
        if record is not None:
            assert_type(record.refresh_token, str)
            assert_type(record.tried_at, int | None)


class OwnClock:
    """A clock of the program's own."""

    def now(self) -> Instant:
        """Read."""
        return Instant(mono=0.0, wall=0.0)

    def sleep(self, seconds: float) -> None:
        """Sleep."""

    async def asleep(self, seconds: float) -> None:
        """Sleep."""


async def sessions(client: AsyncRestClient, clock: Clock, entropy: Entropy) -> None:
    """A session with each provider and store."""
    members: SubscriberMembers = {"first_name": "Alice"}
    stores: list[RefreshTokenStore] = [
        MemoryRefreshTokenStore(),
        FileRefreshTokenStore("f"),
        OwnStore(sqlite3.connect(":memory:")),
    ]
    providers: list[CredentialProvider] = [
        StaticCredentialProvider(Credential("t")),
        EmbedTokenCredentialProvider("host", "c2c_"),
        SubscriberCredentialProvider(client, reference="a", store=stores[0], **members),
    ]
    refreshing: RefreshingCredentialProvider = OwnProvider()
    key = DPoPKey.generate("RS256")
    async with CredentialSession(
        providers[0], key=key, max_wait=1.0, clock=clock, entropy=entropy
    ) as session:
        assert_type(await session.token(), str)
        assert_type(session.token_blocking(), str)
        assert_type(await session.renew("t"), str)
        assert_type(await session.login(), Credential)
        assert_type(session.credential.expiry_at, int | None)
        assert_type(session.stats, SessionStats)
        assert_type(session.events(), AsyncIterator[SessionEvent])
        async for event in session.events():
            described(event)
    async with CredentialSession(refreshing, clock=OwnClock()) as session:
        assert_type(session.key.http_proof("GET", "https://host", access_token="t"), str)
        assert_type(session.key.rpc_proof("m"), str)
        assert_type(session.key.thumbprint, str)
        async with SessionClient(session, host="host") as live:
            await live.online()
            await live.offline()
            assert_type(live.state, ClientState)
            assert_type(live.state.authorization, Authorization | None)
            async for one in live.events():
                told(one)


def blocking(provider: RevokingCredentialProvider) -> None:
    """A session for threads, and authentication for httpx."""
    with BlockingCredentialSession(provider, name="main") as session:
        assert_type(session.token(), str)
        assert_type(session.renew("t"), str)
        assert_type(session.events(), Iterator[SessionEvent])
        with httpx.Client(auth=SubscriberAuth(session, scheme="DPoP")) as http:
            http.get("https://host")
        assert_type(session.logout(), bool)


def described(event: SessionEvent) -> str:
    """The events of a session are known to the type checker, all of them."""
    match event:
        case Refreshed():
            return f"{event.mechanism} {event.margin}"
        case Warned():
            return f"{event.code} {event.cause_code} {event.retry_in}"
        case Failed():
            return event.cause_code
        case Expired():
            return str(event.credential.expiry_at)
        case _:
            assert_never(event)


def told(event: ClientEvent) -> str:
    """And those of a live session."""
    match event:
        case Connected():
            return str(event.resumed)
        case Reauthenticated():
            return str(event.expires_at)
        case WentOnline() | WentOffline():
            return event.kind
        case Disconnected():
            return f"{event.cause_code} {event.close_code}"
        case Ended():
            return repr(event.error)
        case Warned():
            return event.code
        case _:
            assert_never(event)


def remedy(error: CredentialError) -> str:
    """What to do about an error."""
    match error:
        case CredentialExpired() | CredentialRefused() | SessionRevoked():
            return "sign in"
        case RefreshFailed():
            return error.cause_code
        case GatewayRefused():
            return f"{error.method} {error.code} {error.message}"
        case GatewayUnreachable() | GatewayError():
            return "wait"
        case StoreUnavailable():
            return repr(error.__cause__)
        case SessionClosed() | InvalidCredential():
            return "mend the program"
        case _:
            return str(error)


async def stores(mapping: CompareAndSetMapping) -> ReadableRefreshTokenStore:
    """The stores that are ready, and the check of others."""
    lease: float = 2 * MAX_LOCK_SECONDS
    assert_type(lease, float)
    await check_store(lambda: SQLiteRefreshTokenStore("f", "alice"))
    return CompareAndSetRefreshTokenStore(mapping, "alice")


async def tests() -> None:
    """The parts for tests."""
    clock = FakeClock()
    service = FakeTokenService(clock, cluster="puc.test")
    assert_type(service.client(), RestClient)
    assert_type(service.async_client(), AsyncRestClient)
    assert_type(service.history, list[tuple[str, int]])
    assert_type(service.bodies, list[dict[str, Any]])
    assert_type(FakeEntropy(0).take(2), bytes)
    assert_type(make_token(), str)
    with service.serve() as host:
        assert_type(host, str)
    await clock.advance(1)
    await settle()
