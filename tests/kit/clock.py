"""Time that only moves when it is told to."""

from typing import Final

NOW: Final = 1_700_000_000
"""Where a frozen clock starts: 2023-11-14T22:13:20Z."""


class FrozenClock:
    """See `satmint.model.clock.Clock`."""

    def __init__(self, at: int = NOW) -> None:
        self.at = at
        self._stepped = 0

    def now(self) -> int:
        """Unix seconds, the same until somebody moves them."""
        return self.at

    def monotonic(self) -> float:
        """The time that has passed: steps are no part of it."""
        return float(self.at - self._stepped)

    def advance(self, seconds: int) -> None:
        """Move on by `seconds`."""
        self.at += seconds

    def step(self, seconds: int) -> None:
        """Set the clock, while no time passes."""
        self.at += seconds
        self._stepped += seconds
