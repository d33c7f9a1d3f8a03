"""Connections on sockets: how long they stay open, how many there are, and which make room."""

import asyncio
import errno
import socket
import ssl
from collections import Counter
from contextlib import closing, suppress
from http import HTTPStatus
from typing import Final

import pytest
from structlog.testing import capture_logs

from satmint.server import ConnectionLimits, Listener, bind
from satmint.server.acceptor import PendingConnection
from tests.kit.polling import until
from tests.server.request_heads import get
from tests.server.running_server import (
    BOTH_LOOPS,
    SCHEMES,
    Client,
    Served,
    client_context,
    open_tls,
    read_answers,
    served,
)

pytestmark = BOTH_LOOPS

ONE_OF_ADDRESS: Final = ConnectionLimits(per_address=1)
TWO: Final = ConnectionLimits(connections=2)


async def answered(client: Client) -> bool:
    """Whether the server answers one more request on this connection."""
    return (await client.ask(get())).body == b"ok"


async def closed(client: Client) -> bool:
    """Whether the server has closed the connection, with nothing more to say."""
    return await client.rest() == b""


async def begin_request(site: Served, client: Client) -> None:
    """Have a request of `client` in flight."""
    client.send(get(path=b"/held"))
    await until(lambda: site.app.scopes)


@SCHEMES
async def test_idle_connection_is_open_for_as_long_as_the_setting(tls: bool) -> None:
    async with (
        served(tls=tls, limits=ConnectionLimits(keep_alive_seconds=75)) as site,
        site.client() as client,
    ):
        for _ in range(3):
            assert await answered(client)
            site.pass_seconds(74)
        assert await answered(client)
        site.pass_seconds(75)
        assert await closed(client)
        await site.has(0)


@SCHEMES
async def test_idle_connection_is_closed_by_itself(tls: bool) -> None:
    limits = ConnectionLimits(keep_alive_seconds=0.15, stall_seconds=0.01)
    async with served(tls=tls, limits=limits) as site, site.client() as client:
        assert await answered(client)
        idle_since = asyncio.get_running_loop().time()
        assert await closed(client)
        assert asyncio.get_running_loop().time() - idle_since >= 0.14


async def test_idle_tls_client_that_does_not_close_its_half_is_cut_off() -> None:
    limits = ConnectionLimits(keep_alive_seconds=75, closing_seconds=2)
    async with served(tls=True, limits=limits) as site:
        with await asyncio.to_thread(open_tls, site.port) as client:
            client.sendall(get())
            await until(lambda: site.table.idle)
            site.pass_seconds(75)
            await asyncio.sleep(0)
            assert site.server.connections == 1
            site.pass_seconds(2)
            async with asyncio.timeout(5):
                await site.has(0)


async def test_empty_line_is_no_request_that_keeps_a_connection_open() -> None:
    limits = ConnectionLimits(keep_alive_seconds=75)
    async with served(limits=limits) as site, site.client() as client:
        assert await answered(client)
        client.send(b"\r\n")
        await until(lambda: site.connection._reader._blank_line_read)
        site.pass_seconds(75)
        assert await closed(client)


@SCHEMES
async def test_connection_that_was_idle_longest_makes_room(tls: bool) -> None:
    async with served(tls=tls, limits=TWO) as site:
        first, second = await site.connect("127.0.0.2"), await site.connect("127.0.0.3")
        for client in (first, second, first):
            assert await answered(client)
        assert await answered(await site.connect("127.0.0.4"))
        assert await closed(second)
        assert await answered(first)
        assert site.server.connections == 2


