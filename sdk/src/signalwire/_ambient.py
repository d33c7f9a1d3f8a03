"""Time, sleep and randomness: the one place that asks the machine for them.

Everything else takes a `Clock` and an `Entropy`, so that a test can run three hours in
milliseconds and a linter can forbid the rest (rule TID251 in `pyproject.toml`).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks.

    Attributes:
        mono: Seconds on a clock that nobody can set. It may stand still while the machine sleeps.
        wall: Seconds since the epoch, UTC. It goes on during sleep, and it may be set.
    """

    mono: float
    wall: float


class Clock(Protocol):
    """What tells the time and waits, in seconds."""

    def now(self) -> Instant:
        """Read both clocks at the same moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Hold this thread up for `seconds`."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Hold this task up for `seconds`; other tasks go on."""
        ...


class Entropy(Protocol):
    """What draws unpredictable bytes."""

    def take(self, count: int) -> bytes:
        """Draw `count` bytes that nobody can guess."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> Instant:
        """Read both clocks at the same moment."""
        return Instant(mono=time.monotonic(), wall=time.time())  # noqa: TID251 - the one place

    def sleep(self, seconds: float) -> None:
        """Hold this thread up for `seconds`."""
        time.sleep(seconds)  # noqa: TID251 - the one place

    async def asleep(self, seconds: float) -> None:
        """Hold this task up for `seconds`; other tasks go on."""
        import asyncio

        await asyncio.sleep(seconds)  # noqa: TID251 - the one place


class SystemEntropy:
    """The machine's own randomness."""

    def take(self, count: int) -> bytes:
        """Draw `count` bytes from the operating system."""
        return os.urandom(count)  # noqa: TID251 - the one place


SYSTEM_CLOCK: Final[Clock] = SystemClock()
SYSTEM_ENTROPY: Final[Entropy] = SystemEntropy()


def fraction(entropy: Entropy) -> float:
    """Draw a number from 0 up to, and without, 1, of 53 random bits."""
    return (int.from_bytes(entropy.take(7), "big") >> 3) / (1 << 53)
