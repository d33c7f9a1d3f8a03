"""A WebSocket connection (RFC 6455), on the sans-I/O layer of `websockets`.

The gateway limits a client's requests. This module limits what an application never sees: pings,
fragments and queued messages. It closes the connection of a client that does not read, floods the
queue, or sends tiny fragments.
"""

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import structlog
from starlette.types import Message, Scope
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from satmint.server.client_disconnected import ClientDisconnected
from satmint.server.listener_context import ListenerContext
from satmint.server.message_queue import MessageQueue
from satmint.server.refusals import phrase
from satmint.server.websocket_handshake import InvalidHandshake, accept_handshake

MESSAGE_LIMIT: Final = 64 * 1024
"""Maximum bytes of a message."""
CLOSING_SECONDS: Final = 10.0
"""How long the client may take to answer a close."""

_MAX_QUEUED: Final = 256
"""Messages of one read that wait for the application."""
_MAX_FRAGMENTS: Final = 1024
"""Fragments of one message."""
_MAX_PINGS: Final = 100
"""Pings and pongs in `_PINGS_SECONDS`."""
_PINGS_SECONDS: Final = 10.0
_READ_CHUNK_BYTES: Final = 4 * 1024
_MAX_EARLY_BYTES: Final = 64 * 1024
"""Bytes that follow an opening handshake before it is answered."""
_POLICY_VIOLATION: Final = 1008
"""Close code for exceeded limits (RFC 6455, section 7.4.1)."""
_INVALID_PAYLOAD: Final = 1007
_SERVICE_RESTART: Final = 1012
_ABNORMAL_CLOSURE: Final = 1006
_NO_STATUS: Final = 1005
_muted_logger: Final = logging.getLogger("satmint.server.websockets")
"""Mutes `websockets`, which would log every frame and every error of a client."""
_muted_logger.setLevel(logging.CRITICAL)


