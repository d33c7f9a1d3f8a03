"""Time that only moves when it is told to."""

from typing import Final

NOW: Final = 1_700_000_000
"""Where a frozen clock starts: 2023-11-14T22:13:20Z."""


class FrozenClock:
    """See `satmint.model.clock.Clock`."""

    def __init__(self, at: int = NOW) -> None:
        self.at = at

    def now(self) -> int:
        """Unix seconds, the same until somebody moves them."""
        return self.at

    def advance(self, seconds: int) -> None:
        """Move on by `seconds`."""
        self.at += seconds
