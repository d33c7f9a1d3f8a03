"""Responses of several body messages: framing, back-pressure, disconnects and the server's stop."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from satmint.server import ConnectionLimits
from satmint.server import listening as module
from tests.kit.polling import until
from tests.server.request_heads import get, post
from tests.server.running_server import BOTH_LOOPS, MIB, SCHEMES, Client, Served, served

pytestmark = BOTH_LOOPS

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]}
PARTS = [b"one", b"", b"two" * 50_000, b"three"]
LIMITS = ConnectionLimits(keep_alive_seconds=1, arrival_seconds=1, stall_seconds=20)


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


class Stream:
    """An application that sends what a test puts into its queue; None ends the stream."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.sent = 0
        """Parts that `send` has accepted."""
        self.disconnected = asyncio.Event()
        self.error: BaseException | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        watch = asyncio.ensure_future(self._watch(receive))
        try:
            await send(START)
            await send(part(b""))
            while (body := await self.parts.get()) is not None:
                await send(part(body))
                self.sent += 1
            await send(part(b"", more=False))
        except OSError as error:
            self.error = error
            raise
        finally:
            watch.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()
        self.parts.put_nowait(None)


def streaming(site: Served, *parts: bytes | None) -> Stream:
    """Have /live answered by a stream of these parts."""
    stream = site.app.live = Stream()
    for one in parts:
        stream.parts.put_nowait(one)
    return stream


async def head_of(client: Client) -> bytes:
    async with asyncio.timeout(20):
        return await client.reader.readuntil(b"\r\n\r\n")


async def chunk(client: Client) -> bytes:
    async with asyncio.timeout(20):
        size = int(await client.reader.readuntil(b"\r\n"), 16)
        body = await client.reader.readexactly(size)
        assert await client.reader.readexactly(2) == b"\r\n"
    return body


async def chunks(client: Client) -> bytes:
    """The whole body."""
    found = b""
    while body := await chunk(client):
        found += body
    return found


@SCHEMES
async def test_stream_is_sent_in_chunks_and_the_connection_stays_open(tls: bool) -> None:
    async with served(tls=tls) as site, site.client() as client:
        streaming(site, *PARTS, None)
        client.send(get(path=b"/live") + get())
        head = await head_of(client)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\ntransfer-encoding: chunked\r\n" in head
        assert b"content-length" not in head
        assert b"connection" not in head
        assert await chunks(client) == b"".join(PARTS)
        assert (await client.answer()).body == b"ok"


async def test_head_and_each_part_are_sent_at_once() -> None:
    async with served() as site, site.client() as client:
        stream = streaming(site)
        client.send(get(path=b"/live"))
        assert b"x-a: b" in await head_of(client)
        for one in (b"first", b"second"):
            stream.parts.put_nowait(one)
            assert await chunk(client) == one
        stream.parts.put_nowait(None)
        assert await chunk(client) == b""


async def test_client_of_http_1_0_gets_the_bytes_until_the_connection_closes() -> None:
    async with served() as site, site.client() as client:
        streaming(site, *PARTS, None)
        client.send(b"GET /live HTTP/1.0\r\nhost: x\r\n\r\n")
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert b"\r\nconnection: close" in head
        assert body == b"".join(PARTS)


async def test_head_request_is_answered_without_the_parts() -> None:
    async with served() as site, site.client() as client:
        streaming(site, *PARTS, None)
        client.send(b"HEAD /live HTTP/1.1\r\nhost: x\r\n\r\n" + get())
        assert b"transfer-encoding: chunked" in await head_of(client)
        assert (await client.answer()).body == b"ok"


async def test_request_that_asks_for_it_is_the_last_one() -> None:
    async with served() as site, site.client() as client:
        streaming(site, b"one", None)
        client.send(get(b"connection: close", path=b"/live"))
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert b"\r\nconnection: close" in head
        assert body == b"3\r\none\r\n0\r\n\r\n"


@SCHEMES
async def test_no_idle_or_arrival_timeout_cuts_a_live_stream(tls: bool) -> None:
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        stream = streaming(site)
        client.send(get(path=b"/live"))
        await head_of(client)
        for number in range(5):
            site.pass_seconds(3600)
            stream.parts.put_nowait(b"%d" % number)
            assert await chunk(client) == b"%d" % number
        stream.parts.put_nowait(None)
        assert await chunk(client) == b""
        assert (await client.ask(get())).body == b"ok"


