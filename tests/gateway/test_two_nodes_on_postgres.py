"""The gateway over PostgreSQL: two nodes that have nothing but the database in common."""

import asyncio
from pathlib import Path

import pytest

from satmint.assembly import assembled
from satmint.flows.revoke import revoke_session
from satmint.flows.session_queries import list_presence
from tests.kit.clock import NOW, FrozenClock
from tests.kit.devices import a_browser
from tests.kit.entropy import SeededEntropy
from tests.kit.gateway import a_gateway
from tests.kit.postgres import the_server
from tests.kit.service import ORIGIN, a_service


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
async def test_session_is_seen_and_ended_from_another_node(tmp_path: Path, isolation: str) -> None:
    url, clock = the_server().new_database(isolation), FrozenClock()
    async with a_service(tmp_path, clock=clock, database=url) as server:
        browser = await a_browser(server)
        claims = server.claims(browser.token)
        settings = server.service.settings
        async with (
            assembled(settings, clock=clock, entropy=SeededEntropy("another node")) as other,
            a_gateway(server) as gateway,
            gateway.client() as client,
        ):
            proof = browser.signer.rpc_proof("signalwire.connect", iat=NOW)
            await client.connected(browser.token, dpop_token=proof)
            await client.told("subscriber.online")
            await client.event()
            await gateway.gateway.presence.flush()
            assert len(await list_presence(other.services, claims.prj, claims.sub)) == 1
            await revoke_session(other.services, claims.prj, claims.sid, ORIGIN)
            async with asyncio.timeout(3):
                assert await client.close_code() == 4403
            await gateway.gateway.presence.flush()
            assert not await list_presence(other.services, claims.prj, claims.sub)
