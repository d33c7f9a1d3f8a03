"""Returns memory to the operating system after a peak of connections.

The C library keeps freed memory for reuse. After many TLS connections that is tens of megabytes,
which look like a leak.
"""

import contextlib
import ctypes
from typing import Final

_PEAK: Final = 100
"""Connections; after smaller peaks the call, which takes milliseconds, frees too little."""


class MemoryTrimmer:
    """Releases memory once half of a peak's connections are closed."""

    def __init__(self) -> None:
        self._peak = 0

    def observe(self, connections: int) -> None:
        """Record the current number of connections."""
        self._peak = max(self._peak, connections)
        if self._peak >= _PEAK and connections * 2 <= self._peak:
            self._peak = connections
            release_memory()


def release_memory() -> None:
    """Make the C library return free memory, if it can (glibc)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