async def test_connection_whose_request_is_answered_makes_no_room() -> None:
    counts: Counter[tuple[HTTPStatus, str]] = Counter()

    def count(status: HTTPStatus, cause: str) -> None:
        counts[status, cause] += 1

    async with served(limits=TWO, count_refusal=count) as site:
        busy = [await site.connect(address) for address in ("127.0.0.2", "127.0.0.3")]
        for client in busy:
            client.send(get(path=b"/held"))
        await until(lambda: len(site.app.scopes) == 2)
        (answer,) = read_answers(await (await site.connect("127.0.0.4")).rest())
        assert answer.status == 503
        assert counts == {(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections"): 1}
        site.app.released.set()
        assert [(await client.answer()).body for client in busy] == [b"ok"] * 2
        assert await answered(await site.connect("127.0.0.4"))


async def test_one_connection_too_many_from_an_address_is_a_503() -> None:
    async with served(limits=ONE_OF_ADDRESS) as site, site.client() as first:
        await begin_request(site, first)
        with capture_logs() as lines:
            (answer,) = read_answers(await (await site.connect()).rest())
        assert (answer.status, answer.body) == (503, b'{"error":"Service Unavailable"}')
        assert answer.fields["retry-after"] == "1"
        assert answer.fields["connection"] == "close"
        (line,) = lines
        assert line["request_id"] == answer.fields["x-request-id"]
        assert (line["address"], line["cause"]) == (
            "127.0.0.1",
            "too_many_connections_of_address",
        )
        assert await answered(await site.connect("127.0.0.2"))
        site.app.released.set()
        assert (await first.answer()).body == b"ok"
        assert await answered(await site.connect())
        assert await closed(first)


async def test_503_reaches_a_client_that_has_asked_already() -> None:
    """A connection that is closed while bytes of the client are unread is reset."""
    loop = asyncio.get_running_loop()
    async with served(limits=ONE_OF_ADDRESS) as site, site.client() as first:
        await begin_request(site, first)
        with closing(socket.create_connection(("127.0.0.1", site.port))) as second:
            second.sendall(get())  # the server has accepted nothing in the meantime
            second.setblocking(False)
            received = b""
            while data := await loop.sock_recv(second, 4096):
                received += data
        (answer,) = read_answers(received)
        assert answer.status == 503


async def test_one_tls_connection_too_many_from_an_address_is_closed() -> None:
    async with served(tls=True, limits=ONE_OF_ADDRESS) as site, site.client() as first:
        await begin_request(site, first)
        with capture_logs() as lines, pytest.raises((ssl.SSLError, OSError)):
            await site.connect()
        (line,) = lines
        assert (line["status"], line["request_id"]) == (503, None)
        assert await answered(await site.connect("127.0.0.2"))


async def begin_tls(site: Served, address: str = "127.0.0.1") -> socket.socket:
    """A connection on which a TLS handshake does not begin."""
    connection = socket.create_connection(("127.0.0.1", site.port), 20, (address, 0))
    connection.setblocking(False)
    open_before = site.server.connections
    await until(lambda: site.server.connections > open_before)
    return connection


async def test_tls_handshake_that_does_not_end_is_cut_off() -> None:
    loop = asyncio.get_running_loop()
    async with served(tls=True, limits=ConnectionLimits(arrival_seconds=10)) as site:
        with closing(await begin_tls(site)) as waiting, capture_logs() as lines:
            site.pass_seconds(9)
            assert site.server.connections == 1
            site.pass_seconds(1.1)
            async with asyncio.timeout(5):
                assert await loop.sock_recv(waiting, 100) == b""
            await site.has(0)
        assert lines == []


async def test_tls_handshake_is_cut_off_by_itself() -> None:
    loop = asyncio.get_running_loop()
    async with served(tls=True, limits=ConnectionLimits(arrival_seconds=0.1)) as site:
        with closing(await begin_tls(site)) as waiting:
            async with asyncio.timeout(5):
                assert await loop.sock_recv(waiting, 100) == b""
        await site.has(0)


async def test_tls_handshake_counts_for_its_address() -> None:
    async with served(tls=True, limits=ONE_OF_ADDRESS) as site:
        with closing(await begin_tls(site)):
            with capture_logs() as lines, pytest.raises((ssl.SSLError, OSError)):
                await site.connect()
            assert [line["cause"] for line in lines] == ["too_many_connections_of_address"]
            assert await answered(await site.connect("127.0.0.2"))
        await site.has(1)
        assert await answered(await site.connect())


async def test_tls_handshake_makes_room() -> None:
    async with served(tls=True, limits=TWO) as site:
        with (
            closing(await begin_tls(site, "127.0.0.2")) as first,
            closing(await begin_tls(site, "127.0.0.3")),
        ):
            site.pass_seconds(1)
            assert await answered(await site.connect("127.0.0.4"))
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(first, 100) == b""
            assert site.server.connections == 2


async def test_bytes_that_are_no_tls_leave_no_connection() -> None:
    async with served(tls=True) as site:
        with closing(await begin_tls(site)) as client:
            await asyncio.get_running_loop().sock_sendall(client, get())
            await site.has(0)
        assert await answered(await site.connect())


@SCHEMES
async def test_listener_with_its_own_limits_is_open_while_another_one_is_crowded(
    tls: bool,
) -> None:
    async with served(tls=tls, limits=TWO) as site:
        second = Listener(bind("127.0.0.1", 0), site.server._contexts[0].certificate)
        site.server.listen(site.app, second, ConnectionLimits(connections=2, per_address=1))
        inside = await site.connect("127.0.0.1", second.port)
        assert await answered(inside)
        for number in range(2, 9):
            assert await answered(await site.connect(f"127.0.0.{number}"))
        assert await answered(inside)
        assert await answered(await site.connect("127.0.0.9", second.port))
        assert site.server.connections == 4


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_exhausted_system_makes_room_and_accepts_again(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, accept = [number], socket.socket.accept

    def accept_later(listening: socket.socket) -> tuple[socket.socket, object]:
        if failures and number_of_open():
            raise OSError(failures.pop(), "exhausted")
        return accept(listening)

    def number_of_open() -> int:
        return site.server.connections

    async with served() as site, site.client() as idle, site.client() as second:
        assert await answered(idle)
        assert await answered(second)
        failures.append(number)
        monkeypatch.setattr(socket.socket, "accept", accept_later)
        async with site.client() as client:
            assert await answered(client)
        assert failures == []
        assert await closed(idle)


async def test_error_of_one_accept_keeps_nobody_else_out(monkeypatch: pytest.MonkeyPatch) -> None:
    failures, accept = [errno.ECONNABORTED, errno.EPERM], socket.socket.accept

    def accept_later(listening: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise OSError(failures.pop(), "aborted")
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", accept_later)
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with served() as site, site.client() as client:
        assert await answered(client)
        assert failures == []
    assert errors == []


async def test_connection_that_was_evicted_during_its_tls_handshake_is_aborted() -> None:
    async with served(tls=True) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        await until(lambda: site.server.connections)
        (pending,) = site.table
        assert isinstance(pending, PendingConnection)
        site.table.remove(pending)
        with suppress(ConnectionError):
            await writer.start_tls(client_context(), server_hostname="localhost")
            writer.write(get())
            assert await reader.read() == b""
        writer.transport.abort()
        await until(lambda: not site.server._contexts[0].tasks)
        assert site.app.scopes == []
        assert site.server.connections == 0
