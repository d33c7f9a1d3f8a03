"""A server that dies without a word, and comes back where it was with what it had."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from kit.server import Live, running


class Mortal:
    """A real server, to be used in a `with` block.

    Attributes:
        deaths: How often it was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.deaths = 0
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._live: Live | None = None
        self._port = 0

    @property
    def live(self) -> Live:
        """What it says of itself; project, tokens and address stay the same."""
        assert self._live is not None
        return self._live

    def start(self) -> None:
        """Start it, for the first time or again; ready when this returns."""
        self._live = self._stack.enter_context(running(self._folder, self._port))
        self._port = int(self._live.host.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is closed."""
        self.live.process.send_signal(signal.SIGKILL)
        self.live.process.wait()
        self.deaths += 1

    def stop(self) -> None:
        """SIGTERM: it says good-bye to everybody first."""
        self.live.process.terminate()
        self.live.process.wait()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Have it dead within the block."""
        self.kill()
        yield
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
