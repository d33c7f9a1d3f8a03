"""Time is an argument: code that needs it takes a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """The time source of the token service."""

    def now(self) -> int:
        """Whole seconds since the Unix epoch, UTC (RFC 7519, section 2: NumericDate)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Whole seconds since the Unix epoch, rounded down."""
        return int(time.time())  # noqa: TID251 - the one place
