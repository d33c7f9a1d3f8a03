"""The time of a database that several nodes share."""

import time
from collections.abc import Callable
from typing import Final

from satmint.model.clock import Clock

_MAX_ROUND_TRIP_SECONDS: Final = 0.25
_MIN_CORRECTION_SECONDS: Final = 0.05


def _elapsed() -> float:
    """Seconds since the start of the machine; on Linux, also those of a suspension."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SharedClock:
    """The clock of a database that several nodes share, so that their own clocks need not agree.

    Between measurements it goes on by a clock that nobody sets.
    """

    def __init__(self, machine: Clock, elapsed: Callable[[], float] = _elapsed) -> None:
        """Start with the machine's time.

        Args:
            machine: The machine's clock.
            elapsed: Seconds since some moment. No step of the machine's clock affects it.
        """
        self._machine = machine
        self._elapsed = elapsed
        self._epoch: float | None = None
        """Unix seconds at that moment. None: the database was not asked yet."""
        self._last = 0

    def now(self) -> int:
        """See `Clock.now`. A small correction never makes it go back."""
        if self._epoch is None:
            return self._machine.now()
        now = int(self._epoch + self._elapsed())
        if 0 < self._last - now <= 1:
            return self._last
        self._last = now
        return now

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._machine.monotonic()

    def follow(self, database_time: float, round_trip_seconds: float) -> float:
        """Take over the time of the database. Returns how far ahead of it the machine's clock is.

        Args:
            database_time: Unix seconds, as measured within the last round trip.
            round_trip_seconds: How long that took. A measurement that took too long is ignored,
                unless it is the first one.
        """
        elapsed = self._elapsed()
        epoch = database_time + round_trip_seconds / 2 - elapsed
        first = self._epoch is None
        if first or (
            round_trip_seconds <= _MAX_ROUND_TRIP_SECONDS
            and abs(epoch - (self._epoch or 0)) > _MIN_CORRECTION_SECONDS
        ):
            self._epoch = epoch
        # The machine's clock is read in whole seconds.
        return self._machine.now() + 0.5 - (epoch + elapsed)
