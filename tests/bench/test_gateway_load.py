"""What browsers do in the benchmarks, at a gateway in this process."""

import asyncio
import os
from base64 import b64encode
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from benchmarks.browser import Login, connect
from benchmarks.gauges import usage_of
from benchmarks.paced import Chain, Pace
from benchmarks.returning import Again, Browsers, Stay, measured
from benchmarks.running import ISSUE, REFRESH, WrongAnswer
from benchmarks.websocket import TEXT, frame, take_frame

from tests.kit.gateway import PATIENCE_SECONDS, Serving, a_gateway
from tests.kit.polling import until
from tests.kit.proofs import Signer
from tests.kit.service import Server

OURS = {"server": os.getpid()}


async def logins_of(server: Server, count: int, place: Path) -> str:
    """A file of logins of new subscribers."""
    proof = Signer.generate().rpc_proof("signalwire.connect", iat=server.clock.now())
    pairs = [await server.sign_in(f"user-{number}@example.com") for number in range(count)]
    file = place / "logins.json"
    file.write_bytes(msgspec.json.encode([Login(pair["token"], proof) for pair in pairs]))
    return str(file)


def stay(gateway: Serving, logins: str) -> Browsers:
    """Browsers of some logins."""
    return Browsers(
        Stay(gateway.port, logins, 0, 2, storm=False, processes={}, batches_metric=None)
    )


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frame_is_read_once_it_is_all_there(size: int) -> None:
    content = bytes(size)
    sent = frame(TEXT, content)
    width = {125: 0, 126: 2}.get(min(max(size, 125), 126), 0) if size < 1 << 16 else 8
    head = sent[:1] + bytes([sent[1] & 0x7F]) + sent[2 : 2 + width]  # a server sends no mask
    received = b"xx" + head + content + b"next"
    end = len(received) - 4
    assert take_frame(received, 2) == (TEXT, content, end)
    for missing in (1, size, size + 1, size + width):
        assert missing == 0 or take_frame(received[: end - missing], 2) is None


async def test_browsers_resume_after_a_restart(server: Server, tmp_path: Path) -> None:
    async with a_gateway(server) as gateway:
        browsers = stay(gateway, await logins_of(server, 4, tmp_path))
        found = await measured(browsers, range(1, 4), Again(OURS, None), online=True)
        assert (found.requests, set(found.usage)) == (3, {"server"})
        await browsers.connect(range(1), online=True)
        await gateway.told_online(4)
    await browsers.closed()
    async with a_gateway(server, port=gateway.port):
        found = await measured(browsers, range(4), Again(OURS, None), online=False)
        assert found.requests == 4
        await gateway.told_online(4)
        assert server.service.metrics.gateway.connects["resume", "ok"] == 4


async def test_browsers_come_back_by_themselves_after_a_restart(
    server: Server, tmp_path: Path
) -> None:
    async with AsyncExitStack() as first:
        gateway = await first.enter_async_context(a_gateway(server))
        browsers = stay(gateway, await logins_of(server, 4, tmp_path))
        await browsers.connect(range(4), online=True)
        storm = asyncio.create_task(browsers.storm())
    async with a_gateway(server, port=gateway.port), asyncio.timeout(PATIENCE_SECONDS):
        back = await storm
        assert len(back.at) == 4
        assert (back.told_to_wait, back.refused) == (0, 0)


async def test_browser_that_waits_as_told_and_is_refused_again_is_counted(
    server: Server, tmp_path: Path
) -> None:
    async with a_gateway(server) as gateway:
        browsers = stay(gateway, await logins_of(server, 1, tmp_path))
        await browsers.connect(range(1), online=True)
        storm = asyncio.create_task(browsers.storm())
        await gateway.gateway.stop()  # it turns new clients away, with a time to wait
        metrics = server.service.metrics
        await until(lambda: metrics.requests["GET", "gateway", 503] >= 2)
        await gateway.stop()
    async with a_gateway(server, port=gateway.port), asyncio.timeout(PATIENCE_SECONDS):
        back = await storm
        assert back.told_to_wait == back.refused + 1 == 2


async def test_refused_browser_ends_the_load(server: Server) -> None:
    async with a_gateway(server) as gateway:
        browser = await connect(gateway.port, "127.0.0.1", Login("no token"))
        with pytest.raises(WrongAnswer, match="-32002"):
            await browser.ready


async def test_refreshes_go_on_through_a_restart(server: Server) -> None:
    user, password = str(server.tenant.id), server.tenant.api_token
    authorization = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    seen: list[tuple[float, float]] = []
    ends = asyncio.Event()
    async with a_gateway(server) as gateway:
        pace = Pace(gateway.port, authorization, ISSUE, REFRESH, chains=1, per_second=100.0)
        chain = Chain(pace, 0, seen)
        await chain.begin()
        running = asyncio.create_task(chain.run(ends))
        await until(lambda: len(seen) > 1)
    await until(lambda: chain.lost > 0)
    before = len(seen)
    async with a_gateway(server, port=gateway.port):
        await until(lambda: len(seen) > before + 1)
        ends.set()
        await running


def test_own_process_is_measured() -> None:
    assert usage_of(os.getpid()).user > 0
