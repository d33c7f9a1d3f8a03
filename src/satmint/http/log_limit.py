"""A limit for log lines that clients without credentials can cause."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from satmint.model.rate_limiter import network_of

_MAX_LINES_PER_NETWORK: Final = 10
_MAX_LINES: Final = 100
"""The maximum per second: for one network, and for all networks together."""


class LogRateLimit:
    """Counts log lines per network and second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Create a limit; `clock` is monotonic and returns seconds."""
        self._clock = clock
        self._second = 0
        self._written: Counter[str] = Counter()
        self._suppressed = 0

    def admit(self, address: str) -> dict[str, int] | None:
        """Count a log line about a request from `address`.

        Returns:
            Additional fields for the line: the number of lines suppressed before it, if any. None
            if the line exceeds the limit; then it counts as suppressed.
        """
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._written.clear()
        network = network_of(address)
        if self._written.total() >= _MAX_LINES or self._written[network] >= _MAX_LINES_PER_NETWORK:
            self._suppressed += 1
            return None
        self._written[network] += 1
        more = {"suppressed": self._suppressed} if self._suppressed else {}
        self._suppressed = 0
        return more
