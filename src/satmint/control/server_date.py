"""Middleware that adds the `Date` header, with the time of the server's movable clock."""

from email.utils import formatdate
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from satmint.model.clock import Clock

ACCEPTED: Final = "websocket.accept"
RESPONSE_HEADS: Final = frozenset(
    {"http.response.start", "websocket.http.response.start", ACCEPTED},
)
"""The ASGI messages that carry a response's status and headers."""


class ServerDate:
    """Adds the `Date` header to every response (RFC 9110, section 6.6.1)."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""

        async def send_with_date(message: Message) -> None:
            if message["type"] in RESPONSE_HEADS:
                date = formatdate(self._clock.now(), usegmt=True).encode("ascii")
                message["headers"] = [(b"date", date), *message.get("headers", ())]
            await send(message)

        await self._app(scope, receive, send_with_date)
