"""WebSocket upgrade requests: passed to the gateway, or rejected with an HTTP response."""

from collections.abc import Iterator
from typing import Final, Protocol

import structlog
from starlette.types import Message, Receive, Scope, Send

from satmint.http.call import Response
from satmint.http.cors import Cors
from satmint.http.metrics import Metrics
from satmint.http.request_ids import SCOPE_KEY, caller_fields
from satmint.http.statuses import plain_error
from satmint.model.refusals import Code

PATH: Final = "/"
"""The path to which the SDKs connect, on the cluster host in `ch`."""

ROUTE: Final = "gateway"
"""The route of these requests in metrics."""
_RETRY_AFTER: Final = (b"retry-after", b"1")


class Gateway(Protocol):
    """Serves WebSockets."""

    def rejects(self, address: str) -> bool:
        """Whether a client at this IP address must retry later."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, from its upgrade to its close (ASGI 3)."""
        ...


class UpgradeHandler:
    """Rejects invalid upgrade requests, and passes the others to the gateway."""

    def __init__(self, gateway: Gateway | None, cors: Cors, metrics: Metrics) -> None:
        self._gateway = gateway
        self._cors = cors
        self._metrics = metrics

    async def handle(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        """Pass one request to the gateway, or send an error response."""
        gateway = self._gateway
        code = Code.NOT_FOUND if gateway is None else self._refusal(gateway, scope)
        if gateway is not None and code is None:
            self._metrics.requests["GET", ROUTE, 101] += 1
            # The gateway uses this id in its log lines and audit events.
            scope[SCOPE_KEY] = request_id
            sent = caller_fields(scope["headers"])
            if sent:
                structlog.get_logger("satmint.http").info("upgraded", request_id=request_id, **sent)
            await gateway(scope, receive, _with_request_id(request_id, send))
            return
        code = code or Code.NOT_FOUND
        response = plain_error(code, (_RETRY_AFTER,) if code is Code.UNAVAILABLE else ())
        self._metrics.requests["GET", ROUTE, response.status] += 1
        self._metrics.refusals[code, "upgrade"] += 1
        await receive()
        for message in denial(response, request_id):
            await send(message)

    def _refusal(self, gateway: Gateway, scope: Scope) -> Code | None:
        if scope["path"] != PATH:
            return Code.NOT_FOUND
        # Only browsers send `Origin`, so other clients are not restricted by it.
        for name, value in scope["headers"]:
            if name.lower() == b"origin" and not self._cors.allows_origin(value):
                return Code.FORBIDDEN
        client = scope["client"]
        return Code.UNAVAILABLE if gateway.rejects(client[0] if client else "") else None


def _with_request_id(request_id: str, send: Send) -> Send:
    """Return a `send` that adds the request's id to the accepting response."""
    line = (b"x-request-id", request_id.encode("ascii"))

    async def send_with_request_id(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message = {**message, "headers": [*message.get("headers", ()), line]}
        await send(message)

    return send_with_request_id


def denial(response: Response, request_id: str) -> Iterator[dict[str, object]]:
    """Return the messages of an HTTP response that rejects an upgrade.

    See ASGI, Websocket Denial Response.
    """
    headers = [*response.headers, (b"x-request-id", request_id.encode("ascii"))]
    yield {
        "type": "websocket.http.response.start",
        "status": response.status,
        "headers": headers,
    }
    yield {"type": "websocket.http.response.body", "body": response.body}
