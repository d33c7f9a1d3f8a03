"""A session's day: what callers get, and when it refreshes."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from kit.clients import async_client_of
from kit.clock import Dice, FakeClock, settle
from kit.service import C2C_TOKEN, FakeTokenService
from kit.sessions import (
    FixedProvider,
    ScriptedProvider,
    close,
    credential_for,
    happened,
    kinds,
    never,
    session_of,
)
from kit.tokens import mint
from signalwire.credentials import (
    Credential,
    CredentialExpired,
    CredentialSession,
    EmbedTokenCredentialProvider,
    Failed,
    InvalidCredential,
    Refreshed,
    RefreshFailed,
    SessionClosed,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
    TransientRefreshError,
    Warned,
)
from signalwire.rest import SignalWireRestError


async def test_a_session_refreshes_by_itself_for_a_week(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, entropy=Dice()) as session:
        for _ in range(7 * 24):
            await clock.advance(3600)
            assert service.use(await session.token())
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
    async with session_of(service, entropy=Dice(255)):
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
        service.go_down(10_000)
        await clock.advance(7201)
        asking = asyncio.ensure_future(session.token())
        await clock.advance(16)
        with pytest.raises(CredentialExpired) as expired:
            await asking
        assert str(expired.value) == "the credential has expired and no fresh one came"
        assert isinstance(expired.value.__cause__, SignalWireRestError)
        assert kinds(session).count("expired") == 1


async def test_an_outage_over_the_end_is_healed_within_the_slack(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """The refresh token outlives its access token by five minutes, and so does the trying."""
    async with session_of(service) as session:
        service.go_down(10_000)
        await clock.advance(7300)
        service._script.clear()
        await clock.advance(31)
        assert service.use(await session.token())
        assert kinds(session)[-2:] == ["warning:attempt_failed", "refreshed"]
        assert (session.stats.margin or 0) < 0


async def test_an_outage_beyond_the_slack_ends_the_schedule(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.go_down(10_000)
        await clock.advance(7600)
        assert kinds(session)[-1] == "failed"
        failed = happened(session)[-1]
        assert isinstance(failed, Failed)
        assert failed.cause_code == "out_of_time"
        requests = len(service.requests)
        await clock.advance(7600)
        assert len(service.requests) == requests
        with pytest.raises(CredentialExpired) as expired:
            await session.token()
        assert isinstance(expired.value.__cause__, RefreshFailed)
        service._script.clear()
        await session.login()
        assert service.use(await session.token())
        assert session.mechanism == "provider"


@pytest.mark.parametrize(
    ("status", "headers"), [(408, {}), (425, {}), (429, {}), (500, {}), (503, {}), (504, {})]
)
async def test_what_may_pass_is_waited_out(
    status: int, headers: dict[str, str], service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.storm(status, 5, headers)
        await clock.advance(5900)
        assert kinds(session) == ["warning:attempt_failed"] * 5 + ["refreshed"]
        assert session.stats.attempts == {f"http_{status}": 5, "refreshed": 1}


async def test_a_storm_of_429_is_met_with_patience(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """Never a request before `Retry-After` is over, never more than one in flight."""
    async with session_of(service, entropy=Dice()) as session:
        service.storm(429, 20, {"retry-after": "40"})
        await clock.advance(5760)
        for _ in range(20):
            before = len(service.requests)
            await clock.advance(39)
            assert len(service.requests) - before <= 1
        await clock.advance(60)
        assert service.use(await session.token())
        assert service.count("rotated") == 1


async def test_a_server_that_wants_peace_for_a_day_is_asked_once_more_at_the_end(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.storm(429, 1, {"retry-after": "86400"})
        await clock.advance(7199)
        assert len(service.requests) == 2
        await clock.advance(2)
        assert service.use(await session.token())
        assert "failed" not in kinds(session)


async def test_pauses_grow_with_full_jitter(service: FakeTokenService, clock: FakeClock) -> None:
    async with session_of(service, entropy=Dice(255)) as session:
        service.go_down(8)
        await clock.advance(5300)
        waits = [event.retry_in for event in happened(session) if isinstance(event, Warned)]
        assert [round(wait or 0, 3) for wait in waits] == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_verdict_ends_the_schedule_and_the_credential_goes_on(
    status: int, service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.storm(status, 1)
        await clock.advance(5761)
        assert kinds(session) == ["failed"]
        assert session.mechanism is None
        token = await session.token()
        await clock.advance(1430)
        assert await session.token() == token
        assert len(service.requests) == 2
        await clock.advance(30)
        assert kinds(session) == ["failed", "expired"]
        with pytest.raises(CredentialExpired) as expired:
            await session.token()
        assert str(expired.value.__cause__).startswith(f"http_{status}: ")


async def test_a_session_that_was_revoked_learns_so(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.revoke_everything()
        await clock.advance(5761)
        (failed,) = happened(session)
        assert isinstance(failed, Failed)
        assert failed.cause_code == "token_invalid"
        assert "eyJ" not in failed.detail


async def test_a_lost_answer_costs_nothing(service: FakeTokenService, clock: FakeClock) -> None:
    async with session_of(service) as session:
        service.lose_next_reply(3)
        await clock.advance(5800)
        assert service.happened[1:] == [("rotated", 1)] + [("replayed", 1)] * 3
        assert service.use(await session.token())
        sent = {body.get("refresh_token") for body in service.bodies[1:]}
        assert len(sent) == 1


async def test_a_provider_that_gives_up_stops_the_schedule(
    service: FakeTokenService, clock: FakeClock
) -> None:
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first, RuntimeError("no more"))
    async with session_of(service, provider) as session:
        await clock.advance(999)
        assert kinds(session) == ["failed"]
        assert await session.token() == first.token
        assert provider.refreshes == 1


async def test_a_provider_that_asks_for_time_gets_it(
    service: FakeTokenService, clock: FakeClock
) -> None:
    fresh = credential_for(clock, 5000)
    provider = ScriptedProvider(
        credential_for(clock, 1000), TransientRefreshError("busy", 100), fresh
    )
    async with session_of(service, provider) as session:
        await clock.advance(899)
        assert provider.refreshes == 1
        await clock.advance(2)
        assert session.credential == fresh


async def test_an_attempt_that_hangs_is_cut_off_and_repeated(
    service: FakeTokenService, clock: FakeClock
) -> None:
    fresh = credential_for(clock, 5000)
    provider = ScriptedProvider(credential_for(clock, 1000), never, fresh)
    async with session_of(service, provider) as session:
        await clock.advance(829)
        assert session.credential != fresh
        await clock.advance(5)
        assert session.credential == fresh
        assert session.stats.attempts == {"timeout": 1, "refreshed": 1}


async def test_an_attempt_that_cancels_itself_is_repeated(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async def cancelled() -> Credential:
        raise asyncio.CancelledError

    fresh = credential_for(clock, 5000)
    provider = ScriptedProvider(credential_for(clock, 1000), cancelled, fresh)
    async with session_of(service, provider) as session:
        await clock.advance(805)
        assert session.credential == fresh


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
        assert service.use(await session.token())
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
        assert (session.mechanism, kinds(session)) == (None, [])
        await clock.advance(2)
        assert kinds(session) == ["expired"]
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
        assert service.use(await session.token())
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


async def test_a_credential_that_is_dead_at_sign_in_is_an_error(
    service: FakeTokenService, clock: FakeClock
) -> None:
    seconds = Credential("t", int(clock.now().wall))  # somebody forgot to count milliseconds
    session = session_of(service, FixedProvider(seconds))
    with pytest.raises(InvalidCredential) as refused:
        await session.open()
    assert str(refused.value) == "the credential is past its end (in milliseconds, that is)"
    with pytest.raises(SessionClosed):
        await session.token()


async def test_a_sign_in_is_tried_for_a_while(service: FakeTokenService, clock: FakeClock) -> None:
    service.storm(503, 3)
    session = session_of(service)
    opening = asyncio.ensure_future(session.open())
    await clock.advance(10)
    await opening
    assert service.use(await session.token())
    assert kinds(session) == ["warning:attempt_failed"] * 3
    await session.close()


async def test_and_not_for_ever(service: FakeTokenService, clock: FakeClock) -> None:
    service.go_down(1000)
    opening = asyncio.ensure_future(session_of(service).open())
    await clock.advance(16)
    with pytest.raises(SignalWireRestError):
        await opening


async def test_a_sign_in_that_is_refused_is_not_repeated(service: FakeTokenService) -> None:
    service.storm(401, 1)
    with pytest.raises(SignalWireRestError) as refused:
        await session_of(service).open()
    assert refused.value.status_code == 401
    assert len(service.requests) == 1


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
        with pytest.raises(CredentialExpired) as refused:
            await session.renew(await session.token())
        assert str(refused.value) == "the credential was refused, and no fresh one came"
    async with session_of(service) as session:
        service.revoke_everything()
        renewing = asyncio.ensure_future(session.renew(await session.token()))
        await clock.advance(1)
        with pytest.raises(CredentialExpired) as refused:
            await renewing
        assert isinstance(refused.value.__cause__, RefreshFailed)


# Sleep, and clocks that are set.


async def test_three_hours_of_sleep_end_in_a_clear_word(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """The refresh token died in sleep too: one last try, then the owner decides."""
    async with session_of(service) as session:
        await clock.advance(10)
        clock.suspend(3 * 3600)
        asking = asyncio.ensure_future(session.token())
        await clock.advance(1)
        with pytest.raises(CredentialExpired) as expired:
            await asking
        assert isinstance(expired.value.__cause__, RefreshFailed)
        assert expired.value.__cause__.cause_code == "token_expired"
        assert len(service.requests) == 2
        await clock.advance(31)
        assert kinds(session) == ["failed", "expired"]
        await session.login()
        assert service.use(await session.token())


async def test_three_hours_of_sleep_are_survived_where_that_was_wanted(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", sign_in_again=True, clock=clock
    )
    async with session_of(service, provider) as session:
        clock.suspend(3 * 3600)
        await clock.advance(31)
        assert service.use(await session.token())
        assert "failed" not in kinds(session)


async def test_after_a_shorter_sleep_a_fleet_does_not_return_together(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, entropy=Dice(255)):
        await clock.advance(10)
        clock.suspend(6000)
        await clock.advance(20.5)
        assert service.count("rotated") == 0
        await clock.advance(5)
        assert service.count("rotated") == 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_is_set_harms_nobody(
    jump: float, service: FakeTokenService, clock: FakeClock
) -> None:
    """The server's clock is right all along; only this machine's is set."""
    async with session_of(service) as session:
        await clock.advance(1000)
        clock.set_wall(jump)
        service.skew -= jump
        for _ in range(20):
            await clock.advance(600)
            assert service.use(await session.token())
        assert kinds(session) == ["refreshed"] * len(kinds(session))
        assert service.count("reuse") == 0


async def test_a_clock_that_is_set_back_for_good_does_not_keep_a_dead_token(
    service: FakeTokenService, clock: FakeClock
) -> None:
    first = credential_for(clock, 1000)
    async with session_of(service, FixedProvider(first)) as session:
        clock.set_wall(-86_400)
        await clock.advance(999)
        assert await session.token() == first.token
        await clock.advance(2)
        with pytest.raises(CredentialExpired):
            await session.token()


# Closing, and signing in anew.


async def test_closing_releases_who_waits_and_throws_the_result_away(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    session = session_of(service, provider)
    await session.open()
    await clock.advance(96)
    waiting = asyncio.ensure_future(session.token())
    await settle()
    closing = asyncio.ensure_future(session.close())
    await settle()
    with pytest.raises(SessionClosed) as closed:
        await waiting
    assert str(closed.value) == "the session is closed"
    answer.set_result(credential_for(clock, 100))
    await closing
    assert happened(session) == []
    with pytest.raises(SessionClosed):
        _ = session.credential


async def test_closing_gives_an_attempt_five_seconds(
    service: FakeTokenService, clock: FakeClock
) -> None:
    ended: list[str] = []

    async def hanging() -> Credential:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("cancelled")
        raise AssertionError

    session = session_of(service, ScriptedProvider(credential_for(clock, 100), hanging))
    await session.open()
    await clock.advance(90)
    closing = asyncio.ensure_future(session.close())
    await clock.advance(4)
    assert ended == []
    await clock.advance(2)
    await closing
    assert ended == ["cancelled"]


async def test_closing_does_not_wait_for_a_pause_between_attempts(
    service: FakeTokenService, clock: FakeClock
) -> None:
    session = session_of(service)
    await session.open()
    service.go_down(1000)
    await clock.advance(6000)
    await session.close()
    await session.close()
    requests = len(service.requests)
    await clock.advance(1000)
    assert len(service.requests) == requests


async def test_a_rotation_that_closing_interrupts_is_stored_all_the_same(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", clock=clock
    )
    session = session_of(service, provider)
    await session.open()
    clock.suspend(5800)  # due, but nobody has looked at the clock yet
    asking = asyncio.ensure_future(session.renew(await session.token()))
    await asyncio.sleep(0)  # noqa: TID251 - the flight has begun
    await session.close()
    with pytest.raises(SessionClosed):
        await asking
    async with session_of(service, provider) as again:
        assert service.use(await again.token())
    assert service.count("reuse") == 0


async def test_a_new_sign_in_throws_the_old_refresh_away(
    service: FakeTokenService, clock: FakeClock
) -> None:
    late: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 1000), lambda: late)
    async with session_of(service, provider) as session:
        await clock.advance(801)
        assert provider.refreshes == 1
        second = credential_for(clock, 1000)
        provider.first = second
        signing_in = asyncio.ensure_future(session.login())
        await settle()
        late.set_result(credential_for(clock, 9000))
        await settle()
        assert await signing_in == second
        assert session.credential == second
        assert happened(session) == []


async def test_until_the_new_credential_is_there_the_old_one_serves(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first)
    async with session_of(service, provider) as session:
        provider.first = lambda: answer
        signing_in = asyncio.ensure_future(session.login())
        await settle()
        assert await session.token() == first.token
        second = credential_for(clock, 1000)
        answer.set_result(second)
        assert await signing_in == second


async def test_a_session_is_opened_once(service: FakeTokenService) -> None:
    session = session_of(service)
    with pytest.raises(SessionClosed) as refused:
        await session.token()
    assert str(refused.value) == "the session is not open"
    async with session:
        with pytest.raises(SessionClosed):
            await session.open()
    with pytest.raises(SessionClosed) as refused:
        await session.open()
    assert str(refused.value) == "a session is opened once"


# Events, and what is shown.


async def test_events_are_told_from_the_beginning_to_every_reader(
    service: FakeTokenService, clock: FakeClock
) -> None:
    session = session_of(service)
    early = session.events()
    async with session:
        service.storm(500, 1)
        await clock.advance(5800)
        late = session.events()
        first = [await anext(early), await anext(early)]
        assert first == [await anext(late), await anext(late)]
        waiting = asyncio.ensure_future(anext(early))
        await clock.advance(5800)
        assert (await waiting).kind == "refreshed"
    assert [event.kind async for event in late] == ["refreshed"]
    assert [event.kind async for event in early] == []


async def test_a_reader_that_does_not_keep_up_loses_the_oldest(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async def fresh() -> Credential:
        return credential_for(clock, 10)

    provider = ScriptedProvider(credential_for(clock, 10), *[fresh] * 400)
    async with session_of(service, provider) as session:
        events = session.events()
        await clock.advance(300 * 8)
    assert len([event async for event in events]) == 256


async def test_nothing_that_is_printed_shows_a_token(
    service: FakeTokenService, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with session_of(service) as session:
        service.lose_next_reply()
        service.storm(500, 1)
        await clock.advance(6000)
        shown = [repr(session), repr(session.stats), repr(session.credential), repr(session.key)]
        shown += [repr(event) + str(event) for event in happened(session)]
        shown += [repr(session._keeper.held if session._keeper else None), caplog.text]
        service.revoke_everything()
        await clock.advance(6000)
        shown += [repr(event) for event in happened(session)] + [caplog.text]
    assert "eyJ" not in " ".join(shown)
    assert "refreshing has stopped: token_invalid" in caplog.text


async def test_a_session_is_not_pickled(service: FakeTokenService) -> None:
    with pytest.raises(TypeError) as refused:
        pickle.dumps(session_of(service))
    assert str(refused.value) == "a session cannot be pickled: open one where it is needed"


async def test_a_provider_is_told_the_fingerprint(clock: FakeClock) -> None:
    provider = FixedProvider(credential_for(clock, 100))
    async with CredentialSession(provider, clock=clock) as session:
        (context,) = provider.contexts
        assert context is not None
        assert context.fingerprint == session.key.thumbprint


async def test_a_token_without_a_cluster_is_sent_nowhere(
    service: FakeTokenService, clock: FakeClock
) -> None:
    static = StaticCredentialProvider(Credential(mint("SAT", cluster=None)))
    async with session_of(service, static) as session:
        await clock.advance(100)
        assert (session.mechanism, service.requests) == (None, [])


async def test_a_provider_that_hands_out_something_else_is_told(
    service: FakeTokenService, clock: FakeClock
) -> None:
    wrong: Any = {"token": "t"}

    async def wrongly() -> Credential:
        credential: Credential = wrong
        return credential

    with pytest.raises(InvalidCredential) as refused:
        await session_of(service, FixedProvider(wrongly)).open()
    assert str(refused.value) == "the provider handed out something that is no Credential"
    provider = ScriptedProvider(credential_for(clock, 100), wrongly)
    async with session_of(service, provider) as session:
        await clock.advance(81)
        (failed,) = happened(session)
        assert isinstance(failed, Failed)
        assert failed.cause_code == "invalid_credential"
