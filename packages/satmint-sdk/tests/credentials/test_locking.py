"""How a lock is waited for, and work that nothing interrupts."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import pytest

from satmint_sdk.credentials import StoreLocked
from satmint_sdk.credentials.stores._locking import acquire_lock, run_to_completion
from satmint_sdk.testing import FakeClock, FakeEntropy, settle


async def _needed() -> bool:
    return False


async def test_a_free_lock_is_not_waited_for(clock: FakeClock) -> None:
    assert await acquire_lock(lambda: True, _needed, clock, FakeEntropy(0)) == 0
    assert clock.slept == []


async def test_pauses_double_up_to_a_tenth_of_a_second(clock: FakeClock) -> None:
    tries = iter([False] * 7 + [True])
    waiting = asyncio.ensure_future(
        acquire_lock(lambda: next(tries), _needed, clock, FakeEntropy(0))
    )
    await clock.advance(1)
    assert clock.slept == pytest.approx([0.0025, 0.005, 0.01, 0.02, 0.04, 0.05, 0.05])
    assert await waiting == pytest.approx(sum(clock.slept))


async def test_jitter_lengthens_a_pause_up_to_double(clock: FakeClock) -> None:
    tries = iter([False, True])
    waiting = asyncio.ensure_future(
        acquire_lock(lambda: next(tries), _needed, clock, FakeEntropy(255))
    )
    await clock.advance(1)
    assert await waiting == pytest.approx(0.005)


async def test_a_lock_that_stays_taken_is_given_up_after_its_time(clock: FakeClock) -> None:
    tried: list[float] = []

    def taken() -> bool:
        tried.append(clock.now().mono)
        return False

    waiting = asyncio.ensure_future(acquire_lock(taken, _needed, clock, FakeEntropy(0), 0.1))
    await clock.advance(0.12)
    assert not waiting.done()
    await clock.advance(0.01)
    with pytest.raises(StoreLocked, match=r"within 0\.1 s"):
        await waiting
    assert all(later > earlier for earlier, later in pairwise(tried))


async def test_a_lock_that_is_needless_is_not_taken(clock: FakeClock) -> None:
    answers = iter([False, True])

    async def needless() -> bool:
        return next(answers)

    tries: list[float] = []

    def taken() -> bool:
        tries.append(clock.now().mono)
        return False

    waiting = asyncio.ensure_future(acquire_lock(taken, needless, clock, FakeEntropy(0)))
    await clock.advance(1)
    assert await waiting > 0
    assert len(tries) == 1


async def test_work_goes_on_to_its_end_when_its_caller_is_cancelled() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(20)
        ended.set()
        raise ValueError

    running = asyncio.ensure_future(run_to_completion(work))
    for _ in range(2):
        await settle()
        running.cancel()
        await settle()
        assert not running.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_work_returns_and_fails_as_in_its_callers_thread() -> None:
    assert await run_to_completion(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await run_to_completion(lambda: 1 // 0)
