"""Two thousand sessions in one process: what they weigh, and how fast they end."""

import asyncio
import json
import resource
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.gateway.raw_clients import CLOSE, RawSocket
from tests.kit.dev import DevServer, running_dev
from tests.kit.gateway import connect_params
from tests.kit.service import TOKENS
from tests.kit.wire import Wire

CROWD: Final = 2000
SPARE_FILES: Final = 300
HANDS: Final = 16
PATIENCE_SECONDS: Final = 60


def as_many_as_may_be() -> int:
    """How many sockets this process and the server may have open, at most `CROWD`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CROWD + SPARE_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(CROWD, soft - SPARE_FILES)


async def signed_in(dev: DevServer, count: int) -> list[str]:
    """The SATs of so many new sessions."""

    async def some(hand: int) -> list[str]:
        async with Wire(dev["http"], dev.auth) as wire:
            references = [f"user-{number}" for number in range(hand, count, HANDS)]
            answers = [await wire.post(TOKENS, {"reference": name}) for name in references]
            return [answer["token"] for _, _, answer in answers]

    return [token for part in await asyncio.gather(*map(some, range(HANDS))) for token in part]


async def initial_state(dev: DevServer, tokens: list[str]) -> list[RawSocket]:
    """A live connection for each."""
    port = int(dev["http"].rpartition(":")[2])

    async def some(hand: int) -> list[RawSocket]:
        sockets = []
        for token in tokens[hand::HANDS]:
            socket = await RawSocket.open(port)
            socket.call("signalwire.connect", connect_params(token))
            answer = json.loads((await socket.read())[1])
            assert "result" in answer, answer
            await socket.read()
            sockets.append(socket)
        return sockets

    return [socket for part in await asyncio.gather(*map(some, range(HANDS))) for socket in part]


def resident_kib(dev: DevServer) -> int:
    """The server's resident memory."""
    status = Path(f"/proc/{dev.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


async def ended(socket: RawSocket) -> tuple[int, float]:
    """The code that it is closed with, and when."""
    while True:
        opcode, content = await socket.read()
        if opcode == CLOSE:
            return int.from_bytes(content[:2], "big"), asyncio.get_running_loop().time()


@pytest.mark.timeout(120)
async def test_thousands_of_idle_sessions_end_together_with_their_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = as_many_as_may_be()
    limit = {"SATMINT_GATEWAY_CONNECTIONS_PER_ADDRESS": "3000"}
    with running_dev(tmp_path, "--log-level", "error", env=limit, forked=False) as dev:
        tokens = await signed_in(dev, count)
        before = resident_kib(dev)
        async with asyncio.timeout(PATIENCE_SECONDS):
            sockets = await initial_state(dev, tokens)
            weight = (resident_kib(dev) - before) / count
            ends = [asyncio.create_task(ended(socket)) for socket in sockets]
            async with httpx.AsyncClient(base_url=dev["http"], auth=dev.auth) as client:
                answer = await client.delete("/api/satmint/sessions")
            assert answer.status_code == 204
            revoked = asyncio.get_running_loop().time()
            codes, times = zip(*await asyncio.gather(*ends), strict=True)
        for socket in sockets:
            socket.hang_up()
    assert set(codes) == {4403}
    assert len(codes) == count
    with capsys.disabled():
        print(
            f"\n{count} live sessions: {weight:.1f} KiB each;"
            f" the last ended {max(times) - revoked:.2f} s after the revocation"
        )
