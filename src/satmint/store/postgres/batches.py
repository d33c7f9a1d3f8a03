"""Batches of steps: steps that arrive while a transaction is being made durable share the next one.

A batch of steps of one kind is one statement or one short transaction. If a step can never succeed,
because of a bug or a duplicate event id, the others run without it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Generic, TypeVar

from satmint.model.refusals import StoreUnavailable
from satmint.store.group_commit import GroupCommit, Outcomes
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.transactions import Begin

Step = TypeVar("Step")
Result = TypeVar("Result")

BatchWork = Callable[[Connection, Sequence[Step]], Awaitable[Sequence[Result]]]
"""Runs all steps of a batch or none; one result for each, in order."""


class Batches(Generic[Step, Result]):
    """Gathers steps of one kind and runs one batch at a time.

    So the steps of one session run in the order of their submission.
    """

    def __init__(
        self,
        connections: ConnectionPool,
        work: BatchWork[Step, Result],
        observe: Callable[[int], None] = lambda _size: None,
        *,
        begin: Begin | None = None,
        writes: bool = False,
        turn: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        """Prepare to gather.

        Args:
            connections: The pool.
            work: Runs a batch. It must not wait for a lock that somebody else may hold for long.
            observe: Called with the size of each batch.
            begin: Begins the transaction of a batch; None if it is one statement.
            writes: Whether it writes.
            turn: Entered for each batch: it may wait, so that others have a connection.
        """
        self._connections = connections
        self._work = work
        self._begin = begin
        self._writes = writes
        self._turn = nullcontext() if turn is None else turn
        self._gather = GroupCommit[Step, Result](self._start, observe=observe)
        self._running: asyncio.Task[Outcomes[Result]] | None = None

    def submit(self, step: Step) -> asyncio.Future[Result]:
        """Run `step` as part of a batch.

        Raises:
            StoreUnavailable: too many steps are waiting.
        """
        return self._gather.submit(step)

    async def drained(self) -> None:
        """Wait until all submitted steps are done."""
        await self._gather.drained()

    def _start(self, steps: Sequence[Step], done: Callable[[Outcomes[Result]], None]) -> None:
        # The event loop keeps only weak references to tasks.
        self._running = asyncio.ensure_future(self._in_turn(steps))
        self._running.add_done_callback(lambda task: done(_outcomes(task, steps)))

    async def _in_turn(self, steps: Sequence[Step]) -> Outcomes[Result]:
        async with self._turn:
            return await self._run(steps)

    async def _run(self, steps: Sequence[Step]) -> Outcomes[Result]:
        try:
            return await self._connections.attempt(
                lambda db: self._work(db, steps), self._begin, writes=self._writes
            )
        except StoreUnavailable as error:
            return [error] * len(steps)
        except Exception as bug:  # noqa: BLE001 - belongs to one step; found below
            self._connections.shards.forget()  # or the rows of a shard are elsewhere now
            if len(steps) == 1:
                return [bug]
            # This is rare, so each step simply runs alone.
            return [(await self._run([step]))[0] for step in steps]


def _outcomes(task: asyncio.Task[Outcomes[Result]], steps: Sequence[object]) -> Outcomes[Result]:
    if task.cancelled():  # the event loop is shutting down
        return [StoreUnavailable("store_closed")] * len(steps)
    error = task.exception()
    return task.result() if error is None else [error] * len(steps)
