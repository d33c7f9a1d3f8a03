"""A clock that can be set, moved and stopped."""

from typing import Final

from satmint.model.clock import Clock

EARLIEST: Final = 946_684_800
"""2000-01-01T00:00:00Z."""
LATEST: Final = 4_102_444_799
"""2099-12-31T23:59:59Z. The expiry of a token issued then can still be formatted as a time."""


class MovableClock:
    """A `satmint.model.clock.Clock` with an offset from the system clock, or stopped."""

    def __init__(self, system_clock: Clock) -> None:
        self._system_clock = system_clock
        self._offset = 0
        self._passed = 0
        """Seconds that passed by `advance`."""
        self._frozen_at: int | None = None

    def now(self) -> int:
        """Return whole seconds since the Unix epoch."""
        if self._frozen_at is not None:
            return self._frozen_at
        return self._system_clock.now() + self._offset

    def monotonic(self) -> float:
        """Return seconds since some moment. Setting the clock does not change it."""
        return self._system_clock.monotonic() + self._passed

    @property
    def offset(self) -> int:
        """The seconds that it is ahead of the system clock."""
        return self.now() - self._system_clock.now()

    @property
    def frozen(self) -> bool:
        """Whether it is stopped."""
        return self._frozen_at is not None

    def set(self, at: int) -> None:
        """Set the time to `at`, Unix seconds. A stopped clock remains stopped."""
        if self._frozen_at is None:
            self._offset = at - self._system_clock.now()
        else:
            self._frozen_at = at

    def advance(self, seconds: int) -> None:
        """Let `seconds` pass. Negative: set the clock back."""
        self.set(self.now() + seconds)
        self._passed += max(seconds, 0)

    def freeze(self) -> None:
        """Stop the clock at the present time."""
        self._frozen_at = self.now()

    def resume(self) -> None:
        """Continue from the time at which the clock was stopped."""
        if self._frozen_at is not None:
            self._offset = self.offset
            self._frozen_at = None

    def reset(self) -> None:
        """Return to the time of the system clock."""
        self._offset = 0
        self._frozen_at = None
