"""A connection that carries HTTP/1.1 requests, one after the other.

The next request is not parsed before the previous response is handed to the network, so a client
that pipelines and does not read holds one response and a bounded number of its own bytes.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import structlog

from satmint.model.proxies import canonical
from satmint.server.client_disconnected import ClientDisconnected
from satmint.server.connection_table import Connection
from satmint.server.exchange import Exchange
from satmint.server.listener_context import ListenerContext
from satmint.server.requests import InvalidRequest, RequestHead, RequestReader
from satmint.server.scopes import Scopes
from satmint.server.websocket_connection import WebSocketConnection

PIPELINE_LIMIT: Final = 32
"""Requests that are read ahead while one is answered; further ones stay in the network."""
_READ_AHEAD_BYTES: Final = 64 * 1024
"""Unprocessed bytes of a body or of later requests at which reading pauses."""
_MAX_DROPPED_BYTES: Final = 256 * 1024
"""Bytes of an early-answered request's body that are dropped before the connection closes."""


class HttpConnection(asyncio.Protocol):
    """A connection that carries HTTP/1.1 requests; see the module."""

    def __init__(self, context: ListenerContext, pending: Connection) -> None:
        """Wait for the transport.

        Args:
            context: The listener's context.
            pending: The object that represents this connection in the table so far.
        """
        self.context = context
        self._pending = pending
        self._transport: asyncio.Transport | None = None
        """None before the connection is made and after it is lost."""
        self._peer = ("", 0)
        self._scopes: Scopes
        """Set when the connection is made."""
        self._reader = RequestReader()
        self._exchange: Exchange | None = None
        self._write_paused = False
        self.read_paused = False
        self._peer_closed = False
        self._closing = False
        self._unread = False
        """Whether the client may have sent more than was read when the connection closes."""
        self._is_queued = False
        """Whether a buffered request waits in the pipeline queue."""
        self._drained: asyncio.Event | None = None
        """Set when the next chunk of a response can be written."""
        self._dropped_bytes = 0
        """Bytes dropped of an early-answered request's body."""

    # From the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        context = self.context
        if not context.table.replace(self._pending, self):
            transport.abort()  # it was evicted
            return
        context.table.arriving.add(self, context.loop.time())
        peer = transport.get_extra_info("peername") or ("", 0)
        self._peer = (canonical(peer[0]), peer[1])
        self._scopes = Scopes(context, self._peer)
        # Any unread byte is noticed at once, and counts as a stall.
        transport.set_write_buffer_limits(high=1, low=0)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is irrelevant
        """See `asyncio.Protocol`."""
        self._transport = None
        self._closing = True
        self.context.table.remove(self)
        if self._drained is not None:
            self._drained.set()
        if self._exchange is not None:
            self._exchange.disconnect()
            self._exchange = None

    def eof_received(self) -> bool:
        """The client sends no more; pending requests are still answered if possible."""
        self._peer_closed = True
        if self._exchange is not None:
            self._exchange.end_stream()
        transport = self._transport
        stays_open = (
            self._write_paused
            or self._is_queued
            or (self._exchange is not None and self._reader.body_complete)
        )
        return stays_open and transport is not None and transport.can_write_eof()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._closing:
            return  # read and dropped only so that the last response arrives
        reader = self._reader
        reader.feed(data)
        if self._exchange is not None and not reader.body_complete:
            self._read_body(self._exchange)
        elif self._exchange is None and not self._is_queued and not self._write_paused:
            self._next_request()
        elif reader.buffered > _READ_AHEAD_BYTES or reader.heads_buffered() >= PIPELINE_LIMIT:
            self._pause_reading()

    def pause_writing(self) -> None:
        """The client does not read: start its stall deadline."""
        self._write_paused = True
        self.context.table.stall(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._write_paused = False
        self.context.table.resume(self)
        if self._drained is not None:
            self._drained.set()
        if self._closing:
            self._close_transport()
        elif self._exchange is None and not self._is_queued:
            self._next_request()

    # From the table of connections

    def close_idle(self) -> None:
        """Close: nothing is in flight."""
        self._close()
        # Under TLS this waits for the client, which may not be watching an idle connection.
        if self._transport is not None:
            self.context.table.closing.add(self, self.context.loop.time())

    def on_arrival_timeout(self) -> None:
        """Close; with a 408 if a request has begun to arrive."""
        if self._exchange is None and not (self._reader.buffered and self._reader.body_complete):
            self._close()  # no request has begun, or it is answered already
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout")

    def unsent_bytes(self) -> int:
        """Bytes that the client has not read yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close at once, whatever is in flight."""
        if self._transport is not None:
            self._transport.abort()

    def stop(self) -> None:
        """Close; a request in flight is answered first, and a stream is to end."""
        if self._exchange is None and not self._reader.buffered and not self._write_paused:
            self.close_idle()
        elif self._exchange is not None:
            self._exchange.end_stream()

    def close_unless_answering(self) -> None:
        """Close, unless the application is working on a response."""
        if self._write_paused or self._closing:
            self.abort()
        elif self._exchange is None or not self._reader.body_complete:
            self.on_arrival_timeout()

    # From the exchange

    @property
    def can_keep_alive(self) -> bool:
        """Whether the connection can carry another request."""
        return not (self.context.stopping or (self._peer_closed and not self._reader.buffered))

    @property
    def ends_streams(self) -> bool:
        """Whether a stream would hold up the server's stop, or be sent to a client that left.

        A client that closes its side can still read a response, but nobody can tell it from one
        that has left, which is more frequent, and of which a stream without an end would not hear.
        """
        return self.context.stopping or self._peer_closed

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes to the client."""
        if self._transport is not None:
            self._transport.write(data)

    async def writable(self) -> bool:
        """Wait until the client has read all output. Returns whether it is still connected."""
        while self._write_paused and self._transport is not None:
            self._drained = asyncio.Event()
            await self._drained.wait()
        self._drained = None
        return self._transport is not None and not self._transport.is_closing()

    def resume_reading(self) -> None:
        """Resume reading: received data was consumed."""
        if self.read_paused and self._transport is not None:
            self.read_paused = False
            self._transport.resume_reading()

    def exchange_ended(self, exchange: Exchange) -> None:
        """The response is written."""
        self._exchange = None
        if not exchange.keep_alive:
            self._close()
        elif self._write_paused:
            pass  # the next request follows once this response is sent
        elif not (self._reader.body_complete and self.can_keep_alive):
            self._next_request()
        elif self._reader.buffered:
            self._is_queued = True
            self.context.table.pipeline_queue.submit(self._resume_from_queue)
        else:
            self.context.table.idle.add(self, self.context.loop.time())
            if self.read_paused:
                self.resume_reading()

    # Inside

    def _resume_from_queue(self) -> None:
        self._is_queued = False
        self._next_request()

    def _next_request(self) -> None:
        """Process the next request, as far as it is received."""
        table, reader, now = self.context.table, self._reader, self.context.loop.time()
        transport = self._transport
        if transport is None or self._exchange is not None or self._closing or self._write_paused:
            return  # not ready for a request, or closed
        table.idle.discard(self)
        try:
            if not reader.body_complete and not self._drop_body(now):
                return
            head = reader.next_head()
            if head is None:
                self.resume_reading()
                if reader.buffered:
                    table.arriving.add(self, now)
                elif self._peer_closed or self.context.stopping:
                    self._close()
                elif self not in table.arriving:
                    table.idle.add(self, now)
                return
            if head.opens_websocket:
                self._open_websocket(transport, head)
                return
            content, complete = reader.read_body()
        except InvalidRequest as invalid:
            self._refuse(invalid.status, invalid.cause)
            return
        exchange = Exchange(self, head, self._scopes.of(head), content, complete=complete)
        self._exchange = exchange
        if complete:
            table.arriving.discard(self)
        else:
            table.arriving.add(self, now)
            self.resume_reading()
        # A done callback that removes it from the set would cost each request a loop iteration.
        exchange.task = self.context.loop.create_task(self._answer(exchange))
        self.context.tasks.add(exchange.task)

    def _drop_body(self, now: float) -> bool:
        """Drop the body of an early-answered request. Returns whether its end is reached."""
        try:
            content, complete = self._reader.read_body()
        except InvalidRequest as invalid:  # a second response would be taken for the next request's
            self.context.refusals.record(invalid.status, invalid.cause, self._peer[0])
            self._close(unread=True)
            return False
        self._dropped_bytes = 0 if complete else self._dropped_bytes + len(content)
        if complete:
            self.context.table.arriving.discard(self)
        elif self._dropped_bytes > _MAX_DROPPED_BYTES:
            self._close(unread=True)
        else:
            self.context.table.arriving.add(self, now)
            self.resume_reading()
        return complete

    def _read_body(self, exchange: Exchange) -> None:
        """Pass received body bytes to the request that is being answered."""
        try:
            content, complete = self._reader.read_body()
        except InvalidRequest as invalid:
            self._refuse(invalid.status, invalid.cause)
            return
        exchange.content_received(content, complete=complete)
        if complete:
            self.context.table.arriving.discard(self)
        if exchange.unread_bytes > _READ_AHEAD_BYTES:
            self._pause_reading()

    async def _answer(self, exchange: Exchange) -> None:
        """Run the application; close the connection if it sends no complete response."""
        try:
            await self.context.app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnected:
            pass
        except Exception:  # noqa: BLE001 - the application handles its own errors; this is a bug
            structlog.get_logger("satmint.http").exception("application_failed")
        finally:
            if exchange.task is not None:
                self.context.tasks.discard(exchange.task)
                exchange.task = None
        if self._exchange is exchange:
            self._close()

    def _open_websocket(self, transport: asyncio.Transport, head: RequestHead) -> None:
        """Hand the transport over to a `WebSocketConnection`."""
        scope = {**self._scopes.of(head), "type": "websocket", "subprotocols": []}
        scope["scheme"] = "ws" if self.context.certificate is None else "wss"
        scope["extensions"] = {"websocket.http.response": {}}
        self.resume_reading()
        self._transport = None
        self._closing = True
        early_data = self._reader.take_buffered()
        successor = WebSocketConnection(self.context, transport, scope)
        self.context.table.replace(self, successor)
        transport.set_protocol(successor)
        self.context.table.upgrade_queue.run(lambda: successor.start(early_data))

    def _refuse(self, status: HTTPStatus, cause: str) -> None:
        """Send an error response, unless a response is written already, and close."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.disconnect()
            if exchange.answered:
                self.context.refusals.record(status, cause, self._peer[0])
                self._close(unread=True)
                return
        answer = self.context.refusals.refuse(status, cause, self._peer[0], self.context.hsts)
        self._close(unread=True, last=answer)

    def _close(self, *, unread: bool = False, last: bytes = b"") -> None:
        """Close, after all pending output and `last` are sent."""
        transport, table = self._transport, self.context.table
        if transport is None or self._closing:
            return
        self._closing = True
        table.idle.discard(self)
        table.arriving.discard(self)
        if last:
            transport.write(last)
        self._unread = unread or bool(self._reader.buffered) or not self._reader.body_complete
        if not self._write_paused:
            self._close_transport()

    def _close_transport(self) -> None:
        """Close the transport: all output is handed to the network.

        Closing with unread bytes resets the connection, and the client may lose its response
        (RFC 9112, section 9.6): so they are read for a moment first.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._unread and not self._peer_closed and transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:  # reset by the client, but not reported by the loop yet
                transport.abort()
                return
            self.resume_reading()
            self.context.table.closing.add(self, self.context.loop.time())
        else:
            transport.close()
            if self.context.stopping:  # under TLS, closing waits for the client
                self.context.table.closing.add(self, self.context.loop.time())

    def _pause_reading(self) -> None:
        if not self.read_paused and self._transport is not None:
            self.read_paused = True
            self._transport.pause_reading()
