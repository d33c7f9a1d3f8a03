"""A clock that moves when it is told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable

from satmint_sdk.credentials import Instant

_TURNS = 25
"""Turns of the event loop after which everything that can go on without time has gone on."""


class FakeClock:
    """Both clocks, moved together by `advance`, or apart by `suspend` and `set_wall`."""

    def __init__(self, wall: float = 1_800_000_000.0, mono: float = 1_000.0) -> None:
        self._wall = wall
        self._mono = mono
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []
        self.stand_still: Callable[[], Awaitable[None]] = settle
        """Waits until everything is done that takes no time by this clock."""

    def now(self) -> Instant:
        return Instant(mono=self._mono, wall=self._wall)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._move(seconds)

    async def asleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            return
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._mono + seconds, next(self._order), waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Let so many seconds go by, with everything event_in at its own moment."""
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
        """Close the lid: the wall clock goes on, the monotonic one stands still, nobody wakes."""
        self._wall += seconds

    def set_wall(self, seconds: float) -> None:
        """Have somebody set the wall clock forward, or back."""
        self._wall += seconds

    def _move(self, seconds: float) -> None:
        self._mono += seconds
        self._wall += seconds


async def settle() -> None:
    """Let every task go on as far as it can without time going by."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop takes no time


class Dice:
    """Entropy that a test chooses: every byte the same, or a reproducible stream."""

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed
        self._count = 0

    def take(self, count: int) -> bytes:
        if self._fixed is not None:
            return bytes([self._fixed]) * count
        self._count += 1
        seed = self._count.to_bytes(8, "big")
        import hashlib

        return hashlib.shake_128(seed).digest(count)
