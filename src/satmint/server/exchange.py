"""One request and its response, for an ASGI 3 application.

A response whose body is one message, as nearly all of ours are, is written together with its head:
one system call, and no validation of headers, which this program writes itself. A body of several
messages is a stream: each is written as a chunk (RFC 9112, section 7.1) once the client has read
the one before. A client of HTTP/1.0 gets the bytes as they are, and their end is that of the
connection.
"""

import asyncio
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.types import Message, Scope

from satmint.server.client_disconnected import ClientDisconnected
from satmint.server.refusals import phrase
from satmint.server.requests import RequestHead

if TYPE_CHECKING:
    from satmint.server.http_connection import HttpConnection

_CLOSE: Final = (b"connection", b"close")
_STATUS_LINES: Final = {
    int(status): b"HTTP/1.1 %d %b\r\n" % (status, phrase(status)) for status in HTTPStatus
}
_LAST_CHUNK: Final = b"0\r\n\r\n"
_WRITE_CHUNK_BYTES: Final = 64 * 1024
"""A larger body is written in chunks, as the client reads it. Otherwise, under TLS, a client that
does not read would not be noticed; and the same body may be sent to many connections."""


class _Framing(Enum):
    """How the parts of a stream are delimited."""

    CHUNKED = "chunked"
    CLOSE = "close"
    """As they are; closing the connection ends them (RFC 9112, section 6.3, rule 8)."""
    NO_BODY = "no body"
    """Not at all: the response to a HEAD request has a head alone."""


