"""WebSockets that are not read from, that never stop talking, or that talk in crumbs.

The gateway limits what a client may say. What it costs to be told so is limited here, in the
protocol: no application hears of pings and of fragments, nor of what waits in its queue.
"""

from asyncio import TimerHandle
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from satmint.http.guard import bare_answer

MESSAGE_LIMIT: Final = 64 * 1024
"""Bytes of a message."""
STALLED_SECONDS: Final = 20.0
"""How long a client may leave unread what it was sent, once that is more than buffers take."""
CLOSING_SECONDS: Final = 10.0
"""How long it may take to close after it was told to."""

_MOST_QUEUED: Final = 256
"""Messages that came in one piece with others, and wait for their turn."""
_MOST_FRAGMENTS: Final = 1024
"""Of one message."""
_MOST_PINGS: Final = 100
"""In `_PINGS_SECONDS`."""
_PINGS_SECONDS: Final = 10.0
_LAST: Final = ("websocket.close", "websocket.http.response.body")
"""After these nothing is sent."""
_POLICY: Final = 1008
"""Close code for what no client has a reason to do (RFC 6455, section 7.4.1)."""


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol with limits on what a client can make it hold."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(*args, **kwargs)
        self._stalled: TimerHandle | None = None
        self._ending: TimerHandle | None = None
        self._pings = 0
        self._pings_since = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        for timer in (self._stalled, self._ending):
            if timer is not None:
                timer.cancel()
        self._drop_queued()
        super().connection_lost(exc)
        # Circles of references, which the collector would have to find: a parser that waits for
        # more, and the frames that an exception came through.
        self.conn.parser.close()
        for error in (self.conn.parser_exc, self.conn.handshake_exc):
            if error is not None:
                error.with_traceback(None)

    def data_received(self, data: bytes) -> None:
        """Take what came, of which the first is a whole head.

        One with which no WebSocket can begin, such as a request with a body, is answered here:
        nobody else would hear of it, and its connection would stay open, counted by nobody.
        """
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(bare_answer(HTTPStatus.BAD_REQUEST))
            self.transport.close()
            self._linger()

    def pause_writing(self) -> None:
        """The client does not read: it has some time to do so."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def shutdown(self) -> None:
        """End, also where the client does not read its end."""
        if not self.writable.is_set():
            self.transport.abort()
            return
        super().shutdown()

    def handle_ping(self) -> None:
        """Answer, unless the client does not read the answers or wants too many."""
        if self._are_too_many():
            self._fail()
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # the pong, which goes nowhere

    def handle_pong(self, event: Frame) -> None:
        """Take one that nobody asked for, if there are not too many."""
        if self._are_too_many():
            self._fail()
        else:
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment, if there are not too many: an empty one costs memory, too."""
        if len(self.frames) >= _MOST_FRAGMENTS:
            self._fail()
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Hand a message over, if it is one and not too many wait already."""
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self._fail(1007)
        elif self.queue.qsize() >= _MOST_QUEUED:
            self._fail()
        else:
            super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - an ASGI event
        """See ASGI. After the end, from whichever side, who sends is told that nobody is there."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] in _LAST:
            # A refused upgrade is a complete answer, too; uvicorn would complain of each.
            self.handshake_complete = True
            self._linger()

    def handle_close(self, event: Frame) -> None:
        """The client closes."""
        super().handle_close(event)
        self._linger()

    def handle_parser_exception(self) -> None:
        """What it sends is no WebSocket, or more than is taken."""
        super().handle_parser_exception()
        self._linger()

    def _are_too_many(self) -> bool:
        """Count a ping or a pong."""
        now = self.loop.time()
        if now - self._pings_since > _PINGS_SECONDS:
            self._pings, self._pings_since = 0, now
        self._pings += 1
        return self._pings > _MOST_PINGS

    def _linger(self) -> None:
        """From here on the connection lasts for some time at the most.

        Closing waits for what was sent before to be read, which may be never.
        """
        if self._ending is None:
            self._ending = self.loop.call_later(CLOSING_SECONDS, self.transport.abort)

    def _fail(self, code: int = _POLICY) -> None:
        if self.close_sent:
            return
        self.frames = []
        self._drop_queued()
        self.conn.fail(code)
        self.handle_parser_exception()

    def _drop_queued(self) -> None:
        """Forget what nobody waits for an answer to any more."""
        kept = []
        while not self.queue.empty():
            message = self.queue.get_nowait()
            if message["type"] != "websocket.receive":
                kept.append(message)
        for message in kept:
            self.queue.put_nowait(message)


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        (frames[0] if len(frames) == 1 else b"".join(frames)).decode()
    except UnicodeDecodeError:
        return False
    return True
