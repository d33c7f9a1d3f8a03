"""Batches of shards run beside each other, where tables are distributed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import pytest

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.batches_by_shard import BatchesByShard
from satmint.store.postgres.connecting import Connection, PostgresLimits
from satmint.store.postgres.connection_pool import ConnectionPool
from tests.kit.postgres import the_server
from tests.store.like_a_cluster import new_cluster

EVEN: Final = UUID(bytes=bytes([2] * 16))
ODD: Final = UUID(bytes=bytes([3] * 16))
ALSO_ODD: Final = UUID(bytes=bytes([5] * 16))
LOCKED: Final = 2
"""The advisory lock that steps of `EVEN` wait for."""


async def wait_for_lock(db: Connection, projects: Sequence[UUID]) -> Sequence[UUID]:
    """A batch that waits as one does whose shard is being moved."""
    for first in {project.bytes[0] for project in projects}:
        await db.execute("SELECT pg_advisory_lock_shared($1), pg_advisory_unlock_shared($1)", first)
    return projects


@asynccontextmanager
async def pool_of(url: str) -> AsyncIterator[ConnectionPool]:
    pool = ConnectionPool(DatabaseUrl.of(url), PostgresLimits(connections=4))
    yield pool
    await pool.close()


@pytest.fixture
async def cluster() -> AsyncIterator[ConnectionPool]:
    async with pool_of(new_cluster()) as pool:
        yield pool


@pytest.fixture
async def single() -> AsyncIterator[ConnectionPool]:
    async with pool_of(the_server().new_database()) as pool:
        yield pool


def batches_of(
    pool: ConnectionPool, observe: Callable[[int], None] = lambda _size: None
) -> BatchesByShard[UUID, UUID]:
    return BatchesByShard(pool, wait_for_lock, observe, project_of=lambda project: project)


async def locked(pool: ConnectionPool) -> Connection:
    holder = await pool.connect()
    await holder.execute("SELECT pg_advisory_lock($1)", LOCKED)
    return holder


async def test_a_shard_that_waits_delays_no_other_one(cluster: ConnectionPool) -> None:
    holder = await locked(cluster)
    batches = batches_of(cluster)
    blocked = batches.submit(EVEN)
    for project in (ODD, ALSO_ODD, ODD):
        assert await batches.submit(project) == project
    later = batches.submit(EVEN)
    assert not blocked.done()
    await holder.close()
    assert (await blocked, await later) == (EVEN, EVEN)


async def test_steps_of_a_shard_share_a_batch(cluster: ConnectionPool) -> None:
    sizes: list[int] = []
    batches = batches_of(cluster, sizes.append)
    await batches.submit(EVEN)
    projects = [ODD, EVEN, ALSO_ODD, EVEN, ODD]
    await asyncio.gather(*(batches.submit(project) for project in (ODD, ALSO_ODD)))
    sizes.clear()
    assert await asyncio.gather(*(batches.submit(project) for project in projects)) == projects
    assert sorted(sizes) == [2, 3]


async def test_all_steps_share_a_batch_elsewhere(single: ConnectionPool) -> None:
    sizes: list[int] = []
    batches = batches_of(single, sizes.append)
    projects = [EVEN, ODD, ALSO_ODD]
    for _ in range(2):  # before and after the first connection
        assert await asyncio.gather(*(batches.submit(project) for project in projects)) == projects
    assert sizes == [3, 3]


async def test_drained_waits_for_steps_whose_shard_is_being_asked_for(
    cluster: ConnectionPool,
) -> None:
    batches = batches_of(cluster)
    step = batches.submit(ODD)
    await batches.drained()
    assert step.result() == ODD


async def test_steps_of_a_database_that_cannot_be_reached_are_answered() -> None:
    nowhere = DatabaseUrl.of("postgres://nobody@127.0.0.1:1/nowhere")
    pool = ConnectionPool(nowhere, PostgresLimits(connections=2))
    steps = [batches_of(pool).submit(project) for project in (EVEN, ODD)]
    found = await asyncio.gather(*steps, return_exceptions=True)
    assert [type(error) for error in found] == [StoreUnavailable] * 2
    await pool.close()
