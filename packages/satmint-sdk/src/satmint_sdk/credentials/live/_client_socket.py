"""One open socket of a live session, with a task that reads and one that writes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from satmint_sdk._ambient import Clock
from satmint_sdk._secrets import one_line
from satmint_sdk.credentials._waiting import within
from satmint_sdk.credentials.live._inputs import Input, Received, SocketLost
from satmint_sdk.credentials.live._transport import GatewaySocket, SocketClosed

_DRAIN_LIMIT: Final = 2.0


class ClientSocket:
    """An open socket, with a task that reads and one that writes.

    Args:
        serial: The number of the attempt that opened it.
        socket: The socket.
        push: Called with each input.
    """

    def __init__(self, serial: int, socket: GatewaySocket, push: Callable[[Input], None]) -> None:
        self._serial = serial
        self._socket = socket
        self._push = push
        self.outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._reader = asyncio.ensure_future(self._read())
        self._writer = asyncio.ensure_future(self._write())

    async def close(self, clock: Clock) -> None:
        """Send pending frames if possible, and close."""
        self.outbox.put_nowait(None)
        with contextlib.suppress(TimeoutError):
            await within(clock, _DRAIN_LIMIT, _end_of(self._writer))
        self._writer.cancel()
        await self._socket.close()
        self._reader.cancel()
        await asyncio.wait({self._reader, self._writer})

    async def _read(self) -> None:
        try:
            while True:
                self._push(Received(self._serial, await self._socket.receive()))
        except SocketClosed as closed:
            detail = one_line(closed.reason) or "no reason was given"
            self._push(SocketLost(self._serial, closed.code, detail))

    async def _write(self) -> None:
        with contextlib.suppress(SocketClosed):  # the reader reports it
            while (text := await self.outbox.get()) is not None:
                await self._socket.send(text)


async def _end_of(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})
