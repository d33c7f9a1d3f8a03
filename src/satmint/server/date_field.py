"""The `Date` field of responses."""

from collections.abc import Callable
from email.utils import formatdate


class DateField:
    """The `Date` field of responses (RFC 9110, section 6.6.1), formatted once a second."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Use the clock `now`, in Unix seconds."""
        self._now = now
        self._second = -1
        self.line = b""
        """The complete header line, as of the last refresh."""
        self.refresh()

    def refresh(self) -> None:
        """Read the clock; called several times a second."""
        second = self._now()
        if second != self._second:
            self._second = second
            self.line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")
