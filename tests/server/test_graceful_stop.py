"""Stopping: nobody new comes in, what is in flight is answered, and nobody holds it up."""

import asyncio
import errno
import socket
from contextlib import closing
from typing import Final

import pytest
from structlog.testing import capture_logs

from satmint.server import ConnectionLimits, Listener, bind
from satmint.server import listening as module
from satmint.server.http_connection import HttpConnection
from tests.kit.polling import until
from tests.server.request_heads import get, post
from tests.server.running_server import (
    BOTH_LOOPS,
    LARGE,
    SCHEMES,
    Served,
    open_tls,
    read_answers,
    served,
)

pytestmark = BOTH_LOOPS

LATE_SECONDS: Final = module._IDLE_GRACE_SECONDS
AT_ONCE_SECONDS: Final = 0.9
HASTY: Final = ConnectionLimits(closing_seconds=0.1)


async def seconds_of(stop: asyncio.Task[None]) -> float:
    """How long a stop takes from now on."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(20):
        await stop
    return loop.time() - began


def has_begun(site: Served) -> bool:
    """Whether a part of a request has come."""
    connections = list(site.table)
    return any(isinstance(one, HttpConnection) and one._reader.buffered for one in connections)


@SCHEMES
async def test_idle_connections_are_closed_at_once(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IDLE_GRACE_SECONDS", LATE_SECONDS)
    async with served(tls=tls, stops=False) as site:
        clients = [await site.connect() for _ in range(20)]
        for client in clients[:10]:
            assert (await client.ask(get())).status == 200
        reading = asyncio.gather(*(client.rest() for client in clients))
        assert await seconds_of(asyncio.create_task(site.server.stop())) < AT_ONCE_SECONDS
        assert await reading == [b""] * 20
        assert site.server.connections == 0


async def test_server_without_connections_stops_at_once() -> None:
    async with served(stops=False) as site:
        assert await seconds_of(asyncio.create_task(site.server.stop())) < 0.1


@SCHEMES
async def test_request_in_flight_is_answered_and_is_the_last(tls: bool) -> None:
    async with served(tls=tls, stops=False) as site:
        client, idle = await site.connect(), await site.connect()
        client.send(get(path=b"/held") + get(path=b"/never"))
        await until(lambda: site.app.scopes)
        stop = asyncio.create_task(site.server.stop())
        assert await idle.rest() == b""
        assert not stop.done()
        site.app.released.set()
        (answer,) = read_answers(await client.rest())
        assert (answer.body, answer.fields["connection"]) == (b"ok", "close")
        client.abort()
        assert await seconds_of(stop) < AT_ONCE_SECONDS
        assert site.app.paths == ["/held"]


@SCHEMES
async def test_answer_in_flight_is_read_to_its_end(tls: bool) -> None:
    async with served(tls=tls, stops=False) as site:
        client = await site.connect()
        client.send(get(path=b"/bytes/%d" % LARGE))
        await until(lambda: site.app.scopes)
        stop = asyncio.create_task(site.server.stop())
        assert len((await client.answer()).body) == LARGE
        assert await seconds_of(stop) < AT_ONCE_SECONDS
        assert await client.rest() == b""


@SCHEMES
async def test_answer_that_is_being_written_is_the_last(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its head, which was written before, does not say so."""
    monkeypatch.setattr(module, "_IDLE_GRACE_SECONDS", 0)
    async with served(tls=tls, stops=False) as site:
        client = await site.connect()
        client.stop_reading()
        client.send(get(path=b"/bytes/%d" % LARGE))
        await until(lambda: site.table._unsent)
        stop = asyncio.create_task(site.server.stop())
        await until(lambda: site.server._contexts[0].stopping)
        for _ in range(5):
            await asyncio.sleep(0)
        client.read_on()
        answer = await client.answer()
        assert len(answer.body) == LARGE
        assert "connection" not in answer.fields
        assert await seconds_of(stop) < AT_ONCE_SECONDS


