"""Opening handshakes of WebSockets, and what comes before and behind them."""

import asyncio
import json
from base64 import b64encode
from hashlib import sha1
from typing import Final

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from satmint.server import ConnectionLimits
from satmint.server.websocket_connection import (
    _READ_CHUNK_BYTES,
    MESSAGE_LIMIT,
    WebSocketConnection,
)
from tests.gateway.raw_clients import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawSocket, frame
from tests.kit.clock import FrozenClock
from tests.kit.polling import until
from tests.server.request_heads import get, head_of
from tests.server.running_server import BOTH_LOOPS, SCHEMES, Answer, Client, Served, served

pytestmark = BOTH_LOOPS

KEY: Final = b64encode(b"sixteen of bytes")
ACCEPT: Final = b64encode(sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
UPGRADE: Final = (b"upgrade: websocket", b"connection: upgrade")
VERSION: Final = b"sec-websocket-version: 13"
HANDSHAKE: Final = get(*UPGRADE, VERSION, b"sec-websocket-key: " + KEY, path=b"/live")


class LiveApplication:
    """Accepts once `released` is set, and keeps what it receives until the connection is over."""

    def __init__(self, site: Served) -> None:
        self.released = asyncio.Event()
        self.received: list[Message] = []
        site.app.live = self

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        self.received.append(await receive())
        await self.released.wait()
        await send({"type": "websocket.accept", "headers": [(b"x-request-id", b"a")]})
        while self.received[-1]["type"] != "websocket.disconnect":
            self.received.append(await receive())

    @property
    def contents(self) -> list[str | bytes]:
        """Of the messages."""
        return [
            found.get("text", found.get("bytes"))
            for found in self.received
            if found["type"] == "websocket.receive"
        ]


async def answer_of(client: Client, handshake: bytes) -> Answer:
    client.send(handshake)
    return await client.answer()


async def switched(client: Client) -> dict[str, str]:
    """The fields of the answer that opens the WebSocket."""
    head = (await client.reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    assert head[0] == "http/1.1 101 switching protocols"
    names = [line.split(": ")[0] for line in head[1:-2]]
    assert len(set(names)) == len(names)
    return dict(line.split(": ", 1) for line in head[1:-2])


async def test_websocket_is_opened() -> None:
    clock = FrozenClock()
    async with served(clock=clock) as site, site.client() as client:
        live = LiveApplication(site)
        live.released.set()
        client.send(HANDSHAKE)
        fields = await switched(client)
        assert fields == {
            "date": "tue, 14 nov 2023 22:13:20 gmt",
            "upgrade": "websocket",
            "connection": "upgrade",
            "sec-websocket-accept": ACCEPT.lower(),
            "x-request-id": "a",
        }
        scope = site.app.scopes[0]
        assert (scope["type"], scope["path"], scope["scheme"]) == ("websocket", "/live", "ws")
        assert scope["client"] == client.address
        assert live.received == [{"type": "websocket.connect"}]


@SCHEMES
@pytest.mark.parametrize("behind", [0, 3], ids=["in pieces of their own", "in one piece"])
async def test_frames_that_come_before_the_answer_are_kept_in_order(tls: bool, behind: int) -> None:
    frames = [frame(TEXT, b"%d" % number) for number in range(6)]
    frames[4:4] = [frame(BINARY, b"a", final=False), frame(PING), frame(CONT, b"b")]
    async with served(tls=tls) as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE + b"".join(frames[:behind]))
        await until(lambda: live.received)
        for piece in frames[behind:]:
            client.send(piece[:1])
            await asyncio.sleep(0)
            client.send(piece[1:])
        await asyncio.sleep(0)
        assert live.contents == []
        live.released.set()
        await switched(client)
        await until(lambda: len(live.contents) == 7)
        assert live.contents == ["0", "1", "2", "3", b"ab", "4", "5"]
        socket = RawSocket(client.reader, client.writer)
        assert await socket.read() == (PONG, b"")


@SCHEMES
async def test_client_that_says_much_before_the_answer_is_not_read_from(tls: bool) -> None:
    one, count = frame(BINARY, bytes(8000)), 500
    async with served(tls=tls) as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE)
        await until(lambda: live.received)
        for _ in range(count):
            client.send(one)
            await asyncio.sleep(0)
        (connection,) = site.table
        assert isinstance(connection, WebSocketConnection)
        assert len(connection._early_data) <= 16 * MESSAGE_LIMIT
        live.released.set()
        await switched(client)
        await until(lambda: len(live.contents) == count)
        assert all(content == bytes(8000) for content in live.contents)


