"""Time, sleep and randomness: the one place that uses the machine's.

All other code takes a `Clock` and an `Entropy`, so that a test can simulate three hours in
milliseconds; a linter bans direct use (rule TID251 in `pyproject.toml`).
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
        mono: Seconds by the monotonic clock, which may stop while the machine sleeps.
        wall: Seconds since the epoch, UTC. Continues during sleep, but may be set.
    """

    mono: float
    wall: float


class Clock(Protocol):
    """A source of time that can also sleep; all in seconds."""

    def now(self) -> Instant:
        """Read both clocks at the same moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Suspend this task for `seconds`."""
        ...


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def take(self, count: int) -> bytes:
        """Draw `count` unpredictable bytes."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __repr__(self) -> str:
        return "SYSTEM_CLOCK"

    def now(self) -> Instant:
        """Read both clocks at the same moment."""
        return Instant(mono=time.monotonic(), wall=time.time())  # noqa: TID251 - the one place

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        time.sleep(seconds)  # noqa: TID251 - the one place

    async def asleep(self, seconds: float) -> None:
        """Suspend this task for `seconds`."""
        import asyncio

        await asyncio.sleep(seconds)  # noqa: TID251 - the one place


class SystemEntropy:
    """The operating system's random generator."""

    def __repr__(self) -> str:
        return "SYSTEM_ENTROPY"

    def take(self, count: int) -> bytes:
        """Draw `count` bytes from the operating system."""
        return os.urandom(count)  # noqa: TID251 - the one place


SYSTEM_CLOCK: Final[Clock] = SystemClock()
SYSTEM_ENTROPY: Final[Entropy] = SystemEntropy()


def fraction(entropy: Entropy) -> float:
    """Draw a number in [0, 1) with 53 random bits."""
    return (int.from_bytes(entropy.take(7), "big") >> 3) / (1 << 53)
