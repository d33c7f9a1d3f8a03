"""Providers by themselves, without a session."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from kit.clients import async_client_of, client_of
from kit.service import C2C_TOKEN, FakeTokenService
from satmint_sdk.credentials import (
    AuthenticateContext,
    Credential,
    CredentialError,
    EmbedTokenCredentialProvider,
    FileRefreshTokenStore,
    MemoryRefreshTokenStore,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
    TokenRecord,
    TransientRefreshError,
)
from satmint_sdk.rest import SignalWireRestError, SignalWireRestTransportError
from satmint_sdk.testing import FakeClock

TWO_HOURS = 7200 * 1000


def provider_of(service: FakeTokenService, **more: Any) -> SubscriberCredentialProvider:
    return SubscriberCredentialProvider(
        async_client_of(service), reference="alice", clock=service.clock, **more
    )


def now_ms(clock: FakeClock) -> int:
    return int(clock.now().wall * 1000)


# Static and embed.


async def test_a_static_credential_is_handed_out_as_it_is() -> None:
    credential = Credential("t", 5)
    assert await StaticCredentialProvider(credential).authenticate(None) is credential


async def test_a_visitors_credential_ends_in_an_hour(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = EmbedTokenCredentialProvider(
        "fabric.test", C2C_TOKEN, transport=service, clock=clock
    )
    first = await provider.authenticate()
    await clock.advance(3000)
    second = await provider.refresh()
    assert first.token != second.token
    assert second.expiry_at == now_ms(clock) + 3600 * 1000
    assert service.requests == [("POST", "/api/fabric/embeds/tokens")] * 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"expires_in": 600}, 600),
        ({"expires_in": 7200}, 3600),
        ({"expires_at": 1_800_000_000 + 900}, 900),
        ({"expires_in": 600, "expires_at": 5}, 600),
        ({"expires_in": "600"}, 3600),
        ({"expires_in": True}, 3600),
        ({"expires_at": None}, 3600),
    ],
)
async def test_a_visitors_credential_never_ends_later_than_the_server_says(
    said: dict[str, Any], seconds: int, clock: FakeClock
) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"token": "t", **said})

    provider = EmbedTokenCredentialProvider(
        "localhost:8080", C2C_TOKEN, transport=httpx.MockTransport(answer), clock=clock
    )
    credential = await provider.authenticate()
    assert credential.expiry_at == now_ms(clock) + seconds * 1000
    (request,) = seen
    assert str(request.url) == "http://localhost:8080/api/fabric/embeds/tokens"
    assert "authorization" not in request.headers
    assert request.extensions["timeout"]["read"] == 10
    assert C2C_TOKEN not in repr(provider)


async def test_a_visitor_that_is_refused_learns_why(service: FakeTokenService) -> None:
    provider = EmbedTokenCredentialProvider("fabric.test", "c2c_unknown1", transport=service)
    with pytest.raises(SignalWireRestError) as refused:
        await provider.authenticate()
    assert refused.value.status_code == 404


# Subscriber.


@pytest.mark.parametrize("make", [client_of, async_client_of], ids=["sync", "async"])
async def test_a_subscriber_signs_in_once_and_then_rotates(
    make: Callable[[FakeTokenService], Any], service: FakeTokenService, clock: FakeClock
) -> None:
    provider = SubscriberCredentialProvider(
        make(service), reference="alice", display_name="Alice", clock=clock
    )
    first = await provider.authenticate()
    assert first.expiry_at == now_ms(clock) + TWO_HOURS
    await clock.advance(6000)
    second = await provider.refresh()
    assert second.expiry_at == now_ms(clock) + TWO_HOURS
    third = await provider.refresh()
    assert service.history == [("created", 0), ("rotated", 1), ("rotated", 2)]
    assert service.bodies[0] == {"reference": "alice", "display_name": "Alice"}
    assert len({first.token, second.token, third.token}) == 3


@pytest.mark.parametrize("lifetime", [None, 600])
async def test_a_token_that_refreshes_itself_and_names_no_key_lives_a_minute(
    service: FakeTokenService, clock: FakeClock, lifetime: int | None
) -> None:
    provider = provider_of(service, scope="sat:refresh", lifetime=lifetime)
    first = await provider.authenticate(None)
    assert now_ms(clock) + 58_000 <= (first.expiry_at or 0) <= now_ms(clock) + 60_000
    await clock.advance(30)
    second = await provider.refresh()
    assert now_ms(clock) + 58_000 <= (second.expiry_at or 0) <= now_ms(clock) + 60_000


async def test_a_lost_answer_is_asked_for_again_with_the_same_refresh_token(
    service: FakeTokenService,
) -> None:
    provider = provider_of(service)
    await provider.authenticate()
    for _ in range(3):
        service.lose_answer()
        with pytest.raises(SignalWireRestTransportError):
            await provider.refresh()
    fresh = await provider.refresh()
    assert service.accepts(fresh.token)
    assert service.history[1:] == [("rotated", 1)] + [("replayed", 1)] * 3
    assert len({body["refresh_token"] for body in service.bodies[1:]}) == 1
    await provider.refresh()
    assert service.count("reuse") == 0


async def test_half_an_answer_is_a_lost_one(service: FakeTokenService) -> None:
    provider = provider_of(service)
    await provider.authenticate()
    service.truncate_answer()
    with pytest.raises(SignalWireRestError) as garbled:
        await provider.refresh()
    assert garbled.value.status_code == 201
    assert "eyJ" not in str(garbled.value)
    await provider.refresh()
    assert service.history[1:] == [("rotated", 1), ("replayed", 1)]


async def test_an_answer_without_a_pair_may_be_asked_for_again(clock: FakeClock) -> None:
    service = FakeTokenService(clock)
    provider = provider_of(service)
    await provider.authenticate()
    service.refuse(201, 1)
    with pytest.raises(TransientRefreshError) as empty:
        await provider.refresh()
    assert str(empty.value) == "the response contains no token pair"
    await provider.refresh()


async def test_the_first_life_is_the_one_asked_for(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = provider_of(service, lifetime=600, refreshed_lifetime=1200)
    first = await provider.authenticate()
    assert service.bodies[0]["expire_at"] == 1_800_000_600
    assert now_ms(clock) + 599_000 <= (first.expiry_at or 0) <= now_ms(clock) + 600_000
    second = await provider.refresh()
    assert second.expiry_at == now_ms(clock) + 1200 * 1000


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_a_life_is_right_though_the_servers_clock_is_not(
    skew: float, service: FakeTokenService, clock: FakeClock
) -> None:
    service.clock_offset = skew
    client = async_client_of(service)
    await client.fabric.tokens.create_subscriber_token(reference="somebody")
    provider = SubscriberCredentialProvider(client, reference="alice", lifetime=600, clock=clock)
    credential = await provider.authenticate()
    assert service.bodies[1]["expire_at"] == 1_800_000_600 + skew
    assert now_ms(clock) + 598_000 <= (credential.expiry_at or 0) <= now_ms(clock) + 600_000


async def test_a_binding_is_asked_for_where_it_was_wanted(service: FakeTokenService) -> None:
    context = AuthenticateContext(fingerprint="f" * 43)
    await provider_of(service).authenticate(context)
    await provider_of(service, bind=True, scope="sat:refresh").authenticate(context)
    await provider_of(service, bind=True).authenticate()
    assert service.bodies == [
        {"reference": "alice"},
        {"reference": "alice", "fingerprint": "f" * 43, "scope": "sat:refresh"},
        {"reference": "alice"},
    ]


async def test_a_binding_to_another_key_is_of_no_use(service: FakeTokenService) -> None:
    store = MemoryRefreshTokenStore()
    for key in ("a" * 43, "b" * 43):
        provider = provider_of(service, bind=True, store=store)
        await provider.authenticate(AuthenticateContext(fingerprint=key))
    assert service.count("created") == 2


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_a_refusal_that_is_not_about_the_token_leaves_nothing_but_a_note(
    clock: FakeClock,
    status: int,
    service: FakeTokenService,
) -> None:
    store = MemoryRefreshTokenStore()
    provider = provider_of(service, store=store)
    await provider.authenticate()
    before = await store.load()
    assert before is not None
    service.refuse(status, 2)
    for ask in (provider.refresh, provider.authenticate):
        with pytest.raises(SignalWireRestError) as refused:
            await ask()
        assert refused.value.status_code == status
    assert await store.load() == replace(before, tried_at=now_ms(clock))
    await provider.refresh()


async def test_a_revoked_session_is_not_begun_anew_behind_its_owners_back(
    service: FakeTokenService,
) -> None:
    provider = provider_of(service, sign_in_again=True)
    await provider.authenticate()
    service.revoke_sessions()
    with pytest.raises(SignalWireRestError) as refused:
        await provider.refresh()
    assert refused.value.code == "token_invalid"
    assert service.count("created") == 1
    fresh = await provider.authenticate()
    assert service.accepts(fresh.token)
    assert service.count("created") == 2


async def test_a_refresh_token_that_died_of_age_ends_it(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = provider_of(service)
    await provider.authenticate()
    await clock.advance(3 * 3600)
    with pytest.raises(SignalWireRestError) as refused:
        await provider.refresh()
    assert refused.value.code == "token_expired"
    assert service.accepts((await provider.authenticate()).token)


async def test_or_begins_anew_where_that_was_wanted(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = provider_of(service, sign_in_again=True)
    await provider.authenticate()
    await clock.advance(3 * 3600)
    assert service.accepts((await provider.refresh()).token)
    assert service.count("created") == 2


async def test_there_is_nothing_to_refresh_before_a_sign_in(service: FakeTokenService) -> None:
    with pytest.raises(CredentialError) as refused:
        await provider_of(service).refresh()
    assert str(refused.value) == "there is no refresh token in the store: authenticate first"


# Sharing a store.


async def test_a_restart_goes_on_with_the_session_it_had(
    service: FakeTokenService, clock: FakeClock, tmp_path: Any
) -> None:
    path = tmp_path / "session"
    first = await provider_of(service, store=FileRefreshTokenStore(path)).authenticate()
    await clock.advance(100)
    again = await provider_of(service, store=FileRefreshTokenStore(path)).authenticate()
    assert again == first
    await clock.advance(6000)
    later = await provider_of(service, store=FileRefreshTokenStore(path)).authenticate()
    assert later != first
    assert service.history == [("created", 0), ("rotated", 1)]


async def test_who_comes_second_adopts_what_is_there(
    service: FakeTokenService, clock: FakeClock
) -> None:
    store = MemoryRefreshTokenStore(clock=clock)
    providers = [provider_of(service, store=store) for _ in range(5)]
    for provider in providers:
        await provider.authenticate()
    await clock.advance(6000)
    refreshing = asyncio.gather(*(provider.refresh() for provider in providers))
    await clock.advance(5)
    fresh = await refreshing
    assert len({credential.token for credential in fresh}) == 1
    assert service.history == [("created", 0), ("rotated", 1)]


async def test_a_clock_set_back_does_not_make_an_old_record_look_fresh(
    service: FakeTokenService, clock: FakeClock
) -> None:
    store = MemoryRefreshTokenStore(clock=clock)
    await provider_of(service, store=store).authenticate()
    clock.set_wall(-3600)
    await provider_of(service, store=store).authenticate()
    assert service.history == [("created", 0), ("rotated", 1)]


class FailNth(MemoryRefreshTokenStore):
    """A store whose n-th operation fails."""

    def __init__(self, clock: FakeClock, nth: int) -> None:
        super().__init__(clock=clock)
        self.left = nth
        self.fired = False

    def count_down(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.fired = True
            raise OSError(28, "No space left on device")

    async def load(self) -> TokenRecord | None:
        self.count_down()
        return await super().load()

    async def save(self, record: TokenRecord | None) -> None:
        self.count_down()
        await super().save(record)


async def test_a_session_survives_a_store_failure_at_every_step() -> None:
    for nth in itertools.count(1):
        clock = FakeClock()
        service = FakeTokenService(clock)
        store = FailNth(clock, nth)
        provider = provider_of(service, store=store)
        handed_out: list[str] = []
        for ask in (provider.authenticate, provider.refresh, provider.refresh):
            for _ in range(2):
                with contextlib.suppress(OSError):
                    handed_out.append((await ask()).token)
                    kept = store._record
                    assert kept is not None
                    assert kept.token == handed_out[-1]  # stored before it is handed out
                    assert service.accepts(handed_out[-1])
                    break
        assert len(handed_out) == 3
        assert service.count("reuse") == 0
        assert service.count("created") == 1
        if not store.fired:
            break
    assert nth > 6


async def test_a_record_that_could_not_be_stored_gives_way_to_a_newer_one(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """Another process, in possession of the old token, got the replay and went on from it."""
    store = FailNth(clock, 0)
    one, two = provider_of(service, store=store), provider_of(service, store=store)
    await one.authenticate()
    await two.authenticate()
    await clock.advance(6000)
    store.left = 2
    with pytest.raises(OSError, match="No space left"):
        await one.refresh()
    await two.refresh()
    await two.refresh()
    fresh = await one.refresh()
    assert service.accepts(fresh.token)
    assert service.count("reuse") == 0


async def test_before_believing_the_end_the_store_is_read_once_more(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """Two machines share a file, and the network file system does not lock it."""

    class Unlocked(MemoryRefreshTokenStore):
        @contextlib.asynccontextmanager
        async def lock(self) -> AsyncIterator[None]:
            yield

    class Stale(Unlocked):
        """Read once before, and once after, another machine has gone on."""

        def __init__(self, old: TokenRecord, new: TokenRecord) -> None:
            super().__init__()
            self.answers = [old, new]

        async def load(self) -> TokenRecord | None:
            return self.answers.pop(0) if self.answers else await super().load()

    shared = Unlocked()
    here, there = provider_of(service, store=shared), provider_of(service, store=shared)
    await here.authenticate()
    old = await shared.load()
    await there.authenticate()
    await clock.advance(6000)
    await there.refresh()
    await there.refresh()
    new = await shared.load()
    assert old is not None
    assert new is not None
    here._store = Stale(old, new)
    # The old token is two generations behind: the real server revokes the session for that. This
    # one only refuses, so that what the provider does next can be seen.
    service.refuse(422, 1)
    fresh = await here.refresh()
    assert fresh.token == new.token
