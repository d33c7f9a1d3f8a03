"""Fair scheduling between pipelining connections, new WebSockets and all others.

A client that pipelines many requests could have one answered in each iteration of the event loop.
With many such clients an iteration takes long, and a new caller needs several of them. So in each
iteration only a few connections proceed to a request that is already buffered. The same holds for
opening handshakes of WebSockets, of which thousands come at once after a restart.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_PER_ITERATION: Final = 8


class PipelineQueue:
    """A queue of connections with a buffered request; first come, first served."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._called = 0
        """Calls of `run` in this iteration that did not wait."""

    def submit(self, work: Callable[[], None]) -> None:
        """Call `work` in one of the next iterations of the event loop."""
        if not self._waiting:
            self._loop.call_soon(self._run)
        self._waiting.append(work)

    def run(self, work: Callable[[], None]) -> None:
        """Call `work` at once, or as `submit` does if enough was called in this iteration."""
        if self._waiting or self._called >= _PER_ITERATION:
            self.submit(work)
            return
        if not self._called:
            self._loop.call_soon(self._reset)
        self._called += 1
        work()

    def _reset(self) -> None:
        self._called = 0

    def _run(self) -> None:
        try:
            for _ in range(min(_PER_ITERATION, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            if self._waiting:
                self._loop.call_soon(self._run)
