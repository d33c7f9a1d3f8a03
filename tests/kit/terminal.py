"""A terminal of a given size, and what a program shows on it."""

import fcntl
import os
import pty
import re
import struct
import termios
from threading import Thread

LINES = 24


class Terminal:
    """A pseudo-terminal whose output is read while it is open.

    Attributes:
        descriptor: The descriptor for the program's standard streams.
    """

    def __init__(self, columns: int = 80, lines: int = LINES) -> None:
        self._ours, self.descriptor = pty.openpty()
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._shown = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, text: str) -> None:
        """Type at the keyboard."""
        os.write(self._ours, text.encode())

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._ours, 65_536)
            except OSError:  # Linux says so when the last program has closed it
                return
            if not piece:
                return
            self._shown += piece

    def close(self) -> str:
        """Close it when its programs have ended; return what they showed, with escape sequences."""
        os.close(self.descriptor)
        self._reader.join()
        os.close(self._ours)
        return self._shown.decode().replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    """`text` without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