class WebSocketConnection(asyncio.Protocol):
    """A WebSocket connection; `receive` and `send` are those of ASGI 3.

    A process may hold many thousands, mostly idle: no more than an idle one needs is kept.
    """

    __slots__ = (
        *("_abort_timer", "_accepted", "_context", "_denial", "_early_data", "_finished"),
        *("_fragments", "_handshake", "_opcode", "_pings", "_pings_since", "_protocol"),
        *("_read_paused", "_received", "_scope", "_transport", "_writable"),
    )

    def __init__(
        self, context: ListenerContext, transport: asyncio.Transport, scope: Scope
    ) -> None:
        self._context = context
        self._transport = transport
        self._scope = scope
        # For the frames alone, because it would keep the handshake.
        self._protocol = ServerProtocol(
            state=State.OPEN, max_size=MESSAGE_LIMIT, logger=_muted_logger
        )
        self._handshake: bytes | None = None
        """The response that accepts the handshake, until it is sent."""
        self._denial: Message | None = None
        """The head of a denial response."""
        self._early_data = b""
        """Bytes received before the handshake was answered."""
        self._accepted = False
        self._finished = False
        """Whether a close frame or a denial response was sent: nothing may follow."""
        self._received = MessageQueue()
        self._writable: asyncio.Event | None = None
        """Set when the client reads again; None while it reads."""
        self._read_paused = False
        self._abort_timer: asyncio.TimerHandle | None = None
        self._fragments: list[bytes] = []
        self._opcode = Opcode.TEXT
        self._pings = 0
        self._pings_since = 0.0

    def start(self, early_data: bytes) -> None:
        """Process the client's opening handshake, and the bytes that follow it."""
        if self._finished:
            return  # the client has disconnected before its turn
        # A WebSocket may buffer more than an HTTP response.
        self._transport.set_write_buffer_limits()
        self._early_data = early_data + self._early_data
        try:
            self._handshake = accept_handshake(self._scope["headers"])
        except InvalidHandshake as invalid:
            self._refuse(invalid.status)
            return
        self._context.table.release_address(self)
        self._queue_message({"type": "websocket.connect"})
        self._context.start(self._serve())

    # From the transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is irrelevant
        """See `asyncio.Protocol`."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self._context.table.remove(self)
        self._finished = True
        self._disconnect(_NO_STATUS if self._accepted else _ABNORMAL_CLOSURE)
        self._end_pause()
        # Break reference cycles: a suspended parser, and the stack frames of its exception.
        self._protocol.parser.close()
        if self._protocol.parser_exc is not None:
            self._protocol.parser_exc.with_traceback(None)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._finished and not self._accepted:
            return
        if not self._accepted:
            # The client must not send before the handshake is answered; keep the order if it does.
            self._early_data += data
            if len(self._early_data) > _MAX_EARLY_BYTES:
                self._transport.pause_reading()
            return
        # In chunks, because limits are checked in between: a segment may hold 40,000 empty frames.
        for at in range(0, len(data), _READ_CHUNK_BYTES):
            self._protocol.receive_data(data[at : at + _READ_CHUNK_BYTES])
            if self._protocol.parser_exc is not None:
                self._end_after_error()
            else:
                self._handle_frames(self._protocol.events_received())
            if self._transport.is_closing():
                return

    def pause_writing(self) -> None:
        """The client does not read: start its stall deadline."""
        if self._writable is None:
            self._writable = asyncio.Event()
        self._context.table.stall(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._end_pause()
        self._context.table.resume(self)

    # From the table of connections

    def unsent_bytes(self) -> int:
        """Bytes that the client has not read yet."""
        return self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close at once, whatever is in flight."""
        self._transport.abort()

    def close_unless_answering(self) -> None:
        """Close: the server stops, and the client does not read or does not close."""
        self.abort()

    def stop(self) -> None:
        """Send a close, without waiting for the client's; abort if the client does not read."""
        if self._writable is not None or not self._accepted:
            self._transport.abort()
            return
        if not self._finished:
            self._send_close(_SERVICE_RESTART)
        self._transport.close()
        self._context.table.closing.add(self, self._context.loop.time())

    # ASGI

    async def receive(self) -> Message:
        """The next message."""
        message = await self._received.get()
        if self._read_paused and not self._received:
            self._read_paused = False
            self._transport.resume_reading()
        return message

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            ClientDisconnected: the client has disconnected.
        """
        while self._writable is not None:
            await self._writable.wait()
        if self._finished:
            raise ClientDisconnected
        match message["type"]:
            case "websocket.accept":
                self._accept(message)
            case "websocket.send":
                self._send_data(message)
            case "websocket.close":
                self._send_close(message.get("code", 1000), message.get("reason") or "")
                self._resume_reading()  # for the client's close frame
                self._limit_closing()
            case "websocket.http.response.start":
                self._denial = message
            case "websocket.http.response.body":
                self._send_denial(message["body"])

    # Inside

    async def _serve(self) -> None:
        try:
            await self._context.app(self._scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception:  # noqa: BLE001 - the application handles its own errors; this is a bug
            structlog.get_logger("satmint.http").exception("application_failed")
        if self._handshake is not None and not self._finished:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif self._abort_timer is None:
            self._transport.close()

    def _accept(self, message: Message) -> None:
        response, self._handshake = self._handshake, None
        if response is None:
            raise RuntimeError("the handshake is answered already")
        lines = b"".join([b"%b: %b\r\n" % header for header in message.get("headers", ())])
        self._transport.write(b"%b%b%b\r\n" % (response, self._context.common_fields, lines))
        self._scope["headers"] = []  # 2 KB, and the connection may be open for days
        self._accepted = True
        if self._early_data:
            early_data, self._early_data = self._early_data, b""
            self._transport.resume_reading()
            self.data_received(early_data)

    def _send_data(self, message: Message) -> None:
        text = message.get("text")
        try:
            if text is None:
                self._protocol.send_binary(message["bytes"])
            else:
                self._protocol.send_text(text.encode())
        except InvalidState as error:
            raise ClientDisconnected from error
        self._flush()

    def _send_close(self, code: int, reason: str = "") -> None:
        self._finished = True
        try:
            self._protocol.send_close(code, reason)
        except InvalidState as error:
            raise ClientDisconnected from error
        self._flush()
        self._disconnect(code)

    def _send_denial(self, body: bytes) -> None:
        """Send a denial response (ASGI, Websocket Denial Response)."""
        if self._denial is None:
            raise RuntimeError("a denial response begins with its head")
        status = HTTPStatus(self._denial["status"])
        lines = b"".join([b"%b: %b\r\n" % header for header in self._denial["headers"]])
        self._write_last(
            b"HTTP/1.1 %d %b\r\n%b%bcontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, phrase(status), self._context.common_fields, lines, len(body), body)
        )

    def _refuse(self, status: HTTPStatus) -> None:
        """Send an error response instead of the handshake's."""
        client = self._scope["client"]
        address = client[0] if client else ""
        refusals, hsts = self._context.refusals, self._context.hsts
        self._write_last(refusals.refuse(status, "no_handshake", address, hsts))

    def _write_last(self, answer: bytes) -> None:
        self._finished = True
        self._handshake = None
        self._transport.write(answer)
        self._disconnect(_ABNORMAL_CLOSURE)
        self._transport.close()
        self._limit_closing()

    def _handle_frames(self, events: Iterable[Event]) -> None:
        """Process received frames."""
        for event in events:
            if not isinstance(event, Frame):
                continue
            match event.opcode:
                case Opcode.TEXT | Opcode.BINARY:
                    self._opcode, self._fragments = event.opcode, [bytes(event.data)]
                    self._handle_message(event)
                case Opcode.CONT if len(self._fragments) >= _MAX_FRAGMENTS:
                    self._fail()
                case Opcode.CONT:
                    self._fragments.append(bytes(event.data))
                    self._handle_message(event)
                case Opcode.PING | Opcode.PONG if self._ping_limit_exceeded():
                    self._fail()
                case Opcode.CLOSE:
                    self._handle_close()
        self._flush()

    def _handle_message(self, frame: Frame) -> None:
        """Queue a complete message, unless it is invalid or the queue is full."""
        if not frame.fin or self._finished:
            return
        data = b"".join(self._fragments)
        self._fragments = []
        if len(self._received) >= _MAX_QUEUED:
            self._fail()
        elif self._opcode is Opcode.BINARY:
            self._queue_message({"type": "websocket.receive", "bytes": data})
        else:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                self._fail(_INVALID_PAYLOAD)
                return
            self._queue_message({"type": "websocket.receive", "text": text})

    def _handle_close(self) -> None:
        """The client closes, or answers the server's close."""
        received = self._protocol.close_rcvd
        if not self._finished:
            self._finished = True
            self._disconnect(_NO_STATUS if received is None else received.code)
        self._flush()
        self._transport.close()
        self._limit_closing()

    def _ping_limit_exceeded(self) -> bool:
        """Count a ping or pong; whether the limit is exceeded."""
        now = self._context.loop.time()
        if now - self._pings_since > _PINGS_SECONDS:
            self._pings, self._pings_since = 0, now
        self._pings += 1
        return self._pings > _MAX_PINGS

    def _fail(self, code: int = _POLICY_VIOLATION) -> None:
        """Close the connection because of the client's behaviour."""
        if not self._finished:
            self._fragments = []
            self._protocol.fail(code)
            self._end_after_error()

    def _end_after_error(self) -> None:
        """Close after a protocol error or an exceeded limit; the close frame is sent already."""
        sent = self._protocol.close_sent
        self._finished = True
        self._received.clear()
        self._disconnect(_ABNORMAL_CLOSURE if sent is None else sent.code)
        self._flush()
        self._transport.close()
        self._limit_closing()

    def _queue_message(self, message: Message) -> None:
        """Queue a message; reading pauses until it is consumed."""
        self._received.put(message)
        if not self._read_paused and message["type"] == "websocket.receive":
            self._read_paused = True
            self._transport.pause_reading()

    def _disconnect(self, code: int) -> None:
        """Queue `websocket.disconnect`, once."""
        if not self._received.is_disconnected:
            self._received.put({"type": "websocket.disconnect", "code": code})

    def _end_pause(self) -> None:
        """Let the application send again."""
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()

    def _flush(self) -> None:
        """Write the protocol's output; it is dropped for a client that does not read."""
        data = b"".join(self._protocol.data_to_send())
        if data and (self._writable is None or self._finished):
            self._transport.write(data)

    def _resume_reading(self) -> None:
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()

    def _limit_closing(self) -> None:
        """Abort the connection after `CLOSING_SECONDS`.

        Closing waits until the client has read all output, which may never happen.
        """
        if self._abort_timer is None:
            self._abort_timer = self._context.loop.call_later(
                CLOSING_SECONDS, self._transport.abort
            )
