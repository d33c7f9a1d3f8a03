"""One WebSocket by itself: what the application receives, what is sent, and how it closes."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from satmint.server.client_disconnected import ClientDisconnected
from satmint.server.websocket_connection import (
    _MAX_EARLY_BYTES,
    _MAX_FRAGMENTS,
    _MAX_PINGS,
    _MAX_QUEUED,
    CLOSING_SECONDS,
    WebSocketConnection,
)
from tests.gateway.raw_clients import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame
from tests.server.request_heads import get
from tests.server.transport_under_test import PEER, Site

HANDSHAKE = (
    b"upgrade: websocket",
    b"connection: upgrade",
    b"sec-websocket-version: 13",
    b"sec-websocket-key: c2l4dGVlbiBvZiBieXRlcw==",
)
ACCEPT: Message = {"type": "websocket.accept"}


class Live(Site):
    """A site whose application does what a test does with `receive` and `send`."""

    def __init__(self) -> None:
        super().__init__()
        self.receive: Receive
        self.send: Send
        self.over = asyncio.Event()
        """Set: the application returns."""
        self.error: Exception | None = None
        self.app.live = self._live

    async def _live(self, _: Scope, receive: Receive, send: Send) -> None:
        self.receive, self.send = receive, send
        await self.over.wait()
        if self.error is not None:
            raise self.error

    async def upgraded(self, *fields: bytes, behind: bytes = b"") -> WebSocketConnection:
        """A WebSocket whose application runs, and has not answered."""
        self.connected().data_received(get(*(fields or HANDSHAKE)) + behind)
        (found,) = self.table
        assert isinstance(found, WebSocketConnection)
        await self.settled()
        return found

    async def opened(self) -> WebSocketConnection:
        """One that is accepted, with nothing recorded."""
        connection = await self.upgraded()
        assert await self.receive() == {"type": "websocket.connect"}
        await self.send(ACCEPT)
        self.transport.taken()
        self.transport.written = b""
        return connection

    async def received(self) -> list[Message]:
        """The messages that wait for the application."""
        found = list[Message]()
        while True:
            receiving = asyncio.ensure_future(self.receive())
            await asyncio.sleep(0)
            if not receiving.done():
                receiving.cancel()
                return found
            found.append(receiving.result())


@pytest.fixture
async def live() -> Live:
    return Live()


def closed(code: int, reason: bytes = b"") -> bytes:
    """A close frame as the server sends it."""
    content = code.to_bytes(2, "big") + reason
    return bytes([0x80 | CLOSE, len(content)]) + content


async def test_websocket_has_buffers_of_its_own_and_counts_for_no_address(live: Live) -> None:
    connection = await live.upgraded()
    assert live.transport.limits == (None, None)
    assert live.table._open == {connection: ""}
    assert live.transport.calls == []
    assert len(live.context.tasks) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (HANDSHAKE[:2] + HANDSHAKE[3:], 426),
        ((*HANDSHAKE[:2], b"sec-websocket-version: 12", HANDSHAKE[3]), 426),
        (HANDSHAKE[:3], 400),
        ((*HANDSHAKE[:3], b"sec-websocket-key: x"), 400),
    ],
)
async def test_handshake_that_opens_nothing_is_refused(
    live: Live, fields: tuple[bytes, ...], status: int
) -> None:
    with capture_logs() as lines:
        connection = await live.upgraded(*fields)
    (answer,) = live.transport.answers()
    assert answer.status == status
    assert live.transport.taken() == ["close"]
    assert live.refused == {(status, "no_handshake"): 1}
    assert lines[0]["address"] == PEER[0]
    assert live.app.scopes == []
    connection.data_received(b"x")
    assert connection._early_data == b""
    assert connection._abort_timer is not None
    connection.connection_lost(None)
    assert connection._abort_timer.cancelled()


async def test_handshake_waits_its_turn_with_what_follows_it(live: Live) -> None:
    for _ in range(9):
        live.table.upgrade_queue.submit(lambda: None)
    live.connected().data_received(get(*HANDSHAKE) + frame(TEXT, b"a"))
    (connection,) = live.table
    assert isinstance(connection, WebSocketConnection)
    connection.data_received(frame(TEXT, b"b"))
    assert live.app.scopes == []
    await live.settled()
    await live.send(ACCEPT)
    assert [message.get("text") for message in await live.received()] == [None, "a", "b"]


async def test_client_that_leaves_before_its_turn_is_not_served(live: Live) -> None:
    for _ in range(9):
        live.table.upgrade_queue.submit(lambda: None)
    live.connected().data_received(get(*HANDSHAKE))
    (connection,) = live.table
    assert isinstance(connection, WebSocketConnection)
    connection.connection_lost(None)
    await live.settled()
    assert live.app.scopes == []
    assert len(live.table) == 0


async def test_handshake_is_not_kept(live: Live) -> None:
    await live.opened()
    (scope,) = live.app.scopes
    assert scope["headers"] == []


@pytest.mark.parametrize(("size", "paused"), [(_MAX_EARLY_BYTES, 0), (_MAX_EARLY_BYTES + 1, 1)])
async def test_so_much_is_read_before_the_answer(live: Live, size: int, paused: int) -> None:
    data = frame(BINARY, b"x" * 1000) * 100
    connection = await live.upgraded(behind=data[:10])
    connection.data_received(data[10:size])
    assert live.transport.taken() == ["pause"] * paused
    await live.send(ACCEPT)
    messages = await live.received()
    assert messages[0] == {"type": "websocket.connect"}
    assert messages[1:] == [{"type": "websocket.receive", "bytes": b"x" * 1000}] * (size // 1008)


async def test_messages_reach_the_application_in_order(live: Live) -> None:
    connection = await live.opened()
    connection.data_received(
        frame(TEXT, b"a")
        + frame(BINARY, b"b", final=False)
        + frame(PING, b"p")
        + frame(CONT, b"c", final=False)
        + frame(CONT, b"d")
        + frame(TEXT, b"e", final=False)
        + frame(CONT, "\u00e9".encode())
    )
    assert live.transport.taken() == ["pause"]
    assert live.transport.written == bytes([0x80 | PONG, 1]) + b"p"
    assert await live.received() == [
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "bytes": b"bcd"},
        {"type": "websocket.receive", "text": "e\u00e9"},
    ]
    assert live.transport.taken() == ["resume"]


async def test_reading_goes_on_when_the_last_message_is_received(live: Live) -> None:
    connection = await live.opened()
    connection.data_received(frame(TEXT, b"a") * 2)
    for calls in ([], ["resume"]):
        live.transport.taken()
        await live.receive()
        assert live.transport.taken() == calls
    connection.data_received(frame(TEXT, b"a"))
    assert live.transport.taken() == ["pause"]


async def test_application_waits_for_a_message(live: Live) -> None:
    connection = await live.opened()
    waiting = asyncio.ensure_future(live.receive())
    await live.settled()
    connection.data_received(frame(PONG))
    await live.settled()
    assert not waiting.done()
    connection.data_received(frame(TEXT, b"a"))
    assert await waiting == {"type": "websocket.receive", "text": "a"}


def fragments(count: int) -> bytes:
    parts = [frame(CONT, b"", final=False)] * (count - 2)
    return frame(TEXT, b"a", final=False) + b"".join(parts) + frame(CONT, b"b")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT) * _MAX_QUEUED, None),
        (frame(TEXT) * (_MAX_QUEUED + 1), 1008),
        (fragments(_MAX_FRAGMENTS), None),
        (fragments(_MAX_FRAGMENTS + 1), 1008),
        (frame(PING) * _MAX_PINGS, None),
        (frame(PING) * (_MAX_PINGS + 1), 1008),
        (frame(PONG) * _MAX_PINGS + frame(PING), 1008),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, b"\xff"), None),
        (frame(CONT), 1002),
        (b"\xf1\x80\x00\x00\x00\x00", 1002),
    ],
)
async def test_limits_and_errors_end_the_connection(
    live: Live, data: bytes, code: int | None
) -> None:
    connection = await live.opened()
    connection.data_received(data)
    messages = await live.received()
    if code is None:
        assert "close" not in live.transport.taken()
        assert not any(message["type"] == "websocket.disconnect" for message in messages)
        return
    assert messages == [{"type": "websocket.disconnect", "code": code}]
    assert "close" in live.transport.taken()
    assert closed(code) in live.transport.written or code == 1002
    written = live.transport.written
    connection.data_received(frame(PING, b"late") + frame(TEXT, b"late"))
    assert live.transport.written == written
    assert connection._abort_timer is not None
    connection.connection_lost(None)


async def test_pings_are_counted_for_ten_seconds_at_a_time(live: Live) -> None:
    connection = await live.opened()
    for seconds in (0, 10.5, 10.5):
        live.clock.ahead += seconds
        connection.data_received(frame(PING) * _MAX_PINGS)
        assert live.transport.taken() == []
    live.clock.ahead += 9
    connection.data_received(frame(PING))
    assert live.transport.taken() == ["close"]
    connection.connection_lost(None)


@pytest.mark.parametrize(
    ("content", "code"), [(b"", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa1why", 4001)]
)
async def test_close_of_the_client_is_answered_and_passed_on(
    live: Live, content: bytes, code: int
) -> None:
    connection = await live.opened()
    connection.data_received(frame(CLOSE, content))
    assert await live.received() == [{"type": "websocket.disconnect", "code": code}]
    answer = content[:2] + (content[2:] if code == 4001 else b"")
    assert live.transport.written == bytes([0x80 | CLOSE, len(answer)]) + answer
    assert live.transport.taken() == ["close"]
    for late in ({"type": "websocket.send", "text": "late"}, {"type": "websocket.close"}):
        with pytest.raises(ClientDisconnected):
            await live.send(late)
    connection.connection_lost(None)
    assert await live.received() == [{"type": "websocket.disconnect", "code": 1005}]


@pytest.mark.parametrize(
    ("message", "sent", "code"),
    [
        ({}, closed(1000), 1000),
        ({"code": 4403}, closed(4403), 4403),
        ({"code": 1001, "reason": None}, closed(1001), 1001),
        ({"code": 1001, "reason": "why"}, closed(1001, b"why"), 1001),
    ],
)
async def test_close_of_the_application_is_sent_and_the_clients_answer_awaited(
    live: Live, message: Message, sent: bytes, code: int
) -> None:
    connection = await live.opened()
    connection.data_received(frame(TEXT, b"unread"))
    live.transport.taken()
    await live.send({"type": "websocket.close", **message})
    assert live.transport.written == sent
    assert live.transport.taken() == ["resume"], "for the client's close frame"
    assert (await live.received())[-1] == {"type": "websocket.disconnect", "code": code}
    with pytest.raises(ClientDisconnected):
        await live.send({"type": "websocket.send", "text": "late"})
    connection.data_received(frame(TEXT, b"crosses"))
    assert await live.received() == []
    connection.data_received(frame(CLOSE, b"\x03\xe8"))
    assert live.transport.taken() == ["close"]
    assert live.transport.written == sent
    connection.connection_lost(None)


async def test_client_that_does_not_answer_a_close_is_aborted(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.opened()
    calls: list[tuple[float, Callable[[], None]]] = []
    monkeypatch.setattr(
        live.clock, "call_later", lambda seconds, act: calls.append((seconds, act)), raising=False
    )
    await live.send({"type": "websocket.close"})
    ((seconds, act),) = calls
    assert seconds == CLOSING_SECONDS
    act()
    assert live.transport.taken() == ["abort"]


async def test_text_and_bytes_are_sent_as_such(live: Live) -> None:
    await live.opened()
    await live.send({"type": "websocket.send", "text": "\u00e9"})
    await live.send({"type": "websocket.send", "bytes": b"b"})
    await live.send({"type": "websocket.send", "text": "", "bytes": None})
    assert live.transport.written == b"\x81\x02\xc3\xa9\x82\x01b\x81\x00"


async def test_application_waits_for_a_client_that_does_not_read(live: Live) -> None:
    connection = await live.opened()
    connection.pause_writing()
    assert live.deadlines(connection) == {"stalled"}
    sending = asyncio.ensure_future(live.send({"type": "websocket.send", "text": "a"}))
    connection.data_received(frame(PING))
    await live.settled()
    assert (live.transport.written, sending.done()) == (b"", False)
    connection.resume_writing()
    assert live.deadlines(connection) == set()
    await sending
    assert live.transport.written.endswith(b"\x81\x01a")


async def test_client_that_is_lost_ends_what_waits(live: Live) -> None:
    connection = await live.opened()
    live.transport.unread = 7
    assert connection.unsent_bytes() == 7
    connection.pause_writing()
    sending = asyncio.ensure_future(live.send({"type": "websocket.send", "text": "a"}))
    receiving = asyncio.ensure_future(live.receive())
    await live.settled()
    connection.connection_lost(None)
    with pytest.raises(ClientDisconnected):
        await sending
    assert await receiving == {"type": "websocket.disconnect", "code": 1005}
    assert len(live.table) == 0
    assert live.deadlines(connection) == set()


async def test_client_that_leaves_before_the_answer_left_abnormally(live: Live) -> None:
    connection = await live.upgraded()
    connection.connection_lost(None)
    assert await live.received() == [
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", "code": 1006},
    ]
    with pytest.raises(ClientDisconnected):
        await live.send(ACCEPT)


@pytest.mark.parametrize(
    ("state", "calls", "sent"),
    [
        ("upgraded", ["abort"], b""),
        ("opened", ["close"], closed(1012)),
        ("stalled", ["abort"], b""),
        ("closing", ["close"], b""),
    ],
)
async def test_stop_closes_a_websocket(
    live: Live, state: str, calls: list[str], sent: bytes
) -> None:
    connection = await (live.upgraded() if state == "upgraded" else live.opened())
    if state == "stalled":
        connection.pause_writing()
    if state == "closing":
        await live.send({"type": "websocket.close"})
    live.transport.written = b""
    connection.stop()
    assert (live.transport.taken(), live.transport.written) == (calls, sent)
    connection.close_unless_answering()
    assert live.transport.taken() == ["abort"]


@pytest.mark.parametrize("error", [None, ClientDisconnected(), ZeroDivisionError()])
@pytest.mark.parametrize("accepted", [False, True])
async def test_end_of_the_application_ends_the_websocket(
    live: Live, error: Exception | None, accepted: bool
) -> None:
    await (live.opened() if accepted else live.upgraded())
    live.error = error
    live.over.set()
    with capture_logs() as lines:
        await live.settled()
    assert live.transport.taken() == ["close"]
    assert [answer.status for answer in live.transport.answers()] == [] if accepted else [500]
    failed = [line["event"] for line in lines if line["log_level"] == "error"]
    assert failed == ["application_failed"] * isinstance(error, ZeroDivisionError)
    assert not live.context.tasks


async def test_application_that_closed_itself_leaves_the_end_to_the_client(live: Live) -> None:
    await live.opened()
    await live.send({"type": "websocket.close"})
    live.over.set()
    await live.settled()
    assert live.transport.taken() == []


async def test_denial_is_sent_in_place_of_the_handshakes_answer(live: Live) -> None:
    await live.upgraded()
    fields = [(b"x-request-id", b"a")]
    with pytest.raises(RuntimeError, match="head"):
        await live.send({"type": "websocket.http.response.body", "body": b"no"})
    start = {"type": "websocket.http.response.start", "status": 413, "headers": fields}
    await live.send(start)
    assert live.transport.written == b""
    await live.send({"type": "websocket.http.response.body", "body": b"no"})
    (answer,) = live.transport.answers()
    assert (answer.status, answer.reason, answer.body) == (413, b"Payload Too Large", b"no")
    assert answer.fields == {"x-request-id": "a", "content-length": "2", "connection": "close"}
    assert live.transport.taken() == ["close"]
    live.over.set()
    await live.settled()
    assert live.transport.written == b""
    assert (await live.received())[-1] == {"type": "websocket.disconnect", "code": 1006}


async def test_handshake_is_answered_once(live: Live) -> None:
    await live.opened()
    with pytest.raises(RuntimeError, match="already"):
        await live.send(ACCEPT)
    assert live.transport.written == b""


async def test_listeners_fields_and_the_applications_are_in_the_answer(live: Live) -> None:
    live.context.common_fields = b"date: now\r\nx-a: b: c\r\n"
    await live.upgraded()
    await live.send({"type": "websocket.accept", "headers": [(b"x-d", b"\xe9")]})
    head = live.transport.written.decode("latin-1").split("\r\n")
    assert head[0] == "HTTP/1.1 101 Switching Protocols"
    for line in ("date: now", "x-a: b: c", "x-d: \xe9"):
        assert head.count(line) == 1
    assert not any(line.startswith("Date") for line in head)
