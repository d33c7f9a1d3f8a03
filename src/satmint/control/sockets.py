"""The WebSockets that are open, to be cut as a network cuts them: without a word to either side."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Message, Receive

_ABNORMAL: Final = 1006
"""No close frame came (RFC 6455, section 7.1.5)."""


class Sockets:
    """Every one of them."""

    def __init__(self) -> None:
        self._open: set[asyncio.Event] = set()

    @contextmanager
    def listening(self, receive: Receive) -> Iterator[Receive]:
        """`receive` (ASGI 3) of a socket, by which it hears of being cut."""
        cut = asyncio.Event()
        self._open.add(cut)
        try:
            yield _until(cut, receive)
        finally:
            self._open.discard(cut)

    def cut(self) -> int:
        """Cut all that are open now. Returns how many."""
        for socket in self._open:
            socket.set()
        return len(self._open)


def _until(cut: asyncio.Event, receive: Receive) -> Receive:
    async def heard() -> Message:
        message = asyncio.ensure_future(receive())
        cutting = asyncio.ensure_future(cut.wait())
        try:
            await asyncio.wait((message, cutting), return_when=asyncio.FIRST_COMPLETED)
            if cut.is_set():
                return {"type": "websocket.disconnect", "code": _ABNORMAL}
            return message.result()
        finally:
            message.cancel()
            cutting.cancel()

    return heard
