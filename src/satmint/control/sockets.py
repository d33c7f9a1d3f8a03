"""Open WebSockets, which can be cut without a close frame, as in a network failure."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Message, Receive

_ABNORMAL: Final = 1006
"""The close code for a connection without a close frame (RFC 6455, section 7.1.5)."""


class Sockets:
    """The open WebSockets."""

    def __init__(self) -> None:
        self._open: set[asyncio.Event] = set()

    @contextmanager
    def register(self, receive: Receive) -> Iterator[Receive]:
        """Register a socket. Yield a `receive` (ASGI 3) that reports a disconnect after `cut`."""
        cut = asyncio.Event()
        self._open.add(cut)
        try:
            yield _cancel_on(cut, receive)
        finally:
            self._open.discard(cut)

    def cut(self) -> int:
        """Cut all open WebSockets. Return their number."""
        for socket in self._open:
            socket.set()
        return len(self._open)


def _cancel_on(cut: asyncio.Event, receive: Receive) -> Receive:
    async def cancellable_receive() -> Message:
        receiving = asyncio.ensure_future(receive())
        waiting_for_cut = asyncio.ensure_future(cut.wait())
        try:
            await asyncio.wait((receiving, waiting_for_cut), return_when=asyncio.FIRST_COMPLETED)
            if cut.is_set():
                return {"type": "websocket.disconnect", "code": _ABNORMAL}
            return receiving.result()
        finally:
            receiving.cancel()
            waiting_for_cut.cancel()

    return cancellable_receive
