"""Requests to become a WebSocket: who may, and what all others are told before it happens."""

from collections.abc import Iterator
from typing import Final, Protocol

from starlette.types import Message, Receive, Scope, Send

from satmint.http.cors import Cors
from satmint.http.messages import Response
from satmint.http.metrics import Metrics
from satmint.http.statuses import plain_error
from satmint.model.refusals import Code

PATH: Final = "/"
"""Where the SDKs knock, on whichever host `ch` names."""

ROUTE: Final = "gateway"
"""What its requests are counted under."""
REQUEST_ID: Final = "satmint.request_id"
"""Where a scope says the request's id."""
_LATER: Final = (b"retry-after", b"1")


class Gateway(Protocol):
    """What takes a WebSocket over."""

    def sheds(self, address: str) -> bool:
        """Whether a client at this IP address is to come back later."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it from its upgrade to its end (ASGI 3)."""
        ...


class Upgrades:
    """Turns away whom the gateway must not see."""

    def __init__(self, gateway: Gateway | None, cors: Cors, metrics: Metrics) -> None:
        self._gateway = gateway
        self._cors = cors
        self._metrics = metrics

    async def take(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        """Hand one over to the gateway, or answer it with an error."""
        gateway = self._gateway
        code = Code.NOT_FOUND if gateway is None else self._refusal(gateway, scope)
        if gateway is not None and code is None:
            self._metrics.requests["GET", ROUTE, 101] += 1
            # What it logs and records is found by this id, as for any request.
            scope[REQUEST_ID] = request_id
            await gateway(scope, receive, _naming(request_id, send))
            return
        code = code or Code.NOT_FOUND
        response = plain_error(code, (_LATER,) if code is Code.UNAVAILABLE else ())
        self._metrics.requests["GET", ROUTE, response.status] += 1
        await receive()
        for message in denial(response, request_id):
            await send(message)

    def _refusal(self, gateway: Gateway, scope: Scope) -> Code | None:
        if scope["path"] != PATH:
            return Code.NOT_FOUND
        # What is no browser names no origin, and is held by none.
        for name, value in scope["headers"]:
            if name.lower() == b"origin" and not self._cors.admits(value):
                return Code.FORBIDDEN
        client = scope["client"]
        return Code.UNAVAILABLE if gateway.sheds(client[0] if client else "") else None


def _naming(request_id: str, send: Send) -> Send:
    """`send`, with the request's id on the answer that accepts it."""
    line = (b"x-request-id", request_id.encode("ascii"))

    async def named(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message = {**message, "headers": [*message.get("headers", ()), line]}
        await send(message)

    return named


def denial(response: Response, request_id: str) -> Iterator[dict[str, object]]:
    """A whole answer in place of the upgrade (ASGI, Websocket Denial Response)."""
    headers = [*response.headers, (b"x-request-id", request_id.encode("ascii"))]
    yield {
        "type": "websocket.http.response.start",
        "status": response.status,
        "headers": headers,
    }
    yield {"type": "websocket.http.response.body", "body": response.body}
