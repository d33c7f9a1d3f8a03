"""Batches of steps: steps that arrive while a transaction is being made durable share the next one.

A batch of steps of one kind is one statement or one short transaction. If a step can never succeed,
because of a bug or a duplicate event id, the others run without it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar, cast
from uuid import UUID

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
        project_of: Callable[[Step], UUID] | None,
        begin: Begin | None = None,
        begin_distributed: Begin | None = None,
        writes: bool = False,
    ) -> None:
        """Prepare to gather.

        Args:
            connections: The pool.
            work: Runs a batch. It must not wait for a lock that somebody else may hold for long.
            observe: Called with the size of each batch.
            project_of: The project of a step. Where tables are distributed, a batch is cut by
                shard, and several parts run at once. None: a batch is never cut.
            begin: Begins the transaction of a batch; None if it is one statement.
            begin_distributed: The same where tables are distributed; by default `begin`.
            writes: Whether it writes.
        """
        self._writes = writes
        self._connections = connections
        self._project_of = project_of
        self._begin_transaction = begin
        self._begin_distributed = begin_distributed or begin
        self._parts = asyncio.Semaphore(max(1, connections.limits.connections - 2))
        self._work = work
        self._gather = GroupCommit[Step, Result](self._begin, observe=observe)
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

    def _begin(self, steps: Sequence[Step], done: Callable[[Outcomes[Result]], None]) -> None:
        # The event loop keeps only weak references to tasks.
        self._running = asyncio.ensure_future(self._run(steps))
        self._running.add_done_callback(lambda task: done(_outcomes(task, steps)))

    async def _run(self, steps: Sequence[Step]) -> Outcomes[Result]:
        try:
            if self._project_of is None or not await self._connections.is_distributed():
                return await self._run_together(steps, self._begin_transaction)
            projects = [self._project_of(step) for step in steps]
            shards = await self._shards_of(set(projects))
        except Exception as error:  # noqa: BLE001 - or the callers would wait without end
            return [error] * len(steps)
        parts: dict[object, list[int]] = {}
        for place, project in enumerate(projects):
            parts.setdefault(shards[project] or project, []).append(place)
        outcomes: list[Result | BaseException | None] = [None] * len(steps)
        await asyncio.gather(
            *(self._run_part(steps, places, outcomes) for places in parts.values())
        )
        return cast("Outcomes[Result]", outcomes)

    async def _shards_of(self, projects: Collection[UUID]) -> Mapping[UUID, int | None]:
        shards = self._connections.shards
        unknown = shards.unknown(projects)
        if unknown:
            await self._connections.attempt(lambda db: shards.learn(db, unknown))
        return shards.of(projects)

    async def _run_part(
        self,
        steps: Sequence[Step],
        places: Sequence[int],
        outcomes: list[Result | BaseException | None],
    ) -> None:
        """Run the steps of one shard, and put their outcomes where they belong."""
        async with self._parts:
            part = [steps[place] for place in places]
            for place, outcome in zip(
                places, await self._run_together(part, self._begin_distributed), strict=True
            ):
                outcomes[place] = outcome

    async def _run_together(self, steps: Sequence[Step], begin: Begin | None) -> Outcomes[Result]:
        try:
            return await self._connections.attempt(
                lambda db: self._work(db, steps), begin, writes=self._writes
            )
        except StoreUnavailable as error:
            return [error] * len(steps)
        except Exception as bug:  # noqa: BLE001 - belongs to one step; found below
            if len(steps) == 1:
                return [bug]
            # This is rare, so each step simply runs alone.
            self._connections.shards.forget()
            return [(await self._run_together([step], begin))[0] for step in steps]


def _outcomes(task: asyncio.Task[Outcomes[Result]], steps: Sequence[object]) -> Outcomes[Result]:
    if task.cancelled():  # the event loop is shutting down
        return [StoreUnavailable("store_closed")] * len(steps)
    error = task.exception()
    return task.result() if error is None else [error] * len(steps)