@SCHEMES
async def test_client_that_does_not_read_is_cut_off_soon(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNREAD_GRACE_SECONDS", 0.1)
    async with served(tls=tls, limits=HASTY, stops=False) as site:
        client = await site.connect()
        client.stop_reading()
        client.send(get(path=b"/bytes/%d" % LARGE))
        await until(lambda: site.app.scopes)
        with capture_logs() as lines:
            assert await seconds_of(asyncio.create_task(site.server.stop())) < 5
        assert site.server.connections == 0
        assert lines == []


@pytest.mark.parametrize("part", [post(b"content-length: 5", path=b"/content") + b"he", get()[:-2]])
async def test_client_that_does_not_go_on_with_its_request_is_cut_off_soon(
    part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNREAD_GRACE_SECONDS", 0.1)
    async with served(limits=HASTY, stops=False) as site:
        client = await site.connect()
        client.send(part)
        await until(lambda: site.app.scopes or has_begun(site))
        assert await seconds_of(asyncio.create_task(site.server.stop())) < 5
        (answer,) = read_answers(await client.rest())
        assert answer.status == 408


async def test_application_that_does_not_answer_is_cut_off_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_UNREAD_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.2)
    async with served(stops=False) as site:
        client = await site.connect()
        client.send(get(path=b"/held"))
        await until(lambda: site.app.scopes)
        with capture_logs() as lines:
            taken = await seconds_of(asyncio.create_task(site.server.stop()))
        assert 0.15 < taken < 5
        assert [(line["event"], line["connections"]) for line in lines] == [
            ("connections_aborted", 1)
        ]
        assert site.server.connections == 0
        assert not site.server._contexts[0].tasks


@pytest.mark.parametrize("part", [post(b"content-length: 5", path=b"/content") + b"he", get()[:-2]])
async def test_tls_client_that_does_not_go_on_is_cut_off_although_it_does_not_close(
    part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNREAD_GRACE_SECONDS", 0.1)
    async with served(tls=True, limits=HASTY, stops=False) as site:
        with await asyncio.to_thread(open_tls, site.port) as client:
            client.sendall(part)
            await until(lambda: site.app.scopes or has_begun(site))
            assert await seconds_of(asyncio.create_task(site.server.stop())) < 5
            assert (await asyncio.to_thread(client.recv, 1000)).startswith(b"HTTP/1.1 408 ")


@SCHEMES
async def test_client_that_does_not_read_a_late_answer_is_cut_off_soon(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNREAD_GRACE_SECONDS", 0.1)
    async with served(tls=tls, limits=HASTY, stops=False) as site:
        client = await site.connect()
        client.stop_reading()
        client.send(get(path=b"/held/bytes/%d" % LARGE))
        await until(lambda: site.app.scopes)
        stop = asyncio.create_task(site.server.stop())
        await until(lambda: site.table._stalled.seconds == module._UNREAD_GRACE_SECONDS)
        site.app.released.set()
        assert await seconds_of(stop) < 5


@pytest.mark.parametrize("path", [b"/", b"/held"], ids=["idle", "in flight"])
async def test_tls_client_that_does_not_close_its_half_holds_no_stop_up(
    path: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that looks at its connection only when it needs it."""
    monkeypatch.setattr(module, "_UNREAD_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(module, "_IDLE_GRACE_SECONDS", 0)
    async with served(tls=True, limits=HASTY, stops=False) as site:
        with await asyncio.to_thread(open_tls, site.port) as client:
            client.sendall(get(path=path))
            await until(lambda: site.app.scopes)
            stop = asyncio.create_task(site.server.stop())
            await until(lambda: site.server._contexts[0].stopping)
            for _ in range(5):
                await asyncio.sleep(0)
            site.app.released.set()
            assert b"200 OK" in await asyncio.to_thread(client.recv, 1000)
            assert await seconds_of(stop) < 5


async def test_tls_handshake_holds_no_stop_up() -> None:
    loop = asyncio.get_running_loop()
    async with served(tls=True, stops=False) as site:
        with closing(socket.create_connection(("127.0.0.1", site.port))) as waiting:
            waiting.setblocking(False)
            await site.has(1)
            assert await seconds_of(asyncio.create_task(site.server.stop())) < AT_ONCE_SECONDS
            assert await loop.sock_recv(waiting, 100) == b""


@SCHEMES
async def test_new_connections_are_refused_by_the_system_while_it_stops(tls: bool) -> None:
    async with served(tls=tls, stops=False) as site:
        client = await site.connect()
        client.send(get(path=b"/held"))
        await until(lambda: site.app.scopes)
        stop = asyncio.create_task(site.server.stop())
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await site.connect()
        site.app.released.set()
        assert (await client.answer()).status == 200
        client.abort()
        await seconds_of(stop)


async def test_farewell_is_said_when_nobody_new_comes_in_and_who_is_inside_still_is() -> None:
    async with served(stops=False) as site:
        client = await site.connect()
        assert (await client.ask(get())).status == 200
        said: list[int] = []

        async def farewell() -> None:
            with pytest.raises(ConnectionRefusedError):
                await site.connect()
            answer = await client.ask(get())
            assert "connection" not in answer.fields
            said.append(site.server.connections)

        await seconds_of(asyncio.create_task(site.server.stop(farewell)))
        assert said == [1]


async def test_every_listener_stops() -> None:
    async with served(stops=False) as site:
        second = Listener(bind("127.0.0.1", 0))
        site.server.listen(site.app, second, ConnectionLimits(connections=2))
        clients = [await site.connect(), await site.connect(port=second.port)]
        for client in clients:
            assert (await client.ask(get())).status == 200
        port = second.port
        await seconds_of(asyncio.create_task(site.server.stop()))
        assert [await client.rest() for client in clients] == [b""] * 2
        for number in (site.port, port):
            with pytest.raises(ConnectionRefusedError):
                await site.connect(port=number)


async def test_server_stops_while_it_accepts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def accept(_: socket.socket) -> None:
        raise OSError(errno.EMFILE, "exhausted")

    loop, errors = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    async with served(stops=False) as site:
        monkeypatch.setattr(socket.socket, "accept", accept)
        with closing(socket.create_connection(("127.0.0.1", site.port))):
            await until(lambda: site.server._acceptors[0]._paused)
            await seconds_of(asyncio.create_task(site.server.stop()))
        assert site.server._acceptors[0]._listening.fileno() == -1
        ended = loop.time()
        await until(lambda: loop.time() > ended + 0.15)
    assert errors == []
