"""Group commit: steps that arrive while one transaction is being made durable share the next one.

This is where the speed comes from, not from weaker durability: one `fsync` carries as many steps
as were waiting for it. While a batch is under way, later steps wait for its end. Then the next one
is gathered until it holds as many as the last ones did, for a few turns of the event loop at the
most: callers that were just answered come back within some of them, and would otherwise need a
commit of their own. A lone caller's batches hold one, so a lone caller never waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from satmint.model.refusals import StoreUnavailable

Step = TypeVar("Step")
Result = TypeVar("Result")

Outcomes = Sequence[Result | BaseException]
"""One entry for each step of a batch, in order: its result, or what it raised."""

Commit = Callable[[Sequence[Step], Callable[[Outcomes[Result]], None]], None]
"""Begin to make a batch durable; call back once, on the event loop, with its outcomes."""


class GroupCommit(Generic[Step, Result]):
    """Gathers steps into batches, of which one is under way at a time.

    Lives on one event loop. A caller that is cancelled while it waits does not stop its step.
    """

    def __init__(
        self,
        commit: Commit[Step, Result],
        *,
        largest: int = 512,
        most_waiting: int = 20_000,
        turns: int = 8,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """Prepare to gather.

        Args:
            commit: Makes one batch durable.
            largest: Steps in one batch at the most, so that none waits behind an endless one.
            most_waiting: Steps that may wait; past that, new ones are turned away at once.
            turns: Turns of the event loop for which a batch is gathered at the most.
            observe: Told the size of each batch.
        """
        self._commit = commit
        self._largest = largest
        self._most_waiting = most_waiting
        self._turns = turns
        self._expected = 0
        self._observe = observe
        self._waiting: deque[tuple[Step, asyncio.Future[Result]]] = deque()
        self._scheduled = False
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, step: Step) -> asyncio.Future[Result]:
        """Put `step` into the next batch. The future is done once the batch is durable.

        Raises:
            StoreUnavailable: too many steps wait already.
        """
        if len(self._waiting) >= self._most_waiting:
            raise StoreUnavailable("write_queue_full")
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append((step, future))
        if not self._scheduled:
            self._scheduled = True
            self._idle.clear()
            self._loop.call_soon(self._gather, self._turns)
        return future

    async def drained(self) -> None:
        """Return once nothing waits and nothing is under way."""
        await self._idle.wait()

    def _gather(self, turns: int) -> None:
        """Begin the next batch, or look again in a turn, as long as there are turns left."""
        if turns and len(self._waiting) < self._expected:
            self._loop.call_soon(self._gather, turns - 1)
        else:
            self._start()

    def _start(self) -> None:
        count = min(len(self._waiting), self._largest)
        self._expected = max(count, self._expected * 3 // 4)
        batch = [self._waiting.popleft() for _ in range(count)]
        self._observe(count)
        futures = [future for _, future in batch]
        self._commit([step for step, _ in batch], lambda outcomes: self._finish(futures, outcomes))

    def _finish(
        self, futures: Sequence[asyncio.Future[Result]], outcomes: Outcomes[Result]
    ) -> None:
        for future, outcome in zip(futures, outcomes, strict=True):
            if future.done():  # its caller went away
                continue
            if isinstance(outcome, StopIteration):
                # No future can carry it (PEP 479), and the others would wait for ever.
                future.set_exception(RuntimeError("a step raised StopIteration"))
            elif isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if self._waiting:
            self._loop.call_soon(self._gather, self._turns)
        else:
            self._scheduled = False
            self._idle.set()