class Exchange:
    """One request and its response; `receive` and `send` are those of ASGI 3."""

    __slots__ = (
        "_body_received",
        "_changed",
        "_connection",
        "_content",
        "_framing",
        "_more_body",
        "_start",
        "answered",
        "awaits_continue",
        "keep_alive",
        "scope",
        "task",
    )

    def __init__(
        self,
        connection: "HttpConnection",
        head: RequestHead,
        scope: Scope,
        content: bytes,
        *,
        complete: bool,
    ) -> None:
        """Start an exchange.

        Args:
            connection: The connection to write the response to.
            head: The request head.
            scope: The ASGI scope.
            content: The part of the body that was received.
            complete: Whether `content` is the complete body.
        """
        self._connection: HttpConnection | None = connection
        """None once the exchange has ended."""
        self.scope = scope
        self.keep_alive = head.keep_alive
        self.awaits_continue = head.expects_continue
        self.task: asyncio.Task[None] | None = None
        """The application's task while it runs."""
        self.answered = False
        """Whether the head of the response is written: no other response can follow."""
        self._content = content
        self._more_body = not complete
        self._body_received = False
        """Whether the application has received the end of the body."""
        self._changed: asyncio.Event | None = None
        self._start: Message | None = None
        self._framing: _Framing | None = None
        """None: the response is not a stream, or not yet."""

    def content_received(self, content: bytes, *, complete: bool) -> None:
        """Add a part of the request's body."""
        self._content = self._content + content if self._content else content
        self._more_body = not complete
        if self._changed is not None:
            self._changed.set()

    @property
    def unread_bytes(self) -> int:
        """Bytes of the body that the application has not received."""
        return len(self._content)

    def disconnect(self) -> None:
        """The client has disconnected, or got another response."""
        self._connection = None
        if self._changed is not None:
            self._changed.set()

    def end_stream(self) -> None:
        """Have the application end its stream, if `connection.ends_streams` now."""
        if self._changed is not None:
            self._changed.set()

    async def receive(self) -> Message:
        """The next part of the body; after its end, waits for `http.disconnect`.

        A stream is also told of a disconnect when the server stops, or the client has closed its
        side. What the application sends then still reaches a client that is there, so the stream
        ends properly.
        """
        connection = self._connection
        if connection is not None and self.awaits_continue and not self._content:
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.awaits_continue = False
        while (
            self._connection is not None
            and not self._must_end
            and (self._body_received or (self._more_body and not self._content))
        ):
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()
        connection = self._connection
        if connection is None or self._must_end:
            return {"type": "http.disconnect"}
        content, self._content = self._content, b""
        self._body_received = not self._more_body
        if self._more_body and connection.read_paused:
            connection.resume_reading()
        return {"type": "http.request", "body": content, "more_body": self._more_body}

    async def send(self, message: Message) -> None:
        """Accept `http.response.start`, then `http.response.body` until one ends the response.

        Waits while the client does not read.

        Raises:
            ClientDisconnected: the client of a stream has disconnected, or was disconnected.
            RuntimeError: the messages are not in this order, or a stream declares its length.
        """
        connection = self._connection
        if connection is None:
            if self._framing is not None:
                raise ClientDisconnected
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None or (self.answered and self._framing is None):
            raise RuntimeError("a response is a start and its body, in this order")
        body: bytes = message.get("body", b"")
        ends = not message.get("more_body", False)
        if not ends or self._framing is not None:
            await self._send_part(connection, self._start, body, ends=ends)
        elif len(body) <= _WRITE_CHUNK_BYTES:
            connection.write(self._head(connection, self._start) + body)
        else:
            await self._send_large(connection, self._start, body)
        if ends and self._connection is not None:
            self._connection = None
            connection.exchange_ended(self)

    @property
    def _must_end(self) -> bool:
        """Whether the response is a stream that the application has to end."""
        connection = self._connection
        return self._framing is not None and connection is not None and connection.ends_streams

    async def _send_large(self, connection: "HttpConnection", start: Message, body: bytes) -> None:
        """Write a response whose body is one message, as the client reads it."""
        connection.write(self._head(connection, start))
        rest = memoryview(body)
        while rest and await connection.writable() and self._connection is not None:
            connection.write(rest[:_WRITE_CHUNK_BYTES])
            rest = rest[_WRITE_CHUNK_BYTES:]

    async def _send_part(
        self, connection: "HttpConnection", start: Message, body: bytes, *, ends: bool
    ) -> None:
        """Write a part of a stream, the first one after the head."""
        if self._framing is None:
            self._framing = self._begin_stream(connection, start)
        framing = self._framing
        rest = memoryview(b"" if framing is _Framing.NO_BODY else body)
        while rest:
            piece, rest = rest[:_WRITE_CHUNK_BYTES], rest[_WRITE_CHUNK_BYTES:]
            if not await connection.writable() or self._connection is None:
                raise ClientDisconnected
            if framing is _Framing.CHUNKED:
                connection.write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)))
            else:
                connection.write(piece)
        if ends and framing is _Framing.CHUNKED:
            connection.write(_LAST_CHUNK)

    def _begin_stream(self, connection: "HttpConnection", start: Message) -> _Framing:
        """Write the head of a stream; returns how its parts are delimited."""
        if any(name == b"content-length" for name, _ in start["headers"]):
            raise RuntimeError("a stream has no declared length")
        is_head = self.scope["method"] == "HEAD"
        if self.scope["http_version"] == "1.0":
            self.keep_alive = self.keep_alive and is_head
            field, framing = b"", _Framing.CLOSE
        else:
            field, framing = b"transfer-encoding: chunked\r\n", _Framing.CHUNKED
        connection.write(self._head(connection, start, field))
        return _Framing.NO_BODY if is_head else framing

    def _head(self, connection: "HttpConnection", start: Message, field: bytes = b"") -> bytes:
        """The head of the response, which is then regarded as written.

        Args:
            connection: The connection.
            start: The application's `http.response.start`.
            field: A header line in addition to the application's.
        """
        status, headers = start["status"], start["headers"]
        if _CLOSE in headers:
            self.keep_alive = False
        lines = [b"%b: %b\r\n" % header for header in headers]
        # A client that waits for a 100 in vain may send the body or not (RFC 9110, 10.1.1).
        if not (self.keep_alive and connection.can_keep_alive) or self.awaits_continue:
            if self.keep_alive or _CLOSE not in headers:
                lines.append(b"connection: close\r\n")
            self.keep_alive = False
        self.answered = True
        return b"%b%b%b%b\r\n" % (
            _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
            connection.context.common_fields,
            b"".join(lines),
            field,
        )
