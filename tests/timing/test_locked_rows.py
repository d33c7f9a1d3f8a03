"""A server beside a stranger who has locked a row: how long everybody else waits."""

import asyncio
import sqlite3
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from satmint.assembly import assembled
from satmint.flows.addresses import delete_address
from satmint.flows.revoke import revoke_session
from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW, FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.kit.gateway import a_gateway
from tests.kit.polling import until
from tests.kit.postgres import the_server
from tests.kit.service import ORIGIN, Json, Server, a_service, said
from tests.store.store_setup import Given

CROWD: Final = 12
OTHERS: Final = 8
ROUNDS: Final = 40
SLACK_SECONDS: Final = 0.25
"""What a busy machine adds to anything."""
LOCK_SECONDS: Final = 4
BUSY_SECONDS: Final = 1.5
SESSION: Final = "SELECT 1 FROM sessions WHERE session_id = $1 FOR UPDATE"
PROJECT: Final = "UPDATE projects SET name = name || '' WHERE project_id = $1 RETURNING 1"


@dataclass
class Tenant:
    """A subscriber's session, refreshed again and again."""

    server: Server
    pair: Json

    async def refresh(self) -> float:
        """One refresh; how long it took, in seconds."""
        time = asyncio.get_running_loop().time
        began = time()
        self.pair = await self.server.rotate(self.pair["refresh_token"])
        return time() - began


@asynccontextmanager
async def held(url: str, query: str, *arguments: object) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            assert await connection.fetch(query, *arguments)
            yield
    finally:
        await connection.close()


async def ninety_fifth_percentile(tenants: list[Tenant]) -> float:
    async def rounds(tenant: Tenant) -> list[float]:
        return [await tenant.refresh() for _ in range(ROUNDS)]

    times = [one for some in await asyncio.gather(*map(rounds, tenants)) for one in some]
    return statistics.quantiles(times, n=20)[-1]


@pytest.mark.parametrize("query", [SESSION, PROJECT])
async def test_other_tenants_do_not_wait_for_a_locked_row(tmp_path: Path, query: str) -> None:
    url = the_server().new_database()
    async with a_service(tmp_path, database=url) as server:
        mine = await server.sign_in("mine")
        claims = server.claims(mine["token"])
        locked = claims.sid if query is SESSION else claims.prj
        elsewhere = replace(server, tenant=await server.another_tenant())
        tenants = [
            Tenant(elsewhere, await elsewhere.sign_in(f"user-{number}")) for number in range(OTHERS)
        ]
        await ninety_fifth_percentile(tenants)
        before = await ninety_fifth_percentile(tenants)
        time = asyncio.get_running_loop().time
        async with held(url, query, locked):
            began = time()
            crowd = [
                asyncio.ensure_future(server.refresh(mine["refresh_token"])) for _ in range(CROWD)
            ]
            await until(lambda: server.service.store.backlog().lock_waits == CROWD)
            beside = await ninety_fifth_percentile(tenants)
            answers = await asyncio.gather(*crowd)
            took = time() - began
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert took < 2 * LOCK_SECONDS
        assert beside < 3 * before + SLACK_SECONDS
        assert (await server.refresh(mine["refresh_token"])).status_code == 201


async def test_revocation_reaches_a_live_session_within_a_second_meanwhile(tmp_path: Path) -> None:
    url, clock = the_server().new_database(), FrozenClock()
    time = asyncio.get_running_loop().time
    async with a_service(tmp_path, clock=clock, database=url) as server:
        mine = await server.sign_in("mine")
        live = await server.sign_in("live")
        address = server.tenant.addresses[0].id
        body = {"allowed_addresses": [str(address)]}
        made = await server.client.post(
            "/api/fabric/guests/tokens", json=body, auth=server.tenant.auth
        )
        guest = said(made, 201)
        claims = server.claims(live["token"])
        settings = server.service.settings
        async with (
            assembled(settings, clock=clock, entropy=SeededEntropy("another node")) as other,
            a_gateway(server) as gateway,
            gateway.client() as client,
            gateway.client() as visitor,
            held(url, SESSION, server.claims(mine["token"]).sid),
        ):
            await client.connected(live["token"])
            await visitor.connected(guest["token"])
            crowd = [
                asyncio.ensure_future(server.refresh(mine["refresh_token"])) for _ in range(CROWD)
            ]
            await until(lambda: server.service.store.backlog().lock_waits == CROWD)
            began = time()
            await revoke_session(other.services, claims.prj, claims.sid, ORIGIN)
            async with asyncio.timeout(LOCK_SECONDS):
                assert await client.close_code() == 4403
            assert time() - began < 1
            began = time()
            await delete_address(other.services, claims.prj, address, ORIGIN)
            async with asyncio.timeout(LOCK_SECONDS):
                assert await visitor.close_code() == 4403
            assert time() - began < 1
            assert not any(one.done() for one in crowd)
            await asyncio.gather(*crowd)


async def test_step_that_arrives_behind_a_batch_that_waits_for_the_file_waits_no_longer(
    tmp_path: Path,
) -> None:
    """SQLite has one lock for all: what is bounded is how long each step waits for it."""
    file, time = tmp_path / "satmint.db", asyncio.get_running_loop().time
    store = await open_sqlite(file, NOW, busy_seconds=BUSY_SECONDS)
    stranger = sqlite3.connect(file, isolation_level=None)
    try:
        given = Given(store)
        token = await given.session(await given.project())
        stranger.execute("BEGIN IMMEDIATE")
        start = time()

        async def wait(after: float) -> float:
            # So that it arrives while an earlier batch waits.
            await until(lambda: time() >= start + after)
            began = time()
            with pytest.raises(StoreUnavailable, match="sqlite_busy"):
                await given.rotate(token)
            return time() - began

        arrivals = [share * BUSY_SECONDS for share in (0, 0.1, 0.5, 0.9, 1.1, 1.9)]
        took = await asyncio.gather(*map(wait, arrivals))
        assert max(took) < 1.25 * BUSY_SECONDS + SLACK_SECONDS
        found = await store.sessions.get(token.project, token.session)  # readers do not wait
        assert found is not None
    finally:
        stranger.close()
        await store.close()
    assert found.session.head.generation == 0
