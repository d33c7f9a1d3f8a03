"""One socket: its protocol value, what waits to be sent, and the sending of it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from satmint.gateway.protocol import Close, Connection, Moment, Send, Stage, opened
from satmint.model.events import Origin
from satmint.model.live import Admission

Message = MutableMapping[str, Any]
SendMessage = Callable[[Message], Awaitable[None]]


class Line:
    """A connection with its socket.

    What is to be sent is queued, because time and revocation speak from outside of the connection's
    own task and must never wait for a slow client. The queue stays short by itself: a client's next
    request is not looked at before its last one's answer was sent, and time says no more than two
    things to who does not answer.
    """

    __slots__ = (
        "_flushing",
        "_outbox",
        "_send",
        "connection",
        "judge_again_at",
        "online_since",
        "origin",
    )

    def __init__(self, connection: UUID, origin: Origin, send: SendMessage, at: Moment) -> None:
        self.connection: Connection = opened(connection, at)
        self.origin = origin
        self.judge_again_at = 0.0
        """By the steady clock: when its standing is looked up again without any occasion."""
        self.online_since: int | None = None
        """Unix seconds; None: it is not online."""
        self._send = send
        self._outbox: list[Message] = []
        self._flushing: asyncio.Task[None] | None = None

    @property
    def id(self) -> UUID:
        """The connection's."""
        return self.connection.id

    @property
    def lives(self) -> Admission | None:
        """What it lives as, if it lives."""
        connection = self.connection
        return connection.admission if connection.stage is Stage.LIVE else None

    def put(self, effect: Send | Close) -> None:
        """Queue a frame, or the end."""
        if isinstance(effect, Send):
            self._outbox.append({"type": "websocket.send", "text": effect.text})
        else:
            self._outbox.append({"type": "websocket.close", "code": int(effect.code)})

    def flush(self) -> "asyncio.Task[None] | None":
        """Begin to send what is queued, in order; the task that does it, if there is any to do."""
        if self._flushing is None and self._outbox:
            self._flushing = asyncio.get_running_loop().create_task(self._drain())
        return self._flushing

    async def flushed(self) -> None:
        """Return once everything is sent that is queued, or nothing can be sent any more."""
        while (task := self.flush()) is not None:
            await asyncio.wait((task,))

    async def _drain(self) -> None:
        try:
            # The client is gone: the receiving side hears of it too.
            with contextlib.suppress(OSError):
                while self._outbox:
                    await self._send(self._outbox[0])
                    del self._outbox[:1]
        finally:
            self._outbox.clear()
            self._flushing = None
