"""A clock and an entropy that a test drives."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
from collections.abc import Awaitable, Callable
from typing import Final

from satmint_sdk._ambient import Instant

_TURNS: Final = 25
"""Turns of the event loop after which everything that needs no time is done."""


class FakeClock:
    """A `Clock` that only a test moves: by `advance` in an event loop, by `sleep` without one.

    Example:
        clock = FakeClock()
        async with CredentialSession(provider, clock=clock) as session:
            await clock.advance(3 * 3600)

    It wakes the tasks of one event loop, in the order of their deadlines, each at its own moment.

    Args:
        wall: The wall clock at the start, in seconds since the epoch.
        mono: The monotonic clock at the start, in seconds.

    Attributes:
        slept: The seconds of every sleep that was asked for, in order.
        stand_still: Awaited by `advance` before the clock moves; `settle` unless replaced. Replace
            it where work outside the loop (a real server, a disk) must end first.
    """

    def __init__(self, wall: float = 1_800_000_000.0, mono: float = 1_000.0) -> None:
        self._wall = wall
        self._mono = mono
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []
        self.stand_still: Callable[[], Awaitable[None]] = settle

    def now(self) -> Instant:
        """Read both clocks."""
        return Instant(mono=self._mono, wall=self._wall)

    def sleep(self, seconds: float) -> None:
        """Move both clocks on by `seconds`, and return at once."""
        self.slept.append(seconds)
        self._move(seconds)

    async def asleep(self, seconds: float) -> None:
        """Suspend this task until `advance` has moved the clocks by `seconds`."""
        self.slept.append(seconds)
        if seconds <= 0:
            return
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._mono + seconds, next(self._order), waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Move both clocks on by `seconds`; whatever is due meanwhile runs at its own moment."""
        target = self._mono + seconds
        await self.stand_still()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, waker = heapq.heappop(self._sleepers)
            if waker.done():
                continue
            self._move(max(0.0, due - self._mono))
            waker.set_result(None)
            await self.stand_still()
        self._move(target - self._mono)
        await self.stand_still()

    def suspend(self, seconds: float) -> None:
        """Suspend the machine: the wall clock moves, the monotonic one does not, nothing wakes."""
        self._wall += seconds

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock forward by `seconds`, or back if negative."""
        self._wall += seconds

    def _move(self, seconds: float) -> None:
        self._mono += seconds
        self._wall += seconds


async def settle() -> None:
    """Let every task of the running event loop go on as far as it can without time passing."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop takes no time


class FakeEntropy:
    """An `Entropy` that is the same in every run.

    Args:
        fixed: The value of every byte; 0 means no jitter at all. A reproducible stream of different
            bytes if absent.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed
        self._count = 0

    def take(self, count: int) -> bytes:
        """Draw `count` bytes."""
        if self._fixed is not None:
            return bytes([self._fixed]) * count
        self._count += 1
        return hashlib.shake_128(self._count.to_bytes(8, "big")).digest(count)
