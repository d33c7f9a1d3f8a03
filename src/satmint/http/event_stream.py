"""Server-sent events (WHATWG HTML, section 9.2): a response that tells what happens, as it happens.

A handler returns `event_stream(events)`, with an asynchronous iterator of `ServerSentEvent`. The
response ends when the iterator ends, when the client leaves, and when the server stops.
"""

import asyncio
from contextlib import aclosing, suppress
from typing import Any, Final, Protocol

import msgspec
from starlette.types import Receive, Send

from satmint.http.call import NO_STORE, Response

HEARTBEAT_SECONDS: Final = 3.0
"""An event stream is silent for no longer, so that a connection that is cut is noticed."""
_HEARTBEAT: Final = b": heartbeat\n\n"
_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    NO_STORE,
    (b"x-accel-buffering", b"no"),  # nginx would collect events before it passes them on
)


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event; `encode` gives its lines.

    An event without data is not dispatched by browsers, but its id is remembered.
    """

    data: str | None = None
    event: str | None = None
    """The type; None: `message`. A single line."""
    id: str | None = None
    """What a client that connects again sends as `Last-Event-ID`. A single line."""
    comment: str | None = None
    """A single line that clients ignore."""
    retry: int | None = None
    """Milliseconds after which a browser connects again."""

    def encode(self) -> bytes:
        """The event in the format of `text/event-stream`."""
        lines = []
        if self.comment is not None:
            lines.append(f": {self.comment}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.data is not None:
            # All three line ends of the format; `str.splitlines` knows more.
            text = self.data.replace("\r\n", "\n").replace("\r", "\n")
            lines += [f"data: {line}" for line in text.split("\n")]
        return "\n".join([*lines, "", ""]).encode()


class Events(Protocol):
    """What happens, such as an asynchronous generator of `ServerSentEvent`."""

    async def __anext__(self) -> ServerSentEvent:
        """Wait for the next event.

        Raises:
            StopAsyncIteration: there is no other one.
        """
        ...

    async def aclose(self) -> None:
        """Release what the events need; also if none was asked for."""


class EventStream(Response, frozen=True, kw_only=True):
    """A response whose body is `events`, as they come."""

    events: Events
    heartbeat_seconds: float | None = HEARTBEAT_SECONDS
    """A comment is sent after so many seconds without an event. None: `events` has its own."""

    async def send_events(self, method: str, receive: Receive, send: Send) -> None:
        """Send the events, and close them; the head is sent already.

        Args:
            method: The method of the request; HEAD has no body.
            receive: The ASGI channel, for the client's disconnect.
            send: The ASGI channel.

        Raises:
            OSError: the client has left.
        """
        if method == "HEAD":
            await self.events.aclose()
        else:
            await self._send_body(receive, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_body(self, receive: Receive, send: Send) -> None:
        await send(_body(b""))  # the head leaves before the first event
        gone = asyncio.ensure_future(_disconnected(receive))
        following: asyncio.Future[ServerSentEvent | None] | None = None
        async with aclosing(self.events) as events:
            try:
                while not gone.done():
                    following = following or asyncio.ensure_future(_next(events))
                    waiting: set[asyncio.Future[Any]] = {gone, following}
                    await asyncio.wait(
                        waiting,
                        timeout=self.heartbeat_seconds,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if gone.done():
                        break
                    if not following.done():
                        await send(_body(_HEARTBEAT))
                        continue
                    event, following = following.result(), None
                    if event is None:
                        break
                    await send(_body(event.encode()))
            finally:
                gone.cancel()
                if following is not None:
                    following.cancel()
                    with suppress(asyncio.CancelledError):
                        await following


def event_stream(events: Events, heartbeat_seconds: float | None = HEARTBEAT_SECONDS) -> Response:
    """The response that sends `events`.

    Args:
        events: It is closed when the response ends, however it ends. An exception that it raises
            closes the connection, since the head is sent already.
        heartbeat_seconds: See `EventStream`.
    """
    return EventStream(200, b"", _HEADERS, events=events, heartbeat_seconds=heartbeat_seconds)


async def _next(events: Events) -> ServerSentEvent | None:
    """The next event; None: there is no other one. A future cannot raise `StopAsyncIteration`."""
    try:
        return await events.__anext__()
    except StopAsyncIteration:
        return None


async def _disconnected(receive: Receive) -> None:
    """Return once the client has left, or the server stops."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}
