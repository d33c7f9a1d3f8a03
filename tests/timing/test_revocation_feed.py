"""How soon a revocation is told on another node."""

import asyncio
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from satmint.flows.revoke import revoke_session
from tests.http.test_revocation_feed import two_nodes
from tests.kit.databases import DATABASES, SQLITE, fresh_database
from tests.kit.service import ORIGIN
from tests.soak.feed_latency import ENDINGS, TWO_NODES, TWO_WORKERS, Topology, feed_latencies

REVOCATIONS: Final = 40
LONGEST_SECONDS: Final = 1.0


@pytest.mark.parametrize("kind", DATABASES)
async def test_revocation_is_told_on_another_node_within_a_second(
    kind: str, tmp_path: Path
) -> None:
    async with two_nodes(kind, tmp_path) as nodes:
        server = nodes.server
        sessions = [
            server.claims((await server.sign_in(f"user {number}"))["token"]).sid
            for number in range(REVOCATIONS)
        ]
        listener = await nodes.hub.listen(server.tenant.id, UUID(int=1), None)
        await listener.next(1)
        time, longest = asyncio.get_running_loop().time, 0.0
        for session in sessions:
            await revoke_session(server.services, server.tenant.id, session, ORIGIN)
            committed_at = time()
            async with asyncio.timeout(20):
                batch = await listener.next(20)
            assert batch is not None
            assert [one.id for one in batch.revocations] == [str(session)]
            longest = max(longest, time() - committed_at)
        listener.close()
    assert longest < LONGEST_SECONDS


@pytest.mark.parametrize(
    ("topology", "kind"),
    [(TWO_WORKERS, SQLITE), (TWO_NODES, SQLITE), (TWO_NODES, DATABASES[1])],
    ids=lambda one: getattr(one, "name", one),
)
async def test_each_ending_is_told_by_other_processes_within_a_second(
    topology: Topology, kind: str, tmp_path: Path
) -> None:
    """A thousand of them are measured by `python -m benchmarks --part feed`."""
    database = await fresh_database(kind, tmp_path)
    found = await feed_latencies(tmp_path, database, topology, rounds=1, projects=2)
    assert found.seconds.keys() == ENDINGS.keys()
    assert all(len(some) == 2 for some in found.seconds.values())
    worst = {name: max(some) for name, some in found.seconds.items()}
    assert max(worst.values()) < LONGEST_SECONDS, worst
