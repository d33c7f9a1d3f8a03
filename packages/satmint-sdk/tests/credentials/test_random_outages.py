"""Whatever the weather: random days of outages, lost answers, sleep and clocks that are set."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.service import FakeTokenService
from kit.sessions import BackendProvider, session_of
from satmint_sdk.credentials import CredentialExpired, CredentialRefused, CredentialSession
from satmint_sdk.testing import FakeClock, FakeEntropy


@dataclass(frozen=True)
class Weather:
    """One thing that happens, and how much of it."""

    kind: str
    amount: float


inputs = st.one_of(
    st.builds(Weather, st.just("time"), st.floats(1, 4000)),
    st.builds(Weather, st.just("sleep"), st.floats(1, 9000)),
    st.builds(Weather, st.just("clock"), st.floats(-7200, 7200)),
    st.builds(Weather, st.just("lost"), st.integers(1, 4)),
    st.builds(Weather, st.just("storm"), st.integers(1, 12)),
    st.builds(Weather, st.just("down"), st.integers(1, 12)),
    st.builds(Weather, st.just("refused"), st.integers(1, 1)),
    st.builds(Weather, st.just("login"), st.integers(1, 1)),
)


NEITHER_CLOCK_KNOWS = {"sleep", "set back"}
"""Where both happened: the monotonic clock stood still, and the wall clock went back."""


async def bring(weather: Weather, clock: FakeClock, service: FakeTokenService) -> None:
    match weather.kind:
        case "time":
            await clock.advance(weather.amount)
        case "sleep":
            clock.suspend(weather.amount)
        case "clock":  # this machine's only: the server's stays right
            clock.set_wall(weather.amount)
            service.clock_offset -= weather.amount
        case "lost":
            service.lose_answer(int(weather.amount))
        case "storm":
            service.refuse(429, int(weather.amount), {"retry-after": "3"})
        case "down":
            service.disconnect(int(weather.amount))


async def ask(session: CredentialSession, clock: FakeClock, weather: str) -> str | None:
    """Do what a caller does, and insist that it ends within the bounded wait."""
    if weather == "refused":
        asking = asyncio.ensure_future(session.renew(session.credential.token))
    else:
        asking = asyncio.ensure_future(session.token())
    await clock.advance(15.5)
    assert asking.done()
    try:
        return asking.result()
    except (CredentialExpired, CredentialRefused):
        return None


async def live(days: list[Weather], *, bound: bool) -> None:
    clock = FakeClock()
    service = FakeTokenService(clock, cluster="puc.test")
    provider = BackendProvider(service) if bound else None
    async with session_of(service, provider, entropy=FakeEntropy()) as session:
        began, met = clock.now(), set[str]()
        for weather in days:
            if weather.kind == "login":
                signing_in = asyncio.ensure_future(session.login())
                await clock.advance(200)
                assert signing_in.done()
                signing_in.exception()
            else:
                await bring(weather, clock, service)
            token = await ask(session, clock, weather.kind)
            met.add("set back" if weather.kind == "clock" and weather.amount < 0 else weather.kind)
            if token is not None and not met >= NEITHER_CLOCK_KNOWS:
                assert service.accepts(token) or token == session.credential.token
        # Calm again: what was not ended for good is well, and what was is well after a sign-in.
        service.end_faults()
        await clock.advance(120)
        if session.mechanism is None or await ask(session, clock, "") is None:
            await session.login()
        token = await ask(session, clock, "")
        assert token is not None
        if not service.accepts(token):
            # Slept through, and the clock set back meanwhile: neither clock can know. The server
            # does, and says 401; then this is what a caller does.
            token = await ask(session, clock, "refused")
            if token is None:
                token = (await session.login()).token
        assert service.accepts(token)
        # Nobody was ever taken for a thief, and nobody hammered the server.
        assert service.count("reuse") == 0
        gone_by = clock.now().mono - began.mono
        assert len(service.requests) <= 40 + 12 * len(days) + gone_by / 10


@settings(max_examples=40, deadline=None)
@given(st.lists(inputs, max_size=10))
def test_a_backends_session_survives_random_outages(days: list[Weather]) -> None:
    asyncio.run(live(days, bound=False))


@settings(max_examples=40, deadline=None)
@given(st.lists(inputs, max_size=10))
def test_a_session_with_a_key_survives_random_outages(days: list[Weather]) -> None:
    asyncio.run(live(days, bound=True))