@SCHEMES
async def test_send_waits_while_the_client_does_not_read(tls: bool) -> None:
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        stream = streaming(site, *[bytes(MIB)] * 20, None)
        client.stop_reading()
        client.send(get(path=b"/live"))
        await until(lambda: site.app.scopes and site.connection.unsent_bytes() > 0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert stream.sent < 10
        assert site.connection.unsent_bytes() < MIB
        client.read_on()
        await head_of(client)
        assert len(await chunks(client)) == 20 * MIB


@SCHEMES
async def test_client_that_does_not_read_is_cut_off(tls: bool) -> None:
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        stream = streaming(site, *[bytes(MIB)] * 20)
        client.stop_reading()
        client.send(get(path=b"/live"))
        await until(lambda: site.app.scopes and site.connection.unsent_bytes() > 0)
        with capture_logs() as lines:
            for _ in range(3):
                for _ in range(20):
                    await asyncio.sleep(0)
                site.pass_seconds(20.1)
            await site.has(0)
            await until(lambda: stream.error)
        assert lines == []


async def test_application_is_told_that_the_client_has_left() -> None:
    async with served() as site, site.client() as client:
        stream = streaming(site)
        client.send(get(path=b"/live"))
        await head_of(client)
        client.abort()
        async with asyncio.timeout(20):
            await stream.disconnected.wait()
        await site.has(0)


async def test_client_that_closes_its_side_gets_the_end_of_the_stream() -> None:
    async with served() as site, site.client() as client:
        streaming(site, b"one")
        client.send(get(path=b"/live") + get())
        await head_of(client)
        assert await chunk(client) == b"one"
        client.writer.write_eof()
        assert await chunk(client) == b""
        assert (await client.answer()).body == b"ok"
        assert await client.rest() == b""


async def test_sending_to_a_client_that_has_left_is_an_error_of_its_own() -> None:
    async with served() as site, site.client() as client:
        stream = streaming(site)

        async def live(scope: Scope, _receive: Receive, send: Send) -> None:
            await stream(scope, never, send)

        site.app.live = live
        client.send(get(path=b"/live"))
        await head_of(client)
        client.abort()
        with capture_logs() as lines:
            await until(partial(fails_late, stream))
        assert isinstance(stream.error, OSError)
        assert lines == []


def fails_late(stream: Stream) -> bool:
    """Have another part sent; whether one has failed."""
    stream.parts.put_nowait(b"late")
    return stream.error is not None


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def fails(send: Send) -> None:
    await send(START)
    await send(part(b"begun"))
    raise ZeroDivisionError


async def returns(send: Send) -> None:
    await send(START)
    await send(part(b"begun"))


@pytest.mark.parametrize(("act", "logged"), [(fails, 1), (returns, 0)])
async def test_stream_without_an_end_closes_the_connection(
    act: Callable[[Send], Awaitable[None]], logged: int
) -> None:
    async def live(_scope: Scope, _receive: Receive, send: Send) -> None:
        await act(send)

    async with served() as site, site.client() as client:
        site.app.live = live
        with capture_logs() as lines:
            client.send(get(path=b"/live") + get(path=b"/never"))
            body = (await client.rest()).partition(b"\r\n\r\n")[2]
        assert body == b"5\r\nbegun\r\n"
        assert [line["event"] for line in lines] == ["application_failed"] * logged
        assert site.app.paths == ["/live"]


async def test_stream_with_a_declared_length_is_a_fault_of_the_application() -> None:
    async def live(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"content-length", b"5")]})
        await send(part(b"begun"))

    async with served() as site, site.client() as client:
        site.app.live = live
        with capture_logs() as lines:
            client.send(get(path=b"/live"))
            assert await client.rest() == b""
        assert [line["event"] for line in lines] == ["application_failed"]


async def test_body_that_does_not_arrive_during_a_stream_closes_the_connection() -> None:
    async with served(limits=LIMITS) as site, site.client() as client:
        stream = streaming(site, b"one")
        client.send(post(b"content-length: 5", path=b"/live") + b"he")
        await head_of(client)
        assert await chunk(client) == b"one"
        site.pass_seconds(2)
        assert await client.rest() == b""
        assert stream.disconnected.is_set()


@SCHEMES
async def test_streams_end_when_the_server_stops(tls: bool) -> None:
    async with served(tls=tls, stops=False) as site:
        client = await site.connect()
        stream = streaming(site)
        client.send(get(path=b"/live"))
        await head_of(client)
        stop = asyncio.ensure_future(site.server.stop())
        assert await client.rest() == b"0\r\n\r\n"
        async with asyncio.timeout(20):
            await stop
        assert stream.error is None
        assert stream.disconnected.is_set()


async def test_stream_that_begins_during_the_stop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_GRACE_SECONDS", 0)
    async with served(stops=False) as site:
        client = await site.connect()
        stream = streaming(site)
        released = asyncio.Event()

        async def live(scope: Scope, receive: Receive, send: Send) -> None:
            await released.wait()
            await stream(scope, receive, send)

        site.app.live = live
        client.send(get(path=b"/live"))
        await until(lambda: site.app.scopes)
        stop = asyncio.ensure_future(site.server.stop())
        await until(lambda: site.server._contexts[0].stopping)
        released.set()
        assert (await client.rest()).endswith(b"\r\n\r\n0\r\n\r\n")
        async with asyncio.timeout(20):
            await stop


async def test_open_streams_count_as_connections() -> None:
    async with served(limits=ConnectionLimits(connections=10, per_address=2)) as site:
        streaming(site)
        for _ in range(2):
            client = await site.connect()
            client.send(get(path=b"/live"))
            await head_of(client)
        refused = await site.connect()
        assert (await refused.answer()).status == 503
