"""Sessions on a machine that was suspended, or whose clock was set."""

from __future__ import annotations

import asyncio

import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from kit.sessions import (
    FixedProvider,
    credential_for,
    kinds,
    session_of,
)
from satmint_sdk.credentials import (
    CredentialExpired,
    RefreshFailed,
    SubscriberCredentialProvider,
)
from satmint_sdk.testing import FakeClock, FakeEntropy


async def test_three_hours_of_sleep_end_in_credential_expired(
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
        assert service.accepts(await session.token())


async def test_three_hours_of_sleep_are_survived_where_that_was_wanted(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", sign_in_again=True, clock=clock
    )
    async with session_of(service, provider) as session:
        clock.suspend(3 * 3600)
        await clock.advance(31)
        assert service.accepts(await session.token())
        assert "failed" not in kinds(session)


async def test_after_a_shorter_sleep_a_fleet_does_not_return_together(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, entropy=FakeEntropy(255)):
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
        service.clock_offset -= jump
        for _ in range(20):
            await clock.advance(600)
            assert service.accepts(await session.token())
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
