"""An answer that was lost is asked for again. What comes then is not as young as it looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from kit.sessions import happened, session_of
from satmint_sdk.credentials import (
    Credential,
    FileRefreshTokenStore,
    RefreshTokenStore,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import SignalWireRestTransportError
from satmint_sdk.testing import FakeClock


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> RefreshTokenStore:
    return FileRefreshTokenStore(tmp_path / "session", clock=clock)


def provider_of(
    service: FakeTokenService, store: RefreshTokenStore
) -> SubscriberCredentialProvider:
    return SubscriberCredentialProvider(
        async_client_of(service), reference="alice", store=store, clock=service.clock
    )


async def lose_an_answer(service: FakeTokenService, provider: SubscriberCredentialProvider) -> None:
    service.lose_answer()
    with pytest.raises(SignalWireRestTransportError):
        await provider.refresh()


def true_end(service: FakeTokenService, credential: Credential) -> int:
    """When the server will refuse it, in milliseconds."""
    return int(service.tokens[credential.token].exp * 1000)


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "after a restart"])
async def test_a_pair_is_as_old_as_the_attempt_whose_answer_was_lost(
    restarted: bool, service: FakeTokenService, clock: FakeClock, store: RefreshTokenStore
) -> None:
    """The server made the pair at the first attempt; a replay extends no life."""
    provider = provider_of(service, store)
    await provider.authenticate()
    await clock.advance(5500)
    await lose_an_answer(service, provider)
    await clock.advance(1800)
    if restarted:
        fresh = await provider_of(service, store).authenticate()
    else:
        fresh = await provider.refresh()
    assert fresh.expiry_at == true_end(service, fresh)
    assert service.history == [("created", 0), ("rotated", 1), ("replayed", 1)]


async def test_a_pair_that_is_old_when_it_comes_is_spent_in_its_turn(
    service: FakeTokenService, clock: FakeClock, store: RefreshTokenStore
) -> None:
    provider = provider_of(service, store)
    await provider.authenticate()
    await clock.advance(10)
    await lose_an_answer(service, provider)
    await clock.advance(7000)
    fresh = await provider.refresh()
    assert service.history[1:] == [("rotated", 1), ("replayed", 1), ("rotated", 2)]
    assert fresh.expiry_at == true_end(service, fresh) == int((clock.now().wall + 7200) * 1000)


async def test_an_old_pair_is_kept_though_spending_it_fails(
    service: FakeTokenService, clock: FakeClock, store: RefreshTokenStore
) -> None:
    provider = provider_of(service, store)
    await provider.authenticate()
    await lose_an_answer(service, provider)
    await clock.advance(7000)
    service.let_pass()  # the replay comes through
    service.disconnect(1)
    with pytest.raises(SignalWireRestTransportError):
        await provider.refresh()
    await provider.refresh()
    assert service.history[1:] == [("rotated", 1), ("replayed", 1), ("rotated", 2)]


async def test_an_attempt_that_did_nothing_costs_at_most_one_more_refresh(
    service: FakeTokenService, clock: FakeClock, store: RefreshTokenStore
) -> None:
    """Whether the server did its part is not known, so the worse is assumed."""
    provider = provider_of(service, store)
    await provider.authenticate()
    service.disconnect(1)
    with pytest.raises(SignalWireRestTransportError):
        await provider.refresh()
    await clock.advance(7000)
    fresh = await provider.refresh()
    assert service.history[1:] == [("rotated", 1), ("rotated", 2)]
    assert fresh.expiry_at == true_end(service, fresh)


async def test_the_attempt_is_noted_before_it_begins(
    service: FakeTokenService, clock: FakeClock, store: RefreshTokenStore
) -> None:
    """Whoever is killed in the middle leaves the note to whoever comes next."""
    provider = provider_of(service, store)
    await provider.authenticate()
    before = await store.load()
    await clock.advance(5500)
    await lose_an_answer(service, provider)
    after = await store.load()
    assert before is not None
    assert after is not None
    assert (before.tried_at, after.tried_at) == (None, int(clock.now().wall * 1000))
    assert after.refresh_token == before.refresh_token


async def test_half_an_hour_without_answers_does_not_end_a_session(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """The next refresh is due by the server's reckoning, not two hours after the answer came."""
    async with session_of(service) as session:
        await clock.advance(5750)
        service.lose_answer(1000)
        await clock.advance(1700)
        service.end_faults()
        await clock.advance(60)
        first = session.credential
        assert first.expiry_at == true_end(service, first)
        for _ in range(3):
            await clock.advance(5800)
            assert service.accepts(await session.token())
        assert not [event for event in happened(session) if event.kind == "failed"]
        assert (service.count("created"), service.count("reuse")) == (1, 0)
