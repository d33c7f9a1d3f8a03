"""Each sentence of the vendor's pages on credential providers, in our own words, and a test of it.

Seed 4 is the page of `EmbedTokenCredentialProvider.refresh`; the others are `CredentialProvider`,
`EmbedTokenCredentialProvider`, `StaticCredentialProvider`, `SDKCredential`, `AuthenticateContext`
and the two warnings, of the browser SDK's reference, version 4.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from kit.service import C2C_TOKEN, FakeSession, FakeTokenService
from kit.sessions import (
    BackendProvider,
    FixedProvider,
    ScriptedProvider,
    Step,
    credential_for,
    happened,
    kinds,
    session_of,
    take,
)
from satmint_sdk.credentials import (
    Credential,
    CredentialExpired,
    CredentialProvider,
    CredentialSession,
    EmbedTokenCredentialProvider,
    Failed,
    InvalidCredential,
    RefreshingCredentialProvider,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
    Warned,
)
from satmint_sdk.rest import SignalWireRestError, SignalWireRestTransportError
from satmint_sdk.testing import FakeClock, make_token

DEVICES = "/api/fabric/subscriber/devices/token"


@pytest.fixture
def service(clock: FakeClock) -> FakeTokenService:
    return FakeTokenService(clock, cluster="puc.test")


class Backend(BackendProvider):
    """A page's backend that knows the expiry, and can also refresh."""

    def __init__(self, service: FakeTokenService, *then: Step, **members: Any) -> None:
        super().__init__(service, expiry=True, **members)
        self.then = list(then)
        self.refreshes = 0

    async def refresh(self) -> Credential:
        self.refreshes += 1
        return await take(self.then.pop(0))


def warnings_of(session: CredentialSession) -> list[tuple[str, str]]:
    return [(event.code, event.reason) for event in happened(session) if isinstance(event, Warned)]


def token_of(service: FakeTokenService, *scope: str) -> str:
    return service._issue("SAT", FakeSession("x"), service.now() + 7200, list(scope), None)


# CredentialProvider.authenticate, and EmbedTokenCredentialProvider.authenticate.


