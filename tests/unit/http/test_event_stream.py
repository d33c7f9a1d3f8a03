"""Server-sent events: their format, and the response that sends them."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import pytest
from starlette.types import Message

from satmint.http.event_stream import EventStream, ServerSentEvent, event_stream
from tests.kit.polling import until


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (ServerSentEvent("a"), b"data: a\n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent("é\u2028\x85"), "data: é\u2028\x85\n\n".encode()),
        (
            ServerSentEvent("{}", event="reset", id="7", retry=500),
            b"retry: 500\nevent: reset\nid: 7\ndata: {}\n\n",
        ),
        (ServerSentEvent(id="7", comment="heartbeat"), b": heartbeat\nid: 7\n\n"),
    ],
)
def test_event_has_the_lines_of_the_format(event: ServerSentEvent, lines: bytes) -> None:
    assert event.encode() == lines


class Client:
    """Receives a response."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.broken = False
        self.body = b""
        self.sent = 0
        self.ended = False

    async def receive(self) -> Message:
        """ASGI's `receive`."""
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's `send`."""
        if self.broken:
            raise OSError("left")
        assert not self.ended
        self.sent += 1
        self.body += message["body"]
        self.ended = not message["more_body"]

    def received(self, end: bytes) -> bool:
        """Whether the body so far ends with `end`."""
        return self.body.endswith(end)


class Source:
    """Events from a queue; None ends them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue()
        self.closed = False

    async def events(self) -> AsyncGenerator[ServerSentEvent]:
        """The events."""
        try:
            while (event := await self.queue.get()) is not None:
                yield event
        finally:
            self.closed = True


def stream_of(source: Source, heartbeat_seconds: float | None = None) -> EventStream:
    response = event_stream(source.events(), heartbeat_seconds)
    assert isinstance(response, EventStream)
    assert (response.status, response.body) == (200, b"")
    assert dict(response.headers)[b"content-type"] == b"text/event-stream"
    return response


async def test_events_are_sent_as_they_come_until_they_end() -> None:
    client, source = Client(), Source()
    sending = asyncio.ensure_future(
        stream_of(source).send_events("GET", client.receive, client.send)
    )
    for number in range(3):
        source.queue.put_nowait(ServerSentEvent(str(number)))
        await until(partial(client.received, b"data: %d\n\n" % number))
    source.queue.put_nowait(None)
    await sending
    assert client.ended
    assert source.closed


async def test_head_leaves_before_the_first_event() -> None:
    client, source = Client(), Source()
    sending = asyncio.ensure_future(
        stream_of(source).send_events("GET", client.receive, client.send)
    )
    await until(lambda: client.sent)
    assert (client.sent, client.body, client.ended) == (1, b"", False)
    source.queue.put_nowait(None)
    await sending


async def test_nothing_waits_for_the_client_once_the_events_have_ended() -> None:
    client, source = Client(), Source()
    before = asyncio.all_tasks()
    source.queue.put_nowait(ServerSentEvent("a"))
    source.queue.put_nowait(None)
    await stream_of(source).send_events("GET", client.receive, client.send)
    assert client.body == b"data: a\n\n"
    await until(lambda: asyncio.all_tasks() == before)


async def test_client_that_sends_more_has_not_left() -> None:
    client, source = Client(), Source()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await client.receive()

    sending = asyncio.ensure_future(stream_of(source).send_events("GET", receive, client.send))
    await until(lambda: not messages)
    source.queue.put_nowait(ServerSentEvent("a"))
    await until(lambda: client.body)
    client.left.set()
    await sending
    assert client.body == b"data: a\n\n"


async def test_heartbeats_are_sent_while_there_is_no_event() -> None:
    client, source = Client(), Source()
    sending = asyncio.ensure_future(
        stream_of(source, 0.01).send_events("GET", client.receive, client.send)
    )
    await until(lambda: client.body.count(b": heartbeat\n\n") > 2)
    source.queue.put_nowait(ServerSentEvent("a"))
    await until(lambda: b"data: a\n\n" in client.body)
    source.queue.put_nowait(None)
    await sending


async def test_stream_of_a_client_that_leaves_is_ended_and_closed() -> None:
    client, source = Client(), Source()
    sending = asyncio.ensure_future(
        stream_of(source).send_events("GET", client.receive, client.send)
    )
    source.queue.put_nowait(ServerSentEvent("a"))
    await until(lambda: client.body)
    client.left.set()
    await sending
    assert client.ended
    assert source.closed


async def test_stream_of_a_client_that_cannot_be_reached_is_closed() -> None:
    client, source = Client(), Source()
    sending = asyncio.ensure_future(
        stream_of(source).send_events("GET", client.receive, client.send)
    )
    source.queue.put_nowait(ServerSentEvent("a"))
    await until(lambda: client.body)
    client.broken = True
    source.queue.put_nowait(ServerSentEvent("b"))
    with pytest.raises(OSError, match="left"):
        await sending
    assert source.closed


async def test_error_of_the_events_is_an_error_of_the_response() -> None:
    client = Client()

    async def failing() -> AsyncGenerator[ServerSentEvent]:
        yield ServerSentEvent("a")
        raise ZeroDivisionError

    response = event_stream(failing())
    assert isinstance(response, EventStream)
    with pytest.raises(ZeroDivisionError):
        await response.send_events("GET", client.receive, client.send)
    assert client.body == b"data: a\n\n"
    assert not client.ended


async def test_response_to_a_head_request_has_no_body() -> None:
    client, source = Client(), Source()
    await stream_of(source).send_events("HEAD", client.receive, client.send)
    assert client.body == b""
    assert client.ended


async def test_events_that_nobody_asks_for_are_closed() -> None:
    class Unasked:
        closed = False

        async def __anext__(self) -> ServerSentEvent:
            raise AssertionError("nobody asks")

        async def aclose(self) -> None:
            self.closed = True

    client, events = Client(), Unasked()
    response = event_stream(events)
    assert isinstance(response, EventStream)
    await response.send_events("HEAD", client.receive, client.send)
    assert events.closed
    assert client.sent == 1
