"""Bad days of live sessions: sockets that are cut, refused or late, and tokens that die in them."""

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.kit.clock import NOW
from tests.kit.controlled_server import Controlled, a_controlled
from tests.kit.gateway import Client, connect_to
from tests.kit.service import said

EXPIRED = 4401


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with a_controlled(tmp_path) as server:
        yield server


def url(server: Controlled) -> str:
    return f"ws://127.0.0.1:{server.port}/"


def time_passes(server: Controlled) -> None:
    """What the gateway does twice a second."""
    server.service.gateway.sweep()


async def hung_up(client: Client) -> int:
    """The code with which the connection ends on the client's side."""
    with pytest.raises(ConnectionClosedError):
        await client.hear()
    return client.socket.protocol.close_code or 0


async def test_live_session_ends_on_the_expiry_of_its_token(server: Controlled) -> None:
    pair = await server.sign_in()
    async with connect_to(url(server)) as client:
        await client.connected(pair["token"])
        await server.move(advance=7199)
        time_passes(server)
        assert await client.lives()
        await server.move(advance=1)
        time_passes(server)
        assert await client.close_code() == EXPIRED


async def test_live_session_ends_with_a_token_that_expires_early_and_goes_on_with_a_fresh_one(
    server: Controlled,
) -> None:
    pair, other = await server.sign_in(), await server.sign_in()
    async with connect_to(url(server)) as client, connect_to(url(server)) as bystander:
        await client.connected(pair["token"])
        await bystander.connected(other["token"])
        await server.expire(token=pair["token"], what="sat")
        time_passes(server)
        assert await client.close_code() == EXPIRED
        assert await bystander.lives()
    fresh = await server.rotate(pair["refresh_token"])
    async with connect_to(url(server)) as again:
        code, _ = await again.not_connected(pair["token"], **client.resuming)
        assert code == -32003
        await again.connected(fresh["token"], **client.resuming)


async def test_token_that_was_renewed_before_it_expired_early_does_not_save_the_session(
    server: Controlled,
) -> None:
    """What expires are all the tokens that a session has so far."""
    pair = await server.sign_in()
    async with connect_to(url(server)) as client:
        await client.connected(pair["token"])
        pair = await server.rotate(pair["refresh_token"])
        await client.reauthenticated(pair["token"])
        await server.expire(token=pair["token"])
        time_passes(server)
        assert await client.close_code() == EXPIRED


async def test_sockets_are_cut_without_a_word_and_the_client_comes_back(
    server: Controlled,
) -> None:
    pair = await server.sign_in()
    async with connect_to(url(server)) as first, connect_to(url(server)) as second:
        await first.connected(pair["token"])
        cut = said(await server.dev("DELETE", "/sockets"), 200)
        assert cut == {"cut_sockets": 2}
        assert [await hung_up(client) for client in (first, second)] == [1006, 1006]
    assert said(await server.dev("DELETE", "/sockets"), 200) == {"cut_sockets": 0}
    async with connect_to(url(server)) as again:
        await again.connected(pair["token"], **first.resuming)
        assert await again.lives()
    figures = server.service.metrics.gateway
    assert (figures.closes["1006"], figures.sessions) == (2, 0)


@pytest.mark.parametrize("status", [429, 500, 503, 502])
async def test_upgrade_is_refused_and_remembered(server: Controlled, status: int) -> None:
    pair = await server.sign_in()
    await server.arm(kind="refuse", operation="gateway", status=status, retry_after=4)
    with pytest.raises(InvalidStatus) as caught:
        async with connect_to(url(server)):
            pass
    answer = caught.value.response
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "4")
    async with connect_to(url(server)) as client:
        await client.connected(pair["token"])
    assert (await server.calls())[1:] == [("gateway", status, "refuse"), ("gateway", 101, None)]


async def test_upgrade_comes_late(server: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    asleep: asyncio.Queue[float] = asyncio.Queue()
    morning = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.put_nowait(seconds)
        await morning.wait()

    monkeypatch.setattr(server.control, "sleep", sleep)
    await server.arm(kind="delay_request", operation="gateway", seconds=2)

    async def connected() -> bool:
        pair = await server.sign_in()
        async with connect_to(url(server)) as client:
            await client.connected(pair["token"])
            return await client.lives()

    coming = asyncio.create_task(connected())
    assert await asleep.get() == 2
    assert server.service.metrics.gateway.connections == 0
    morning.set()
    assert await coming


async def test_faults_for_any_call_of_the_api_are_not_met_by_sockets(server: Controlled) -> None:
    pair = await server.sign_in()
    armed = await server.arm(kind="lose_answer")
    async with connect_to(url(server)) as client:
        await client.connected(pair["token"])
    assert (await server.state())["faults"] == [armed]


async def test_upgrade_tells_the_time_that_the_server_has(server: Controlled) -> None:
    await server.move(set=NOW + 86_400)
    async with connect_to(url(server)) as client:
        answer = client.socket.response
        assert answer is not None
        assert answer.headers.get_all("Date") == [formatdate(NOW + 86_400, usegmt=True)]