async def test_authenticate_is_called_once_while_a_session_is_opened(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Obtains the initial credentials. Called once during client initialization.»"""
    provider = ScriptedProvider(credential_for(clock, 100), credential_for(clock, 900))
    async with session_of(service, provider):
        await clock.advance(90)
        assert (len(provider.contexts), provider.refreshes) == (1, 1)


async def test_a_rejected_authenticate_makes_opening_fail_with_its_error(
    service: FakeTokenService,
) -> None:
    """«Rejecting causes initialization to fail»; «the rejection reaches the caller»."""
    with pytest.raises(LookupError, match="nobody is signed in"):
        await session_of(service, FixedProvider(LookupError("nobody is signed in"))).open()


async def test_authenticate_is_awaited_before_anything_is_sent(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Awaits this method before establishing the connection.»"""
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    session = session_of(service, FixedProvider(lambda: answer))
    opening = asyncio.ensure_future(session.open())
    await clock.advance(5)
    assert (opening.done(), service.requests) == (False, [])
    answer.set_result(Credential(token_of(service)))
    await opening
    await session.close()


async def test_the_fingerprint_and_the_scope_are_enough_for_automatic_refresh(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Forward the fingerprint with scope sat:refresh to enable automatic token refresh.»"""
    provider = BackendProvider(service, expiry=True)
    async with session_of(service, provider) as session:
        await clock.advance(20_000)
        assert service.accepts(await session.token())
        assert (provider.logins, session.mechanism) == (1, "bound")
        assert service.bodies[0]["fingerprint"] == session.key.thumbprint


async def test_without_fingerprint_and_scope_the_session_uses_refresh(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Ignoring the fingerprint makes the SDK fall back to refresh() if provided»."""
    fresh = credential_for(clock, 9000)
    ends = int((clock.now().wall + 7200) * 1000)
    provider = ScriptedProvider(Credential(token_of(service), ends), fresh)
    async with session_of(service, provider) as session:
        await clock.advance(7300)
        assert await session.token() == fresh.token
        assert warnings_of(session) == [("credential_refresh_fallback", "no-scope")]


async def test_without_fingerprint_scope_and_refresh_the_session_ends_at_expiry(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«… or end the session at expiry.»"""
    provider = BackendProvider(service, expiry=True, scope="", fingerprint=None)
    async with session_of(service, provider) as session:
        await clock.advance(7199)
        await session.token()
        await clock.advance(1)
        with pytest.raises(CredentialExpired):
            await session.token()


# CredentialProvider.refresh, and seed 4.


async def test_refresh_may_be_absent(service: FakeTokenService, clock: FakeClock) -> None:
    """«Optional.»"""
    provider = FixedProvider(credential_for(clock, 100))
    assert isinstance(provider, CredentialProvider)
    assert not isinstance(provider, RefreshingCredentialProvider)
    async with session_of(service, provider) as session:
        assert session.mechanism is None


async def test_refresh_is_called_before_the_expiry_and_by_itself(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Fresh credentials before the current ones expire»; «scheduled automatically»."""
    first, fresh = credential_for(clock, 100), credential_for(clock, 1000)
    provider = ScriptedProvider(first, fresh)
    async with session_of(service, provider) as session:
        await clock.advance(99)
        assert (provider.refreshes, session.credential) == (1, fresh)


@pytest.mark.parametrize("expiry_at", [None, 0])
async def test_refresh_is_not_called_without_an_expiry(
    expiry_at: int | None, service: FakeTokenService, clock: FakeClock
) -> None:
    """«Only called when expiry_at was set on the previous credential»; 0 is not set."""
    provider = ScriptedProvider(Credential(token_of(service), expiry_at))
    async with session_of(service, provider) as session:
        await clock.advance(20_000)
        assert (provider.refreshes, session.mechanism) == (0, None)
        assert session.credential.expiry_at is None


async def test_the_previous_credential_decides_not_the_first(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«… on the previous credential»: a refreshed one without an expiry is the last."""
    provider = ScriptedProvider(credential_for(clock, 100), credential_for(clock, None))
    async with session_of(service, provider) as session:
        await clock.advance(20_000)
        assert (provider.refreshes, session.mechanism) == (1, None)


async def test_refresh_after_a_failed_key_needs_an_expiry_too(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Only called when expiry_at was set …»: also where it is the fallback."""
    provider = ScriptedProvider(Credential(token_of(service, "sat:refresh")))
    service._script.append(lambda: None)  # the question for the scope
    service.refuse(404, 1)
    async with session_of(service, provider) as session:
        await clock.advance(20_000)
        assert (provider.refreshes, kinds(session)) == (0, ["failed", "expired"])


async def test_refresh_is_not_called_while_the_scope_is_sat_refresh(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«… AND the SAT does not carry sat:refresh»; «your refresh() is never called»."""
    provider = Backend(service)
    async with session_of(service, provider) as session:
        await clock.advance(20_000)
        assert (provider.refreshes, session.mechanism) == (0, "bound")
        assert service.accepts(await session.token())


async def test_a_rejected_refresh_stops_the_schedule(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Reject if refresh is not possible: the SDK will stop the refresh schedule.»"""
    provider = ScriptedProvider(credential_for(clock, 100), LookupError("no"))
    async with session_of(service, provider) as session:
        await clock.advance(99)
        assert (provider.refreshes, session.mechanism) == (1, None)
        assert isinstance(happened(session)[-1], Failed)


async def test_after_a_rejected_refresh_the_session_goes_on_until_the_expiry(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«The session continues with the current credentials until they expire.»"""
    first = credential_for(clock, 100)
    async with session_of(service, ScriptedProvider(first, LookupError("no"))) as session:
        await clock.advance(99)
        assert await session.token() == first.token
        await clock.advance(1)
        with pytest.raises(CredentialExpired):
            await session.token()


async def test_without_refresh_the_scope_is_enough(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Not provided, and the SAT has sat:refresh: refreshes via Client Bound SAT.»"""
    credential = Credential(token_of(service, "sat:refresh"))
    async with session_of(service, StaticCredentialProvider(credential)) as session:
        await clock.advance(20_000)
        assert service.accepts(await session.token())
        assert session.mechanism == "bound"


async def test_without_refresh_and_scope_the_first_credential_serves(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Neither: uses the initial credentials for the entire session lifetime.»"""
    credential = Credential(token_of(service))
    async with session_of(service, StaticCredentialProvider(credential)) as session:
        await clock.advance(7000)
        assert (session.mechanism, session.credential) == (None, credential)
        assert kinds(session) == []


# The table of precedence.


@pytest.mark.parametrize(
    ("refreshes", "scope", "mechanism"),
    [
        (True, "sat:refresh", "bound"),
        (True, "", "provider"),
        (False, "sat:refresh", "bound"),
        (False, "", None),
    ],
)
async def test_one_mechanism_is_chosen_by_refresh_and_scope(
    refreshes: bool, scope: str, mechanism: str | None, service: FakeTokenService
) -> None:
    """«Selects exactly one refresh mechanism per session»: the four rows."""
    provider: CredentialProvider = (
        Backend(service, scope=scope)
        if refreshes
        else BackendProvider(service, expiry=True, scope=scope)
    )
    async with session_of(service, provider) as session:
        assert session.mechanism == mechanism


async def test_the_mechanism_is_chosen_again_at_a_new_sign_in(service: FakeTokenService) -> None:
    """«… and re-evaluated on reconnect.»"""
    provider = Backend(service, scope="")
    async with session_of(service, provider) as session:
        assert session.mechanism == "provider"
        provider._members["scope"] = "sat:refresh"
        await session.login()
        assert kinds(session)[-1] == "refreshed"


async def test_a_provider_that_knows_its_scope_saves_the_question(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """The session asks `subscriber/info`, as the browser SDK does, only where it must."""
    client = BackendProvider(service)._client
    provider = SubscriberCredentialProvider(client, reference="alice", clock=clock)
    async with session_of(service, provider) as session:
        assert [path for _, path in service.requests] == ["/api/fabric/subscribers/tokens"]
        assert warnings_of(session) == [("credential_refresh_fallback", "no-scope")]
    bound = SubscriberCredentialProvider(
        client, reference="alice", clock=clock, bind=True, scope="sat:refresh"
    )
    async with session_of(service, bound) as session:
        assert [path for _, path in service.requests[1:]] == [
            "/api/fabric/subscribers/tokens",
            DEVICES,
        ]
        assert session.mechanism == "bound"


# The warnings.


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_a_refused_key_falls_back_to_refresh_with_a_warning(
    status: int, service: FakeTokenService, clock: FakeClock
) -> None:
    """`credential_refresh_fallback`: «the /devices/token exchange failed» (endpoint-failed)."""
    fresh = credential_for(clock, 9000)
    provider = Backend(service, fresh)
    service._script.extend([lambda: None] * 2)  # the sign-in, the question for the scope
    service.refuse(status, 1)
    async with session_of(service, provider) as session:
        assert warnings_of(session) == [("credential_refresh_fallback", "endpoint-failed")]
        assert (session.mechanism, provider.refreshes) == ("provider", 0)
        await clock.advance(7100)
        assert (await session.token(), provider.refreshes) == (fresh.token, 1)


async def test_a_key_that_is_not_activated_in_time_falls_back_to_refresh(clock: FakeClock) -> None:
    """`activation-timeout`: «activation did not resolve in time», which are 30 s."""

    class Wedged(FakeTokenService):
        def answer(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == DEVICES:
                raise httpx.ReadTimeout("a proxy that never answers")
            return super().answer(request)

    wedged = Wedged(clock, cluster="puc.test")
    fresh = credential_for(clock, 9000)
    provider = Backend(wedged, fresh)
    session = session_of(wedged, provider)
    opening = asyncio.ensure_future(session.open())
    await clock.advance(31)
    await opening
    assert warnings_of(session)[-1] == ("credential_refresh_fallback", "activation-timeout")
    assert (session.mechanism, provider.refreshes) == ("provider", 0)
    await clock.advance(7000)
    assert (await session.token(), provider.refreshes) == (fresh.token, 1)
    await session.close()


async def test_a_scope_that_cannot_be_read_falls_back_to_refresh(service: FakeTokenService) -> None:
    """«A bound deployment that silently downgraded to bearer» is never silent."""
    provider = Backend(service)
    service._script.append(lambda: None)
    service.refuse(403, 1)
    async with session_of(service, provider) as session:
        assert warnings_of(session) == [("credential_refresh_fallback", "endpoint-failed")]
        assert session.mechanism == "provider"


async def test_an_expiry_that_nothing_refreshes_is_told_at_sign_in(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """`credential_no_refresh_handler`: «has an expiry_at, but no refresh() handler»."""
    credential = Credential(token_of(service), int((clock.now().wall + 60) * 1000))
    async with session_of(service, StaticCredentialProvider(credential)) as session:
        (warned,) = happened(session)
        assert isinstance(warned, Warned)
        assert (warned.code, warned.expiry_at) == (
            "credential_no_refresh_handler",
            credential.expiry_at,
        )


async def test_an_expiry_that_the_key_refreshes_is_no_warning(service: FakeTokenService) -> None:
    """«… or issue tokens with the sat:refresh scope.»"""
    async with session_of(service, BackendProvider(service, expiry=True)) as session:
        assert kinds(session) == ["refreshed"]


# SDKCredential.


def test_a_credential_has_a_token_or_an_authorization_state() -> None:
    """«At least one of token or authorizationState must be provided.»"""
    nothing: Any = None
    for empty in ({}, {"token": nothing}, {"authorization_state": ""}, {"expiry_at": 5}):
        with pytest.raises(InvalidCredential):
            Credential(**empty)
    for given in ("", nothing):
        credential = Credential(given, authorization_state="opaque")
        assert (credential.token, credential.authorization_state) == ("", "opaque")
    assert repr(Credential(authorization_state="opaque")) == "Credential(expiry_at=None)"


async def test_an_authorization_state_alone_opens_a_session_and_is_no_token(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Pre-authorized session state (alternative to token)»; a refresh brings a token."""
    state = Credential(authorization_state="s", expiry_at=int((clock.now().wall + 100) * 1000))
    fresh = credential_for(clock, 1000)
    async with session_of(service, ScriptedProvider(state, fresh)) as session:
        with pytest.raises(InvalidCredential) as refused:
            await session.token()
        assert str(refused.value) == "the credential has an authorization state and no token"
        await clock.advance(90)
        assert await session.token() == fresh.token


def test_an_expiry_of_zero_counts_as_none() -> None:
    """The page on `StaticCredentialProvider` gives `expiry_at: 0` to a token without an end."""
    assert Credential("t", 0) == Credential("t")
    zero: Any = 0.0
    assert Credential("t", zero).expiry_at is None


# StaticCredentialProvider and EmbedTokenCredentialProvider.


async def test_a_static_provider_returns_the_same_credential_again() -> None:
    """«Returns a fixed set of credentials»; «returns the same static credential»."""
    credential = Credential(make_token("SAT"), 0)
    provider = StaticCredentialProvider(credential)
    assert await provider.authenticate() is await provider.authenticate() is credential


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("space.example.com", "https://space.example.com"),
        ("https://space.example.com", "https://space.example.com"),
        ("https://space.example.com:8443/", "https://space.example.com:8443"),
        ("HTTPS://Space.example.com", "https://Space.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
async def test_an_embed_provider_takes_a_host_name_or_an_origin(
    host: str, url: str, clock: FakeClock
) -> None:
    """«Hostname or origin»; «exchanges an embed token for a SAT via the host's endpoint»."""
    asked: list[str] = []

    class Recording(FakeTokenService):
        def answer(self, request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return super().answer(request)

    provider = EmbedTokenCredentialProvider(
        host, C2C_TOKEN, transport=Recording(clock), clock=clock
    )
    credential = await provider.authenticate()
    assert asked == [httpx.URL(f"{url}/api/fabric/embeds/tokens")]
    assert credential.expiry_at == (clock.now().wall + 3600) * 1000
    assert (await provider.refresh()).token != credential.token


@pytest.mark.parametrize(
    "host",
    ["http://space.example.com", "ftp://localhost", "https://a/b", "https://u:p@a", "https://", ""],
)
def test_an_embed_provider_takes_no_other_url(host: str) -> None:
    with pytest.raises(ValueError):
        EmbedTokenCredentialProvider(host, C2C_TOKEN)


async def test_an_embed_provider_rejects_with_the_servers_answer(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Reject on failure»; and after 10 s without an answer, as in the browser SDK."""
    other = EmbedTokenCredentialProvider("a.test", "c2c_0", transport=service, clock=clock)
    with pytest.raises(SignalWireRestError) as refused:
        await other.authenticate()
    assert refused.value.status_code == 404
    service.disconnect(1)
    with pytest.raises(SignalWireRestTransportError):
        await other.authenticate()


async def test_errors_of_providers_leak_nothing(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """«Never leaking sensitive data through error messages.»"""
    secret = make_token("SAT")
    provider = ScriptedProvider(credential_for(clock, 100), LookupError(f"no: {secret}"))
    async with session_of(service, provider) as session:
        await clock.advance(99)
        assert secret not in str(happened(session))
