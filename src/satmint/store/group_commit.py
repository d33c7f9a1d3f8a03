"""Group commit: steps that arrive while a transaction is being made durable share the next one.

The throughput comes from this and not from weaker durability: one `fsync` serves every step that
waits for it. Steps that arrive while a batch runs wait for its end. The next batch is then gathered
until it is about as large as recent ones, for a few iterations of the event loop at most: callers
that were just answered submit their next step within that time, and would otherwise need a commit
of their own. A single caller's batches hold one step, so a single caller never waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from satmint.model.refusals import StoreUnavailable

Step = TypeVar("Step")
Result = TypeVar("Result")

Outcomes = Sequence[Result | BaseException]
"""One entry for each step of a batch, in order: its result or its exception."""

Commit = Callable[[Sequence[Step], Callable[[Outcomes[Result]], None]], None]
"""Start committing a batch; call back once, on the event loop, with its outcomes."""


class GroupCommit(Generic[Step, Result]):
    """Gathers steps into batches and runs one batch at a time.

    Bound to one event loop. Cancelling a waiting caller does not cancel its step.
    """

    def __init__(
        self,
        commit: Commit[Step, Result],
        *,
        max_batch_size: int = 512,
        max_waiting: int = 20_000,
        max_iterations: int = 8,
        max_seconds: float = 0.01,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """Prepare to gather.

        Args:
            commit: Commits one batch.
            max_batch_size: Steps in one batch, so that no step waits behind an unbounded batch.
            max_waiting: Steps that may wait; further ones are rejected at once.
            max_iterations: Iterations of the event loop for which a batch is gathered.
            max_seconds: The same in time: iterations are long while the process is overloaded.
            observe: Called with the size of each batch.
        """
        self._commit = commit
        self._max_batch_size = max_batch_size
        self._max_waiting = max_waiting
        self._max_iterations = max_iterations
        self._max_seconds = max_seconds
        self._gather_until = 0.0
        self._expected = 0
        self._observe = observe
        self._waiting: deque[tuple[Step, asyncio.Future[Result]]] = deque()
        self._scheduled = False
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, step: Step) -> asyncio.Future[Result]:
        """Add `step` to the next batch. The future completes once the batch is durable.

        Raises:
            StoreUnavailable: too many steps are waiting.
        """
        if len(self._waiting) >= self._max_waiting:
            raise StoreUnavailable("write_queue_full")
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append((step, future))
        if not self._scheduled:
            self._scheduled = True
            self._idle.clear()
            self._begin_to_gather()
        return future

    async def drained(self) -> None:
        """Wait until no step is waiting or running."""
        await self._idle.wait()

    def _begin_to_gather(self) -> None:
        self._gather_until = self._loop.time() + self._max_seconds
        self._loop.call_soon(self._gather, self._max_iterations)

    def _gather(self, max_iterations: int) -> None:
        """Start the next batch, or check again in the next iteration while any are left."""
        more = len(self._waiting) < self._expected and self._loop.time() < self._gather_until
        if max_iterations and more:
            self._loop.call_soon(self._gather, max_iterations - 1)
        else:
            self._start()

    def _start(self) -> None:
        count = min(len(self._waiting), self._max_batch_size)
        self._expected = max(count, self._expected * 3 // 4)
        batch = [self._waiting.popleft() for _ in range(count)]
        self._observe(count)
        futures = [future for _, future in batch]
        self._commit([step for step, _ in batch], lambda outcomes: self._finish(futures, outcomes))

    def _finish(
        self, futures: Sequence[asyncio.Future[Result]], outcomes: Outcomes[Result]
    ) -> None:
        for future, outcome in zip(futures, outcomes, strict=True):
            if future.done():  # its caller was cancelled
                continue
            if isinstance(outcome, StopIteration):
                # A future cannot hold it (PEP 479), and the remaining callers would wait for ever.
                future.set_exception(RuntimeError("a step raised StopIteration"))
            elif isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if self._waiting:
            self._begin_to_gather()
        else:
            self._scheduled = False
            self._idle.set()
