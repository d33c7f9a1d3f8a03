"""One request and its response, for an ASGI 3 application.

A response whose body is one message, as all of ours are, is written together with its head: one
system call, and no validation of headers, which this program writes itself.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.types import Message, Scope

from satmint.server.refusals import phrase
from satmint.server.requests import RequestHead

if TYPE_CHECKING:
    from satmint.server.http_connection import HttpConnection

_CLOSE: Final = (b"connection", b"close")
_STATUS_LINES: Final = {
    int(status): b"HTTP/1.1 %d %b\r\n" % (status, phrase(status)) for status in HTTPStatus
}
_WRITE_CHUNK_BYTES: Final = 64 * 1024
"""A larger body is written in chunks, as the client reads it. Otherwise, under TLS, a client that
does not read would not be noticed; and the same body may be sent to many connections."""


class Exchange:
    """One request and its response; `receive` and `send` are those of ASGI 3."""

    __slots__ = (
        "_body_received",
        "_changed",
        "_connection",
        "_content",
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
        """Whether the response is written."""
        self._content = content
        self._more_body = not complete
        self._body_received = False
        """Whether the application has received the end of the body."""
        self._changed: asyncio.Event | None = None
        self._start: Message | None = None

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

    async def receive(self) -> Message:
        """The next part of the body; after its end, waits for `http.disconnect`."""
        connection = self._connection
        if connection is not None and self.awaits_continue and not self._content:
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.awaits_continue = False
        while self._connection is not None and (
            self._body_received or (self._more_body and not self._content)
        ):
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()
        connection = self._connection
        if connection is None:
            return {"type": "http.disconnect"}
        content, self._content = self._content, b""
        self._body_received = not self._more_body
        if self._more_body and connection.read_paused:
            connection.resume_reading()
        return {"type": "http.request", "body": content, "more_body": self._more_body}

    async def send(self, message: Message) -> None:
        """Accept `http.response.start`, then one `http.response.body`, which ends the response."""
        connection = self._connection
        if connection is None:
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None or self.answered or message.get("more_body", False):
            raise RuntimeError("a response is a start and one body, in this order")
        status, headers = self._start["status"], self._start["headers"]
        if _CLOSE in headers:
            self.keep_alive = False
        lines = [b"%b: %b\r\n" % header for header in headers]
        # A client that waits for a 100 in vain may send the body or not (RFC 9110, 10.1.1).
        if not (self.keep_alive and connection.can_keep_alive) or self.awaits_continue:
            if self.keep_alive or _CLOSE not in headers:
                lines.append(b"connection: close\r\n")
            self.keep_alive = False
        head = b"%b%b%b\r\n" % (
            _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
            connection.context.common_fields,
            b"".join(lines),
        )
        self.answered = True
        body: bytes = message.get("body", b"")
        if len(body) <= _WRITE_CHUNK_BYTES:
            connection.write(head + body)
        else:
            connection.write(head)
            rest = memoryview(body)
            while rest and await connection.writable() and self._connection is not None:
                connection.write(rest[:_WRITE_CHUNK_BYTES])
                rest = rest[_WRITE_CHUNK_BYTES:]
        if self._connection is not None:
            self._connection = None
            connection.exchange_ended(self)