async def test_large_frame_that_begins_before_the_answer_is_read_to_its_end() -> None:
    content = b"x" * MESSAGE_LIMIT
    one = frame(TEXT, content)
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE)
        await until(lambda: live.received)
        client.send(one[:-1])
        (connection,) = site.table
        assert isinstance(connection, WebSocketConnection)
        await until(lambda: len(connection._early_data) == len(one) - 1)
        live.released.set()
        await switched(client)
        client.send(one[-1:])
        await until(lambda: live.contents == [content.decode()])


async def test_close_that_comes_before_the_answer_is_the_end() -> None:
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE + frame(TEXT, b"x") + frame(CLOSE, b"\x0b\xb8"))
        await until(lambda: live.received)
        live.released.set()
        await switched(client)
        assert await RawSocket(client.reader, client.writer).close_code() == 3000
        await until(lambda: not site.server._contexts[0].tasks)
        assert live.received[1:] == [
            {"type": "websocket.receive", "text": "x"},
            {"type": "websocket.disconnect", "code": 3000},
        ]


async def test_messages_before_a_protocol_error_are_dropped_with_the_connection() -> None:
    invalid = b"\xf1" + frame(TEXT, b"x")[1:]  # RFC 6455, section 5.2: RSV1 to RSV3 are 0
    overhead = len(frame(BINARY, bytes(1000))) - 1000
    whole_chunk = frame(BINARY, bytes(_READ_CHUNK_BYTES - overhead))
    assert len(whole_chunk) == _READ_CHUNK_BYTES
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE)
        await until(lambda: live.received)
        client.send(whole_chunk + invalid)
        (connection,) = site.table
        assert isinstance(connection, WebSocketConnection)
        await until(lambda: len(connection._early_data) == len(whole_chunk + invalid))
        live.released.set()
        await switched(client)
        assert await RawSocket(client.reader, client.writer).close_code() == 1002
        await until(lambda: not site.server._contexts[0].tasks)
        assert live.received[1:] == [{"type": "websocket.disconnect", "code": 1002}]


async def test_a_hundred_pings_in_ten_seconds_are_answered_and_no_more() -> None:
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        live.released.set()
        client.send(HANDSHAKE)
        await switched(client)
        socket = RawSocket(client.reader, client.writer)
        client.send(frame(PING) * 100)
        for _ in range(100):
            assert await socket.read() == (PONG, b"")
        client.send(frame(TEXT, b"x"))
        await until(lambda: live.contents == ["x"])
        client.send(frame(PING))
        assert await socket.close_code() == 1008


async def test_client_that_leaves_before_the_answer_is_not_served() -> None:
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE)
        await until(lambda: live.received)
        client.abort()
        await site.has(0)
        live.released.set()
        with capture_logs() as lines:
            await until(lambda: not site.server._contexts[0].tasks)
        assert lines == []


REFUSED: Final = {
    "no key": ([VERSION], 400),
    "short key": ([VERSION, b"sec-websocket-key: c2hvcnQ="], 400),
    "no base64": ([VERSION, b"sec-websocket-key: " + b"*" * 24], 400),
    "two keys": ([VERSION, b"sec-websocket-key: " + KEY, b"sec-websocket-key: " + KEY], 400),
    "version 12": ([b"sec-websocket-version: 12", b"sec-websocket-key: " + KEY], 426),
    "no version": ([b"sec-websocket-key: " + KEY], 426),
    "two versions": ([VERSION, VERSION, b"sec-websocket-key: " + KEY], 426),
    "neither": ([], 426),
}


