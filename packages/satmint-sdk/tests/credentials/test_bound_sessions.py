"""Refreshing by key: a thief with the token cannot keep it alive, and its owner can."""

from __future__ import annotations

import httpx
import pytest

from kit.service import FakeSession, FakeTokenService
from kit.sessions import BackendProvider, FixedProvider, happened, kinds, session_of
from satmint_sdk.credentials import (
    AuthenticateContext,
    Credential,
    CredentialExpired,
    CredentialProvider,
    CredentialSession,
    DPoPKey,
    Failed,
    Refreshed,
    StaticCredentialProvider,
    Warned,
)
from satmint_sdk.credentials._cluster import fabric_host, gateway_host
from satmint_sdk.testing import FakeClock, FakeEntropy, make_token
from satmint_sdk.testing._proofs import open_proof
from satmint_sdk.testing._tokens import b64

DEVICES = "/api/fabric/subscriber/devices"


@pytest.fixture
def service(clock: FakeClock) -> FakeTokenService:
    return FakeTokenService(clock, cluster="puc.test")


def proofs_of(service: FakeTokenService) -> list[str]:
    return [body["dpop_token"] for body in service.bodies if "dpop_token" in body]


class Fallible(BackendProvider):
    """A backend that can also refresh, if only it is asked."""

    def __init__(self, service: FakeTokenService, *then: Credential | Exception) -> None:
        super().__init__(service)
        self.then = list(then)
        self.refreshes = 0

    async def refresh(self) -> Credential:
        self.refreshes += 1
        step = self.then.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


async def test_a_session_activates_at_once_and_refreshes_by_key_for_a_day(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, BackendProvider(service), entropy=FakeEntropy()) as session:
        assert session.mechanism == "bound"
        assert service.requests == [
            ("POST", "/api/fabric/subscribers/tokens"),
            ("GET", "/api/fabric/subscriber/info"),
            ("POST", f"{DEVICES}/token"),
        ]
        assert service.bodies[-1]["expire_in"] == 900
        for _ in range(24):
            await clock.advance(3600)
            assert service.accepts(await session.token())
        assert set(kinds(session)) == {"refreshed"}
    renewed = service.count("renewed")
    assert 86_400 / 720 - 1 <= renewed <= 86_400 / 630
    proofs = proofs_of(service)
    assert len(set(proofs)) == len(proofs) == renewed + 1
    assert {open_proof(proof).thumbprint for proof in proofs} == {session.key.thumbprint}
    assert {body["expire_in"] for body in service.bodies[3:]} == {900}


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_either_kind_of_key_will_do(
    algorithm: str, service: FakeTokenService, clock: FakeClock
) -> None:
    key = DPoPKey.generate("RS256" if algorithm == "RS256" else "ES256", clock=clock)
    async with session_of(service, BackendProvider(service), key=key) as session:
        await clock.advance(721)
        assert service.history == [("created", 0), ("bound", 0), ("renewed", 0)]
        assert session.key is key


