"""One client's socket: its connection state and its send queue."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from starlette.types import Scope

from satmint.gateway.protocol import (
    ClockReading,
    Close,
    ConnectionState,
    Phase,
    Send,
    initial_state,
)
from satmint.model.events import AGENT_LIMIT, Origin
from satmint.model.live import Admission

Message = MutableMapping[str, Any]
SendMessage = Callable[[Message], Awaitable[None]]


class ClientSocket:
    """A connection's state, with its socket.

    Frames are queued, because ticks and revocations come from outside the connection's own task and
    must never wait for a slow client. The queue stays short: the next request is not read before
    the previous answer is sent, and ticks send at most two frames to a client that does not answer.
    """

    __slots__ = (
        "_flushing",
        "_outbox",
        "_send",
        "connection",
        "online_since",
        "origin",
        "recheck_at",
    )

    def __init__(
        self, connection: UUID, origin: Origin, send: SendMessage, at: ClockReading
    ) -> None:
        self.connection: ConnectionState = initial_state(connection, at)
        self.origin = origin
        self.recheck_at = 0.0
        """By the monotonic clock: when its session is rechecked even without a revocation event."""
        self.online_since: int | None = None
        """Unix seconds; None if not online."""
        self._send = send
        self._outbox: list[Message] = []
        self._flushing: asyncio.Task[None] | None = None

    @property
    def id(self) -> UUID:
        """The connection's id."""
        return self.connection.id

    @property
    def admission(self) -> Admission | None:
        """The admission while connected; None otherwise."""
        connection = self.connection
        return connection.admission if connection.phase is Phase.CONNECTED else None

    def put(self, effect: Send | Close) -> None:
        """Queue a frame or a close."""
        if isinstance(effect, Send):
            self._outbox.append({"type": "websocket.send", "text": effect.text})
        else:
            self._outbox.append({"type": "websocket.close", "code": int(effect.code)})

    def flush(self) -> "asyncio.Task[None] | None":
        """Start sending the queue. Returns the sending task, None if the queue is empty."""
        if self._flushing is None and self._outbox:
            self._flushing = asyncio.get_running_loop().create_task(self._drain())
        return self._flushing

    async def flushed(self) -> None:
        """Wait until the queue is sent, or the socket is closed."""
        while (task := self.flush()) is not None:
            await asyncio.wait((task,))

    async def _drain(self) -> None:
        try:
            # The client is gone; the receiving side gets a disconnect message too.
            with contextlib.suppress(OSError):
                while self._outbox:
                    await self._send(self._outbox[0])
                    del self._outbox[:1]
        finally:
            self._outbox.clear()
            self._flushing = None


def origin_of(scope: Scope, connection: UUID) -> Origin:
    """The origin of a connection, for logs and the audit trail.

    The request id is that of the upgrade; without one, the connection's id takes its place.
    """
    client = scope["client"]
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    text = agent[:AGENT_LIMIT].decode("latin-1")
    request_id: str = scope.get("satmint.request_id", str(connection))
    return Origin(request_id, client[0] if client else "", text)
