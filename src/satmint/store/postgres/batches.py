"""Steps that arrive while one transaction is being made durable share the next one.

A batch of steps of one kind is one statement, or one short transaction. Where a step of it cannot
be done at all, which is a bug or an event's id used twice, the others are done without it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from satmint.model.refusals import StoreUnavailable
from satmint.store.group_commit import GroupCommit, Outcomes
from satmint.store.postgres.connections import Connection, Connections

Step = TypeVar("Step")
Result = TypeVar("Result")

BatchWork = Callable[[Connection, Sequence[Step]], Awaitable[Sequence[Result]]]
"""Does all steps of a batch, all or nothing; one result for each, in order."""


class Batches(Generic[Step, Result]):
    """Gathers steps of one kind, and has one batch of them under way at a time.

    So the steps that it is given for one session are done in the order in which they were given.
    """

    def __init__(
        self,
        connections: Connections,
        work: BatchWork[Step, Result],
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._connections = connections
        self._work = work
        self._gather = GroupCommit[Step, Result](self._begin, observe=observe)
        self._under_way: asyncio.Task[Outcomes[Result]] | None = None

    def submit(self, step: Step) -> asyncio.Future[Result]:
        """Have `step` done as part of a batch.

        Raises:
            StoreUnavailable: too much waits already.
        """
        return self._gather.submit(step)

    async def drained(self) -> None:
        """Return once everything that was submitted is done."""
        await self._gather.drained()

    def _begin(self, steps: Sequence[Step], done: Callable[[Outcomes[Result]], None]) -> None:
        # The loop keeps weak references to tasks only.
        self._under_way = asyncio.ensure_future(self._run(steps))
        self._under_way.add_done_callback(lambda task: done(_outcomes(task, steps)))

    async def _run(self, steps: Sequence[Step]) -> Outcomes[Result]:
        try:
            return await self._connections.attempt(lambda db: self._work(db, steps))
        except StoreUnavailable as error:
            return [error] * len(steps)
        except Exception as bug:  # noqa: BLE001 - it belongs to one caller, and here is who finds out
            if len(steps) == 1:
                return [bug]
            # It is rare, so no pains are taken to find it in fewer steps.
            return [(await self._run([step]))[0] for step in steps]


def _outcomes(task: asyncio.Task[Outcomes[Result]], steps: Sequence[object]) -> Outcomes[Result]:
    if task.cancelled():  # the event loop is going down
        return [StoreUnavailable("store_closed")] * len(steps)
    return task.result()
