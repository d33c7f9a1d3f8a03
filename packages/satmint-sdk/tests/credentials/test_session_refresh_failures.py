"""Refresh attempts that fail: which are retried, when, and which end the schedule."""

from __future__ import annotations

import asyncio

import pytest

from kit.service import FakeTokenService
from kit.sessions import (
    ScriptedProvider,
    credential_for,
    happened,
    kinds,
    never,
    session_of,
)
from satmint_sdk.credentials import (
    Credential,
    CredentialExpired,
    Failed,
    RefreshFailed,
    TransientRefreshError,
    Warned,
)
from satmint_sdk.testing import FakeClock, FakeEntropy


async def test_an_outage_over_the_end_is_healed_within_the_slack(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """The refresh token outlives its access token by five minutes, and so does the trying."""
    async with session_of(service) as session:
        service.disconnect(10_000)
        await clock.advance(7300)
        service._script.clear()
        await clock.advance(31)
        assert service.accepts(await session.token())
        assert kinds(session)[-2:] == ["warning:attempt_failed", "refreshed"]
        assert (session.stats.margin or 0) < 0


async def test_an_outage_beyond_the_slack_ends_the_schedule(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.disconnect(10_000)
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
        assert service.accepts(await session.token())
        assert session.mechanism == "provider"


@pytest.mark.parametrize(
    ("status", "headers"), [(408, {}), (425, {}), (429, {}), (500, {}), (503, {}), (504, {})]
)
async def test_a_transient_error_is_retried_until_it_passes(
    status: int, headers: dict[str, str], service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.refuse(status, 5, headers)
        await clock.advance(5900)
        assert kinds(session) == ["warning:attempt_failed"] * 5 + ["refreshed"]
        assert session.stats.attempts == {f"http_{status}": 5, "refreshed": 1}


async def test_429_is_not_retried_before_retry_after(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """Never a request before `Retry-After` is over, never more than one in flight."""
    async with session_of(service, entropy=FakeEntropy()) as session:
        service.refuse(429, 20, {"retry-after": "40"})
        await clock.advance(5760)
        for _ in range(20):
            before = len(service.requests)
            await clock.advance(39)
            assert len(service.requests) - before <= 1
        await clock.advance(60)
        assert service.accepts(await session.token())
        assert service.count("rotated") == 1


async def test_a_server_that_wants_peace_for_a_day_is_asked_once_more_at_the_end(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.refuse(429, 1, {"retry-after": "86400"})
        await clock.advance(7199)
        assert len(service.requests) == 2
        await clock.advance(2)
        assert service.accepts(await session.token())
        assert "failed" not in kinds(session)


async def test_pauses_grow_with_full_jitter(service: FakeTokenService, clock: FakeClock) -> None:
    async with session_of(service, entropy=FakeEntropy(255)) as session:
        service.disconnect(8)
        await clock.advance(5300)
        waits = [event.retry_in for event in happened(session) if isinstance(event, Warned)]
        assert [round(wait or 0, 3) for wait in waits] == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_verdict_ends_the_schedule_and_the_credential_goes_on(
    status: int, service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        service.refuse(status, 1)
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
        service.revoke_sessions()
        await clock.advance(5761)
        (failed,) = happened(session)
        assert isinstance(failed, Failed)
        assert failed.cause_code == "token_invalid"
        assert "eyJ" not in failed.detail


async def test_a_lost_answer_costs_nothing(service: FakeTokenService, clock: FakeClock) -> None:
    async with session_of(service) as session:
        service.lose_answer(3)
        await clock.advance(5800)
        assert service.history[1:] == [("rotated", 1)] + [("replayed", 1)] * 3
        assert service.accepts(await session.token())
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