async def test_a_short_unbound_token_is_bound_at_its_first_use(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """`sat:refresh` without a fingerprint lives a minute, so activation must not wait."""
    provider = BackendProvider(service, fingerprint=None, expire_at=int(clock.now().wall) + 60)
    async with session_of(service, provider) as session:
        assert service.count("bound") == 1
        await clock.advance(100)
        assert service.accepts(await session.token())


async def test_a_static_credential_with_the_scope_is_kept_alive(
    service: FakeTokenService, clock: FakeClock
) -> None:
    token = service._issue("SAT", FakeSession("x"), service.now() + 60, ["sat:refresh"], None)
    async with session_of(service, StaticCredentialProvider(Credential(token))) as session:
        assert session.mechanism == "bound"
        await clock.advance(4000)
        assert service.accepts(await session.token())


async def test_every_attempt_has_a_proof_of_its_own(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, BackendProvider(service)) as session:
        service.lose_answer(2)
        service.refuse(503, 2)
        service.disconnect(2)
        await clock.advance(830)
        assert service.accepts(await session.token())
        proofs = proofs_of(service)
        identities = [open_proof(proof).claims["jti"] for proof in proofs]
        assert len(identities) == len(set(identities)) >= 8
        assert len({body["dpop_token"] for body in service.bodies[2:]}) == len(service.bodies[2:])


async def test_a_laptop_that_slept_for_minutes_refreshes_an_expired_token(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, BackendProvider(service)) as session:
        await clock.advance(10)
        clock.suspend(1100)
        await clock.advance(31)
        assert service.accepts(await session.token())
        assert kinds(session) == ["refreshed", "expired", "refreshed"]


async def test_a_laptop_that_slept_for_hours_signs_in_anew(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = BackendProvider(service)
    async with session_of(service, provider) as session:
        await clock.advance(10)
        clock.suspend(3 * 3600)
        await clock.advance(31)
        assert kinds(session) == ["refreshed", "expired", "failed"]
        with pytest.raises(CredentialExpired):
            await session.token()
        await session.login()
        assert service.accepts(await session.token())
        assert (provider.logins, session.mechanism) == (2, "bound")


async def test_a_client_whose_clock_is_wrong_dates_its_proofs_by_the_server(
    service: FakeTokenService, clock: FakeClock
) -> None:
    service.clock_offset = 3600.0
    async with session_of(service, BackendProvider(service)) as session:
        assert kinds(session) == ["warning:clock_skew", "refreshed"]
        assert session.stats.skew == 3600.0
        await clock.advance(3600)
        assert service.accepts(await session.token())
        assert kinds(session).count("warning:clock_skew") == 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_is_set_is_noticed_by_the_next_refusal(
    jump: float, service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, BackendProvider(service)) as session:
        await clock.advance(100)
        clock.set_wall(jump)
        service.clock_offset -= jump
        for _ in range(10):
            await clock.advance(400)
            assert service.accepts(await session.token())
        assert kinds(session).count("warning:clock_skew") == 1
        assert session.stats.attempts == {"refreshed": session.stats.attempts["refreshed"]}


async def test_a_server_that_wants_its_nonce_in_a_proof_gets_it(
    service: FakeTokenService, clock: FakeClock
) -> None:
    service.dpop_nonce = "first"
    async with session_of(service, BackendProvider(service)) as session:
        assert service.count("bound") == 1
        asked = len(proofs_of(service))
        await clock.advance(1500)
        assert len(proofs_of(service)) == asked + service.count("renewed") == asked + 2
        service.dpop_nonce = "second"  # the first one is stale, and the refusal says so
        await clock.advance(721)
        assert service.accepts(await session.token())
        nonces = [open_proof(proof).claims.get("nonce") for proof in proofs_of(service)]
        assert nonces[-2:] == ["first", "second"]
        assert kinds(session) == ["refreshed"] * 4


async def test_a_nonce_and_the_time_may_both_be_asked_for(
    service: FakeTokenService, clock: FakeClock
) -> None:
    service.dpop_nonce, service.clock_offset = "n", 3600.0
    async with session_of(service, BackendProvider(service)) as session:
        assert kinds(session) == ["warning:clock_skew", "refreshed"]
        await clock.advance(1)


async def test_a_nonce_that_is_never_right_is_asked_for_once(clock: FakeClock) -> None:
    class Fickle(FakeTokenService):
        def answer(self, request: httpx.Request) -> httpx.Response:
            self.dpop_nonce = f"nonce-{len(self.requests)}"
            return super().answer(request)

    fickle = Fickle(clock, cluster="puc.test")
    async with session_of(fickle, BackendProvider(fickle)) as session:
        assert len(proofs_of(fickle)) == 2
        assert kinds(session) == ["failed"]
        await clock.advance(1)


async def test_a_refusal_that_is_not_about_time_is_not_met_with_time(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, BackendProvider(service)) as session:
        service.revoke_sessions()
        requests = len(service.requests)
        await clock.advance(721)
        assert len(service.requests) == requests + 1
        failed = happened(session)[-1]
        assert isinstance(failed, Failed)
        assert failed.cause_code == "http_401"


async def test_a_token_bound_to_another_key_is_not_activated(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = BackendProvider(service, fingerprint=DPoPKey.generate().thumbprint)
    async with session_of(service, provider) as session:
        assert kinds(session) == ["failed"]
        token = await session.token()
        await clock.advance(7100)
        assert await session.token() == token
        await clock.advance(200)
        with pytest.raises(CredentialExpired):
            await session.token()


async def test_from_key_to_provider_never_silently(
    service: FakeTokenService, clock: FakeClock
) -> None:
    fresh = Credential(make_token("SAT"), int((clock.now().wall + 9000) * 1000))
    provider = Fallible(service, fresh)
    async with session_of(service, provider) as session:
        assert (session.mechanism, provider.refreshes) == ("bound", 0)
        service.revoke_sessions()
        await clock.advance(721)
        assert (session.mechanism, provider.refreshes) == ("provider", 1)
        warned, refreshed = happened(session)[-2:]
        assert isinstance(warned, Warned)
        assert (warned.code, warned.reason) == ("credential_refresh_fallback", "endpoint-failed")
        assert warned.detail.startswith("http_401: ")
        assert refreshed == Refreshed(fresh, "provider", pytest.approx(180, abs=1))  # type: ignore[arg-type]


async def test_both_may_fail(service: FakeTokenService, clock: FakeClock) -> None:
    provider = Fallible(service, RuntimeError("no"))
    async with session_of(service, provider) as session:
        service.revoke_sessions()
        await clock.advance(721)
        assert kinds(session) == ["refreshed", "warning:credential_refresh_fallback", "failed"]
        assert session.mechanism is None


async def test_while_the_key_refreshes_the_provider_is_not_asked(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = Fallible(service)
    async with session_of(service, provider):
        await clock.advance(10_000)
        assert provider.refreshes == 0


async def test_the_key_goes_before_a_provider_that_refreshes(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = Fallible(service)
    provider._expiry = True
    async with session_of(service, provider) as session:
        assert session.mechanism == "bound"
        await clock.advance(10_000)
        assert (provider.refreshes, set(kinds(session))) == (0, {"refreshed"})


async def test_without_the_scope_nothing_is_armed(
    service: FakeTokenService, clock: FakeClock
) -> None:
    token = service._issue("SAT", FakeSession("x"), service.now() + 7200, [], None)
    async with session_of(service, StaticCredentialProvider(Credential(token))) as session:
        assert (session.mechanism, kinds(session)) == (None, [])
        await clock.advance(100)


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_scope_that_cannot_be_found_out_is_told(
    status: int, service: FakeTokenService, clock: FakeClock
) -> None:
    token = service._issue("SAT", FakeSession("x"), service.now() + 7200, ["sat:refresh"], None)
    service.refuse(status, 100)
    session = session_of(service, StaticCredentialProvider(Credential(token)), max_wait=0.0)
    async with session:
        assert kinds(session) == ["warning:scope_unknown"]
        assert session.mechanism is None
        assert await session.token() == token
        await clock.advance(1)


async def test_activation_that_fails_for_now_goes_on_behind_the_scenes(
    service: FakeTokenService, clock: FakeClock
) -> None:
    class Down(BackendProvider):
        async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
            credential = await super().authenticate(context)
            service.let_pass()
            service.disconnect(8)
            return credential

    session = session_of(service, Down(service), max_wait=0.0)
    async with session:
        sat = await session.token()
        await clock.advance(200)
        assert await session.token() != sat
        assert session.stats.attempts == {"no_answer": 8, "refreshed": 1}


async def test_what_a_gateway_handed_out_is_carried_on(
    service: FakeTokenService, clock: FakeClock
) -> None:
    token = service._issue("SAT", FakeSession("x"), service.now() + 60, ["sat:refresh"], None)
    credential = Credential(token, authorization_state="opaque")
    async with session_of(service, StaticCredentialProvider(credential)) as session:
        await clock.advance(1000)
        assert session.credential.authorization_state == "opaque"


async def test_the_same_bound_token_again_stops_the_loop(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, BackendProvider(service)) as session:
        service.frozen = {"token": session.credential.token, "expires_in": 900}
        await clock.advance(5000)
        assert kinds(session) == ["refreshed", "failed", "expired"]
        assert service.count("renewed") == 1


@pytest.mark.parametrize(
    ("cluster", "host"),
    [
        ("puc.localhost:8443", "fabric.localhost:8443"),
        ("puc.example.com", "fabric.example.com"),
        ("puc.eu.example.com", "fabric.eu.example.com"),
        ("example", None),
        ("", None),
        (None, None),
        ("puc.", None),
        (".example.com", None),
        ("puc.evil.test/path", None),
        ("puc.user@evil.test", None),
        ("puc.example.com:port", None),
        ("puc.example.com\n", None),
    ],
)
def test_the_cluster_in_the_header_names_the_host(cluster: str | None, host: str | None) -> None:
    assert fabric_host(make_token("SAT", cluster)) == host
    assert gateway_host(make_token("SAT", cluster)) == (None if host is None else cluster)


@pytest.mark.parametrize(
    "token",
    ["t", "...", "e30.x", f"{b64(b'[]')}.x", f"{b64(b'5')}.", "é", f"{b64(b'{')}.", "a" * 9],
)
def test_any_text_names_a_host_or_none(token: str) -> None:
    assert fabric_host(token) is None


async def test_a_host_that_is_given_goes_before_the_header(clock: FakeClock) -> None:
    service = FakeTokenService(clock, cluster="puc.elsewhere.test")
    provider: CredentialProvider = BackendProvider(service)
    session = CredentialSession(provider, host="127.0.0.1:8080", transport=service, clock=clock)
    async with session:
        proof = open_proof(proofs_of(service)[0])
        assert proof.claims["htu"] == f"http://127.0.0.1:8080{DEVICES}/token"
        assert "ath" in proof.claims


async def test_a_provider_without_a_scope_and_without_a_host_asks_nobody(
    service: FakeTokenService, clock: FakeClock
) -> None:
    credential = Credential(make_token("SAT", cluster=None))
    async with session_of(service, FixedProvider(credential)) as session:
        await clock.advance(10)
        assert service.requests == []
        assert session.mechanism is None


async def test_a_proof_may_name_the_path_alone(clock: FakeClock) -> None:
    service = FakeTokenService(clock, cluster="puc.test")
    async with session_of(service, BackendProvider(service), proof_target="path") as session:
        (proof,) = proofs_of(service)
        assert open_proof(proof).claims["htu"] == f"{DEVICES}/token"
        assert kinds(session) == ["failed"]  # this service wants the whole URL
