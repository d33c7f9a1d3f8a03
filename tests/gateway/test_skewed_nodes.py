"""Nodes whose clocks are minutes apart: on a shared database, all of them go by its clock."""

import asyncio
import time
from pathlib import Path
from typing import Final

from satmint.assembly import assembled
from satmint.flows.revoke import revoke_session
from satmint.model.clock import SystemClock
from tests.kit.clock import FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.kit.gateway import a_gateway
from tests.kit.postgres import the_server
from tests.kit.service import ORIGIN, a_service

SKEW: Final = 90


class SkewedClock(FrozenClock, SystemClock):
    """The machine's clock, `at` seconds ahead."""

    def now(self) -> int:
        return int(time.time()) + self.at  # noqa: TID251 - what is skewed


async def test_revocation_reaches_a_live_session_whatever_the_clocks_of_the_nodes(
    tmp_path: Path,
) -> None:
    url, ahead, behind = the_server().new_database(), SkewedClock(SKEW), SkewedClock(-SKEW)
    async with a_service(tmp_path, clock=ahead, database=url) as server:
        settings = server.service.settings
        async with (
            assembled(settings, clock=behind, entropy=SeededEntropy("another node")) as other,
            a_gateway(server) as gateway,
            gateway.client() as client,
        ):
            pair = await server.sign_in()
            claims = server.claims(pair["token"])
            assert abs(claims.iat - SystemClock().now()) < SKEW / 2
            await client.connected(pair["token"])
            await revoke_session(other.services, claims.prj, claims.sid, ORIGIN)
            async with asyncio.timeout(20):  # at 60, every session is looked at again anyway
                assert await client.close_code() == 4403


async def test_difference_of_the_clocks_is_measured_and_warned_of(tmp_path: Path) -> None:
    url = the_server().new_database()
    async with a_service(tmp_path, clock=SkewedClock(-SKEW), database=url) as server:
        assert server.service.warnings() == ["database_clock_differs"]
        assert (await server.client.get("/readyz")).json()["warnings"] == ["database_clock_differs"]
        assert abs(server.service.watch.clock_difference + SKEW) < SKEW / 2
        assert "satmint_database_clock_difference_seconds -" in await server.scrape()
        server.clock.at = 0
        await server.service.watch.check()
        assert server.service.warnings() == []
