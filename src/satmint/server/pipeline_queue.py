"""Fair scheduling between pipelining connections and all others.

A client that pipelines many requests could have one answered in each iteration of the event loop.
With many such clients an iteration takes long, and a new caller needs several of them. So in each
iteration only a few connections proceed to a request that is already buffered.
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

    def submit(self, work: Callable[[], None]) -> None:
        """Call `work` in one of the next iterations of the event loop."""
        if not self._waiting:
            self._loop.call_soon(self._run)
        self._waiting.append(work)

    def _run(self) -> None:
        try:
            for _ in range(min(_PER_ITERATION, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            if self._waiting:
                self._loop.call_soon(self._run)
