"""Batches of one shard each, where tables are distributed: none waits for another shard.

Elsewhere, all steps share the batches of one `Batches`.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from satmint.store.postgres.batches import Batches, BatchWork
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.transactions import Begin

Step = TypeVar("Step")
Result = TypeVar("Result")


class BatchesByShard(Generic[Step, Result]):
    """Gathers steps of one kind and runs one batch of each shard at a time."""

    def __init__(
        self,
        connections: ConnectionPool,
        work: BatchWork[Step, Result],
        observe: Callable[[int], None] = lambda _size: None,
        *,
        project_of: Callable[[Step], UUID],
        begin: Begin | None = None,
        begin_distributed: Begin | None = None,
        writes: bool = False,
    ) -> None:
        """Prepare to gather.

        Args:
            connections: The pool.
            work: Runs a batch; see `Batches`.
            observe: Called with the size of each batch.
            project_of: The project of a step.
            begin: Begins the transaction of a batch; None if it is one statement.
            begin_distributed: The same where tables are distributed; by default `begin`.
            writes: Whether it writes.
        """
        self._connections = connections
        self._project_of = project_of
        self._together = Batches(connections, work, observe, begin=begin, writes=writes)
        turn = asyncio.Semaphore(max(1, connections.limits.connections - 2))
        self._new_shard: Callable[[], Batches[Step, Result]] = lambda: Batches(
            connections,
            work,
            observe,
            begin=begin_distributed or begin,
            writes=writes,
            turn=turn,
        )
        self._of_shard: dict[int, Batches[Step, Result]] = {}
        self._questions = Batches(connections, connections.shards.ask)
        self._asking = set[asyncio.Task[Result]]()

    def submit(self, step: Step) -> asyncio.Future[Result]:
        """Run `step` as part of a batch.

        Raises:
            StoreUnavailable: too many steps are waiting.
        """
        if self._connections.distributed is False:
            return self._together.submit(step)
        shard = self._connections.shards.known(self._project_of(step))
        if shard is not None:
            return self._batches_of(shard).submit(step)
        task = asyncio.ensure_future(self._ask_and_submit(step))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    async def drained(self) -> None:
        """Wait until all submitted steps are done."""
        while self._asking:
            await asyncio.wait(self._asking)
        for batches in (self._together, *self._of_shard.values()):
            await batches.drained()

    async def _ask_and_submit(self, step: Step) -> Result:
        shard = await self._questions.submit(self._project_of(step))
        batches = self._together if shard is None else self._batches_of(shard)
        return await batches.submit(step)

    def _batches_of(self, shard: int) -> Batches[Step, Result]:
        if shard not in self._of_shard:
            self._of_shard[shard] = self._new_shard()
        return self._of_shard[shard]