@pytest.mark.parametrize("name", list(REFUSED))
async def test_handshake_that_opens_nothing_is_an_error_of_the_contract(name: str) -> None:
    fields, status = REFUSED[name]
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        with capture_logs() as lines:
            answer = await answer_of(client, get(*UPGRADE, *fields) + b"rest")
            assert await client.rest() == b""
        assert answer.status == status
        sentence = {400: "Bad Request", 426: "Upgrade Required"}[status]
        assert json.loads(answer.body) == {"error": sentence}
        assert answer.fields["connection"] == "close"
        if status == 426:
            assert answer.fields["sec-websocket-version"] == "13"
            assert answer.fields["upgrade"] == "websocket"
        (line,) = lines
        assert (line["status"], line["address"]) == (status, "127.0.0.1")
        assert line["request_id"] == answer.fields["x-request-id"]
        assert live.received == []
        await site.has(0)


async def test_handshake_without_a_version_says_which_one_is_spoken_behind_a_query() -> None:
    async with served() as site, site.client() as client:
        LiveApplication(site)
        raw = head_of(b"GET /?x=y HTTP/1.1", b"host: x", *UPGRADE)
        assert (await answer_of(client, raw)).fields["sec-websocket-version"] == "13"


@SCHEMES
async def test_handshake_behind_other_requests_waits_its_turn(tls: bool) -> None:
    async with served(tls=tls) as site, site.client() as client:
        live = LiveApplication(site)
        live.released.set()
        client.send(get() * 3 + get(path=b"/held") + HANDSHAKE + frame(TEXT, b"x"))
        assert [(await client.answer()).body for _ in range(3)] == [b"ok"] * 3
        await until(lambda: "/held" in site.app.paths)
        assert live.received == []
        site.app.released.set()
        assert (await client.answer()).body == b"ok"
        await switched(client)
        await until(lambda: live.contents == ["x"])


async def test_websocket_counts_for_no_address() -> None:
    async with served(limits=ConnectionLimits(per_address=1)) as site, site.client() as client:
        live = LiveApplication(site)
        client.send(HANDSHAKE)
        await until(lambda: live.received)
        busy = await site.connect()
        busy.send(get(path=b"/held"))
        await until(lambda: "/held" in site.app.paths)
        assert (await (await site.connect()).rest()).startswith(b"HTTP/1.1 503 ")
        live.released.set()


async def test_websocket_is_open_for_longer_than_an_idle_connection() -> None:
    async with served() as site, site.client() as client:
        live = LiveApplication(site)
        live.released.set()
        client.send(HANDSHAKE)
        await switched(client)
        site.pass_seconds(100_000)
        client.send(frame(TEXT, b"x"))
        await until(lambda: live.contents == ["x"])


async def test_application_that_fails_before_its_answer_is_a_500() -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("application failed")

    async with served() as site, site.client() as client:
        site.app.live = broken
        with capture_logs() as lines:
            answer = await answer_of(client, HANDSHAKE)
        assert (answer.status, answer.body) == (500, b'{"error":"Internal Server Error"}')
        assert [line["event"] for line in lines] == ["application_failed", "request_refused"]
        await site.has(0)


@SCHEMES
async def test_application_may_answer_in_place_of_the_handshake(tls: bool) -> None:
    async def deny(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        start = {"status": 403, "headers": [(b"x-request-id", b"a")]}
        await send({"type": "websocket.http.response.start", **start})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    async with served(tls=tls, hsts_seconds=60) as site, site.client() as client:
        site.app.live = deny
        answer = await answer_of(client, HANDSHAKE + frame(TEXT, b"x"))
        assert (answer.status, answer.reason, answer.body) == (403, b"Forbidden", b"no")
        assert answer.fields["connection"] == "close"
        assert answer.fields["x-request-id"] == "a"
        assert answer.fields.get("strict-transport-security") == ("max-age=60" if tls else None)
        assert await client.rest() == b""
        await site.has(0)
