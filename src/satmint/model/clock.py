"""Time is an argument: code that needs it takes a `Clock`."""

import time
from typing import Final, Protocol


class Clock(Protocol):
    """The time source of the token service."""

    def now(self) -> int:
        """Whole seconds since the Unix epoch, UTC (RFC 7519, section 2: NumericDate)."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment. It is never set: whatever waits in a process goes by it."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Whole seconds since the Unix epoch, rounded down."""
        return int(time.time())  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


_STEP_SECONDS: Final = 2
"""Whole seconds of two clocks may differ by one without a step."""


class StepDetector:
    """Notices that the clock was set, in either direction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._measured_offset()

    def has_stepped(self) -> bool:
        """Whether the clock was set by two seconds or more since the last step or the creation."""
        offset = self._measured_offset()
        if abs(offset - self._offset) < _STEP_SECONDS:
            return False
        self._offset = offset
        return True

    def _measured_offset(self) -> float:
        return self._clock.now() - self._clock.monotonic()
