"""What the gateway does for all of its connections: its periodic tasks, and its stop."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from satmint.gateway import gateway as gateway_module
from tests.gateway.asgi_client import LATER, AsgiClient, a_gateway
from tests.gateway.test_gateway import revoke
from tests.kit.gateway import PATIENCE_SECONDS, Ticker
from tests.kit.service import Server

# Periodic tasks


async def test_revocation_that_the_store_notifies_of_is_polled_for_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store notifies of one: PostgreSQL does, and SQLite does not."""
    callbacks = list[Callable[[], None]]()
    monkeypatch.setattr(server.services.store, "on_revocation", callbacks.append)
    monkeypatch.setattr(gateway_module, "POLL_SECONDS", LATER)
    pair = await server.sign_in()
    gateway = a_gateway(server)
    running = asyncio.create_task(gateway.run())
    async with AsgiClient(gateway) as client:
        await client.connected(pair["token"])
        await revoke(server)
        (notify,) = callbacks
        notify()
        assert await client.close_code() == 4403
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_work_is_repeated_once_for_each_wake_up(server: Server) -> None:
    gateway, wake_up, rounds = a_gateway(server), asyncio.Event(), Counter[str]()
    done = asyncio.Event()

    async def work() -> None:
        rounds["work"] += 1
        done.set()
        if rounds["work"] == 1:
            raise ZeroDivisionError

    with capture_logs() as lines:
        repeating = asyncio.create_task(gateway._repeat(work, LATER, wake_up))
        for expected in (1, 2, 3):
            wake_up.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await done.wait()
            done.clear()
            for _ in range(5):
                await asyncio.sleep(0)
            assert rounds["work"] == expected
        repeating.cancel()
        await asyncio.gather(repeating, return_exceptions=True)
    assert [line["event"] for line in lines] == ["failed"]


async def test_sweep_reaches_only_connections_that_are_due(server: Server) -> None:
    monotonic = Ticker()
    pair = await server.sign_in()
    gateway = a_gateway(server, monotonic)
    async with AsgiClient(gateway) as silent, AsgiClient(gateway) as live:
        await live.connected(pair["token"])
        monotonic.at += 8.5
        gateway.sweep()
        monotonic.at += 0.5
        gateway.sweep()
        gateway.sweep()
        assert (await live.hear())["method"] == "signalwire.ping"
        assert live._sent.empty()
        assert silent._sent.empty()
        monotonic.at += 51
        gateway.sweep()
        assert await silent.close_code() == 4408


async def test_session_is_not_rechecked_before_a_minute_has_passed(server: Server) -> None:
    monotonic = Ticker()
    pair = await server.sign_in()
    gateway = a_gateway(server, monotonic)
    async with AsgiClient(gateway) as client:
        await client.connected(pair["token"])
        (socket,) = gateway._sockets
        assert socket.recheck_at == monotonic.at + 60
        due = []
        for seconds in (0, 59.5, 0.5, 0.25):
            monotonic.at += seconds
            due.append(gateway.revocations._overdue())
        assert due == [[], [], [socket], []]


# Stopping


async def test_stop_waits_for_connections_that_came_after_an_earlier_one_left(
    server: Server,
) -> None:
    gateway = a_gateway(server)
    async with AsgiClient(gateway):
        pass
    async with AsgiClient(gateway) as client:
        stopping = asyncio.create_task(gateway.stop())
        assert await client.close_code() == 1001
        for _ in range(5):
            await asyncio.sleep(0)
        assert not stopping.done()
        await client.leave(code=1001)
        await stopping


async def test_stop_writes_who_has_gone_offline(server: Server) -> None:
    pair = await server.sign_in()
    gateway = a_gateway(server)
    async with AsgiClient(gateway) as client:
        await client.connected(pair["token"])
        await client.ask("subscriber.online")
        await gateway.presence.flush()
        assert len((await server.rows("presence"))["presence"]) == 1
        stopping = asyncio.create_task(gateway.stop())
        assert await client.close_code() == 1001
        await client.leave(code=1001)
        await stopping
    assert (await server.rows("presence"))["presence"] == []


async def test_stop_does_not_wait_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_SHUTDOWN_SECONDS", 0.01)
    gateway = a_gateway(server)
    async with AsgiClient(gateway):
        with capture_logs() as lines:
            await gateway.stop()
    assert {"event": "stop_timed_out", "log_level": "warning", "connections": 1} in lines
