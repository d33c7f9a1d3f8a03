"""When a session refreshes, and what its callers get meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kit.clients import async_client_of
from kit.service import C2C_TOKEN, FakeTokenService
from kit.sessions import (
    ScriptedProvider,
    close,
    credential_for,
    happened,
    kinds,
    never,
    session_of,
)
from satmint_sdk.credentials import (
    Credential,
    CredentialExpired,
    CredentialRefused,
    EmbedTokenCredentialProvider,
    Failed,
    FileRefreshTokenStore,
    Refreshed,
    RefreshFailed,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import SignalWireRestError
from satmint_sdk.testing import FakeClock, FakeEntropy, settle


async def test_a_session_refreshes_by_itself_for_a_week(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, entropy=FakeEntropy()) as session:
        for _ in range(7 * 24):
            await clock.advance(3600)
            assert service.accepts(await session.token())
        assert session.mechanism == "provider"
        assert session.stats.attempts.keys() == {"refreshed"}
    rotated = service.count("rotated")
    assert 7 * 86_400 / 5760 - 1 <= rotated <= 7 * 86_400 / 5040
    assert (service.count("reuse"), service.count("created")) == (0, 1)


async def test_the_soft_point_is_at_four_fifths(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        first = session.credential
        await clock.advance(5759)
        assert session.credential is first
        await clock.advance(2)
        assert service.count("rotated") == 1
        assert session.credential != first
        (event,) = happened(session)
        assert isinstance(event, Refreshed)
        assert (event.credential, event.mechanism) == (session.credential, "provider")
        assert event.margin == pytest.approx(1440, abs=1)


async def test_jitter_moves_it_forward_by_up_to_a_tenth(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, entropy=FakeEntropy(255)):
        await clock.advance(5039)
        assert service.count("rotated") == 0
        await clock.advance(2)
        assert service.count("rotated") == 1


async def test_no_timer_is_longer_than_thirty_seconds(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service):
        clock.slept.clear()
        await clock.advance(5000)
    assert max(clock.slept) <= 30


async def test_while_a_refresh_is_under_way_the_current_token_is_served(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first, lambda: answer)
    async with session_of(service, provider) as session:
        await clock.advance(801)
        assert provider.refreshes == 1
        assert await session.token() == first.token
        fresh = credential_for(clock, 1000)
        answer.set_result(fresh)
        await settle()
        assert await session.token() == fresh.token


async def test_near_the_end_callers_wait_and_share_one_refresh(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    async with session_of(service, provider) as session:
        await clock.advance(96)
        callers = [asyncio.ensure_future(session.token()) for _ in range(50)]
        await settle()
        assert not any(caller.done() for caller in callers)
        assert session.stats.waiting == 50
        callers[0].cancel()
        fresh = credential_for(clock, 100)
        answer.set_result(fresh)
        assert set(await asyncio.gather(*callers[1:])) == {fresh.token}
        assert (provider.refreshes, session.stats.waiting) == (1, 0)


async def test_waiting_near_the_end_is_bounded_and_the_live_token_serves(
    service: FakeTokenService, clock: FakeClock
) -> None:
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first, *[never] * 9)
    async with session_of(service, provider, max_wait=15) as session:
        await clock.advance(960)
        asking = asyncio.ensure_future(session.token())
        await clock.advance(14)
        assert not asking.done()
        await clock.advance(2)
        assert await asking == first.token
        await close(session, clock)


async def test_after_the_end_waiting_is_bounded_and_ends_in_an_error(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.disconnect(10_000)
        await clock.advance(7201)
        asking = asyncio.ensure_future(session.token())
        await clock.advance(16)
        with pytest.raises(CredentialExpired) as expired:
            await asking
        told = "the credential has expired and was not refreshed in time"
        assert str(expired.value).startswith(f"{told}: SignalWireRestTransportError: ")
        assert isinstance(expired.value.__cause__, SignalWireRestError)
        assert kinds(session).count("expired") == 1


async def test_the_same_credential_again_stops_the_loop(
    service: FakeTokenService, clock: FakeClock
) -> None:
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first, *[first] * 100)
    async with session_of(service, provider) as session:
        await clock.advance(990)
        assert provider.refreshes == 1
        (failed,) = happened(session)
        assert isinstance(failed, Failed)
        assert failed.cause_code == "not_moved"
        assert await session.token() == first.token


async def test_an_end_before_the_old_one_is_progress_all_the_same(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """Signed in for a day, refreshed for two hours at a time."""
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", lifetime=86_400, clock=clock
    )
    async with session_of(service, provider) as session:
        await clock.advance(3 * 86_400)
        assert service.accepts(await session.token())
        assert set(kinds(session)) == {"refreshed"}


async def test_another_token_with_the_same_end_stops_the_loop_too(
    service: FakeTokenService, clock: FakeClock
) -> None:
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first, Credential("another", first.expiry_at))
    async with session_of(service, provider) as session:
        await clock.advance(990)
        assert kinds(session) == ["failed"]


@pytest.mark.parametrize("seconds", [-5, 0])
async def test_an_answer_that_is_dead_on_arrival_stops_the_loop(
    seconds: float, service: FakeTokenService, clock: FakeClock
) -> None:
    async def dead() -> Credential:
        return credential_for(clock, seconds)

    provider = ScriptedProvider(credential_for(clock, 1000), dead)
    async with session_of(service, provider) as session:
        await clock.advance(990)
        assert kinds(session) == ["failed"]


async def test_a_fresh_credential_without_an_end_is_the_last(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """`refresh()` is called only where the last credential had an end [seed 4]."""
    endless = credential_for(clock, None)
    provider = ScriptedProvider(credential_for(clock, 1000), endless)
    async with session_of(service, provider) as session:
        await clock.advance(50_000)
        assert (provider.refreshes, session.mechanism) == (1, None)
        assert await session.token() == endless.token


async def test_a_first_credential_without_an_end_is_never_refreshed(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = ScriptedProvider(credential_for(clock, None))
    async with session_of(service, provider) as session:
        await clock.advance(50_000)
        assert (provider.refreshes, session.mechanism) == (0, None)


async def test_without_refresh_the_first_credential_serves_until_its_end(
    service: FakeTokenService, clock: FakeClock
) -> None:
    first = credential_for(clock, 1000)
    async with session_of(service, StaticCredentialProvider(first)) as session:
        await clock.advance(999)
        assert await session.token() == first.token
        assert session.mechanism is None
        assert kinds(session) == ["warning:credential_no_refresh_handler"]
        await clock.advance(2)
        assert kinds(session)[1:] == ["expired"]
        with pytest.raises(CredentialExpired):
            await session.token()


async def test_a_visitors_session_refreshes_by_exchange(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = EmbedTokenCredentialProvider(
        "fabric.test", C2C_TOKEN, transport=service, clock=clock
    )
    async with session_of(service, provider) as session:
        await clock.advance(24 * 3600)
        assert service.accepts(await session.token())
        assert service.count("embedded") == 31


@pytest.mark.parametrize("life", [1.0, 0.2])
async def test_a_life_of_a_second_is_no_hot_loop(
    life: float, service: FakeTokenService, clock: FakeClock
) -> None:
    async def fresh() -> Credential:
        return credential_for(clock, life)

    provider = ScriptedProvider(credential_for(clock, life), *[fresh] * 1000)
    async with session_of(service, provider) as session:
        await clock.advance(20)
        assert 20 <= provider.refreshes <= 41
        assert session.credential.token != ""
        assert "failed" not in kinds(session)
        if life == 1.0:
            assert "expired" not in kinds(session)


async def test_callers_cannot_turn_tiny_lives_into_a_hot_loop(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async def fresh() -> Credential:
        return credential_for(clock, 0.01)

    provider = ScriptedProvider(credential_for(clock, 0.01), *[fresh] * 1000)
    async with session_of(service, provider) as session:
        callers = [asyncio.ensure_future(session.token()) for _ in range(20)]
        await clock.advance(20)
        await asyncio.wait(callers)
        for caller in callers:
            caller.exception()
        assert provider.refreshes <= 41


async def test_a_token_that_a_server_refused_is_replaced_once_for_all(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        rejected = await session.token()
        renewing = asyncio.gather(*(session.renew(rejected) for _ in range(20)))
        await clock.advance(1)
        tokens = await renewing
        assert len(set(tokens)) == 1
        assert rejected not in tokens
        assert service.count("rotated") == 1
        assert await session.renew(rejected) == tokens[0]
        assert service.count("rotated") == 1


async def test_a_refused_token_that_cannot_be_replaced_is_an_error(
    service: FakeTokenService, clock: FakeClock
) -> None:
    static = StaticCredentialProvider(credential_for(clock, 1000))
    async with session_of(service, static) as session:
        with pytest.raises(CredentialRefused) as refused:
            await session.renew(await session.token())
        assert str(refused.value) == "the credential was refused and not refreshed in time"
    async with session_of(service) as session:
        service.revoke_sessions()
        renewing = asyncio.ensure_future(session.renew(await session.token()))
        await clock.advance(1)
        with pytest.raises(CredentialRefused) as refused:
            await renewing
        assert isinstance(refused.value.__cause__, RefreshFailed)


async def test_a_store_that_cannot_be_written_is_named_by_renew(
    service: FakeTokenService, clock: FakeClock, tmp_path: Path
) -> None:
    """As with a folder that is mounted read-only: nobody but the operator can put that right."""
    folder = tmp_path / "volume"
    folder.mkdir()
    store = FileRefreshTokenStore(folder / "session", clock=clock, entropy=FakeEntropy())
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", store=store, clock=clock
    )
    async with session_of(service, provider) as session:
        rejected = await session.token()
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("not a folder any more")
        renewing = asyncio.ensure_future(session.renew(rejected))
        await clock.advance(60)
        with pytest.raises(CredentialRefused) as refused:
            await renewing
        told = str(refused.value)
        assert "cannot create the lock file of the token store: Not a directory" in told
        assert str(folder / "session.lock") in told
        assert rejected not in told
        assert isinstance(refused.value.__cause__, NotADirectoryError)
        folder.unlink()
        (tmp_path / "elsewhere").rename(folder)
