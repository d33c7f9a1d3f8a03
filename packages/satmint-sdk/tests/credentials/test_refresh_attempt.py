"""A refresh whose result has become obsolete ends without another request or event."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from kit.sessions import ScriptedProvider, Step, credential_for
from satmint_sdk.credentials import SessionEvent, TransientRefreshError
from satmint_sdk.credentials.refresh._attempt import CredentialState, RefreshAttempt, Superseded
from satmint_sdk.credentials.refresh._mechanisms import ByProvider
from satmint_sdk.testing import FakeClock, FakeEntropy, settle


class Refresh:
    """A `RefreshAttempt` that is wanted until a test says otherwise."""

    def __init__(self, clock: FakeClock, *steps: Step) -> None:
        self.provider = ScriptedProvider(credential_for(clock, 1000), *steps)
        self.wanted = True
        self.events: list[SessionEvent] = []
        self.counts: Counter[str] = Counter()
        self.attempt = RefreshAttempt(
            CredentialState(credential_for(clock, 1000), None, ByProvider(self.provider)),
            clock=clock,
            entropy=FakeEntropy(0),
            emit=self.events.append,
            is_wanted=lambda: self.wanted,
            longest_duration=0.0,
            counts=self.counts,
            forced=False,
        )


async def test_during_the_wait_for_the_next_attempt(clock: FakeClock) -> None:
    refresh = Refresh(clock, TransientRefreshError("busy", 7), credential_for(clock, 2000))
    running = asyncio.ensure_future(refresh.attempt.run())
    await settle()
    assert refresh.attempt.idle
    refresh.wanted = False
    await clock.advance(8)
    with pytest.raises(Superseded):
        await running
    assert refresh.provider.refreshes == 1


@pytest.mark.parametrize("fails", [True, False])
async def test_during_an_attempt(clock: FakeClock, fails: bool) -> None:
    answer = asyncio.get_running_loop().create_future()
    refresh = Refresh(clock, lambda: answer)
    running = asyncio.ensure_future(refresh.attempt.run())
    await settle()
    assert not refresh.attempt.idle
    refresh.wanted = False
    if fails:
        answer.set_exception(TransientRefreshError("busy"))
    else:
        answer.set_result(credential_for(clock, 2000))
    with pytest.raises(Superseded):
        await running
    assert refresh.events == []
    assert refresh.counts == {}
