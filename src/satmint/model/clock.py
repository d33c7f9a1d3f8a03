"""Time is an argument: whoever needs it takes a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time of the token service."""

    def now(self) -> int:
        """Whole seconds since the Unix epoch, UTC (RFC 7519, section 2: NumericDate)."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        """Whole seconds since the Unix epoch, rounded down."""
        return int(time.time())  # noqa: TID251 - the one place
