"""A session whose server is killed at random, again and again."""

from __future__ import annotations

import asyncio
import random  # noqa: TID251 - see `dice`
from pathlib import Path

from kit.killable_server import Mortal
from kit.sessions import kinds
from kit.time_lapse import Watched
from satmint_sdk.credentials import (
    CredentialSession,
    FileRefreshTokenStore,
    SubscriberCredentialProvider,
)
from satmint_sdk.testing import FakeClock, FakeEntropy

REFRESHES = 200
BELIEVED_LIFE = 900
DEATHS = 10


async def kill_in_the_middle(server: Mortal, provider: Watched, seconds: float) -> None:
    """Kill the server so long after the next request has set out."""
    provider.begun.clear()
    await provider.begun.wait()
    now = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, now.set)
    await now.wait()
    server.kill()


async def test_two_hundred_refreshes_and_a_server_that_is_killed_at_random(tmp_path: Path) -> None:
    """The schedule, the rotations, the deaths are real; the two hours between refreshes are not.

    The session's clock is driven, and the server has the machine's. So every refresh is one that
    the schedule asked for, at 70 to 80 % of a life, while the server sees two days pass in seconds:
    no token is near its end *there*, whatever the session believes. To make its days shorter it is
    told that tokens live 15 minutes. What happens to tokens that really expire is tested with one
    clock on both sides: in `tests/credentials` with the fake service, and by the server's tests.

    The deaths are SIGKILL, at random moments of the real clock while a refresh is under way; the
    server starts again, at the same address, from what it had made durable.
    """
    dice = random.Random(20)  # noqa: S311 - chooses moments, in the same order every time
    deaths = set(dice.sample(range(2, REFRESHES - 2), DEATHS))
    clock = FakeClock()
    with Mortal(tmp_path) as server:
        async with server.live.async_client() as client:
            store = FileRefreshTokenStore(tmp_path / "session", clock=clock)
            rotating = SubscriberCredentialProvider(
                client,
                reference="survivor",
                store=store,
                refreshed_lifetime=BELIEVED_LIFE,
                clock=clock,
            )
            provider = Watched(rotating, clock)
            async with CredentialSession(provider, entropy=FakeEntropy(), clock=clock) as session:
                while (refreshes := len(provider.handed_out) - 1) < REFRESHES:
                    if refreshes in deaths:
                        deaths.remove(refreshes)
                        delay = dice.uniform(0, 0.006)
                        dying = asyncio.create_task(kill_in_the_middle(server, provider, delay))
                        while not dying.done():
                            await clock.advance(dice.uniform(1, 30))
                        await clock.advance(dice.uniform(0, 90))  # it is down so long
                        await asyncio.to_thread(server.start)
                    await clock.advance(dice.uniform(1, 120))
                    token = await provider.ask(session, clock)
                    if dice.random() < 0.3:  # else the server never learns that it arrived
                        assert server.live.accepts(token)
                assert server.live.accepts(await provider.ask(session, clock))
                # The warning of the sign-in may have left the log, which is bounded.
                later = set(kinds(session)) - {"warning:credential_refresh_fallback"}
                assert later == {"refreshed", "warning:attempt_failed"}
        trail = server.live.trail()
        assert server.deaths == DEATHS
        assert (trail["issued"], trail["reuse_detected"]) == (1, 0)
        assert trail["refreshed"] >= REFRESHES
        assert len({credential.token for credential in provider.handed_out}) == REFRESHES + 1
