"""WebSocket upgrades: which of them the gateway gets, and how the others are refused."""

from typing import Any, Final

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from satmint.http.cors import Cors
from satmint.http.metrics import Metrics
from satmint.http.request_ids import SCOPE_KEY
from satmint.http.upgrades import UpgradeHandler

ORIGIN: Final = "https://a.example"
LINE: Final = (b"x-request-id", b"id-1")


class FakeGateway:
    """Accepts each WebSocket, and sends what a test wants."""

    def __init__(self, busy_for: str | None = None) -> None:
        self.busy_for = busy_for
        self.scopes: list[Scope] = []

    def rejects(self, address: str) -> bool:
        """See `Gateway.rejects`."""
        return address == self.busy_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Gateway.__call__`."""
        self.scopes.append(scope)
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"a", b"b")]})
        await send({"type": "websocket.send", "text": "hello"})


class Upgrade:
    """One request for an upgrade, and what became of it."""

    def __init__(self, gateway: FakeGateway | None) -> None:
        self.metrics = Metrics()
        self.sent: list[Any] = []
        self.received = 0
        self._handler = UpgradeHandler(gateway, Cors((ORIGIN,)), self.metrics)

    async def ask(self, path: str = "/", headers: Any = (), client: Any = None) -> None:  # noqa: ANN401 - as ASGI has it
        """Ask for an upgrade."""
        scope = {"type": "websocket", "path": path, "headers": headers, "client": client}
        await self._handler.handle(scope, self._receive, self._send, "id-1")

    async def _receive(self) -> dict[str, Any]:
        self.received += 1
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:  # noqa: ANN401 - any message
        self.sent.append(message)


async def test_gateway_gets_the_upgrade_with_the_id_of_the_request() -> None:
    gateway = FakeGateway()
    upgrade = Upgrade(gateway)
    with capture_logs() as logs:
        await upgrade.ask()
    (scope,) = gateway.scopes
    assert scope[SCOPE_KEY] == "id-1"
    assert upgrade.sent == [
        {"type": "websocket.accept", "headers": [(b"a", b"b"), LINE]},
        {"type": "websocket.send", "text": "hello"},
    ]
    assert upgrade.metrics.requests == {("GET", "gateway", 101): 1}
    assert upgrade.metrics.refusals == {}
    assert logs == []


async def test_upgrade_with_an_id_of_the_caller_is_logged_with_both() -> None:
    upgrade = Upgrade(FakeGateway())
    with capture_logs() as logs:
        await upgrade.ask(headers=[(b"x-request-id", b"id-7")])
    assert logs == [
        {
            "event": "upgraded",
            "log_level": "info",
            "request_id": "id-1",
            "caller_request_id": "id-7",
        }
    ]


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([(b"origin", ORIGIN.encode())], None),
        ([(b"Origin", ORIGIN.encode())], None),
        ([(b"accept", b"https://b.example")], None),
        ([], ("192.0.2.8", 192)),
    ],
)
async def test_allowed_origin_and_any_other_header_pass(headers: Any, client: Any) -> None:  # noqa: ANN401 - as ASGI has it
    gateway = FakeGateway(busy_for="192.0.2.7")
    await Upgrade(gateway).ask(headers=headers, client=client)
    assert len(gateway.scopes) == 1


FOREIGN: Final = [(b"accept", b"*/*"), (b"Origin", b"https://b.example")]
BUSY: Final = FakeGateway(busy_for="192.0.2.7")


@pytest.mark.parametrize(
    ("gateway", "path", "headers", "client", "status", "code"),
    [
        (None, "/", [], None, 404, "not_found"),
        (FakeGateway(), "/other", [], None, 404, "not_found"),
        (FakeGateway(), "/", FOREIGN, None, 403, "forbidden"),
        (BUSY, "/", [], ("192.0.2.7", 1), 503, "service_unavailable"),
        (FakeGateway(busy_for=""), "/", [], None, 503, "service_unavailable"),
    ],
)
async def test_refused_upgrade_is_an_http_response(
    gateway: FakeGateway | None,
    path: str,
    headers: Any,  # noqa: ANN401 - as ASGI has it
    client: Any,  # noqa: ANN401 - as ASGI has it
    status: int,
    code: str,
) -> None:
    upgrade = Upgrade(gateway)
    await upgrade.ask(path, headers, client)
    start, body = upgrade.sent
    retry = [(b"retry-after", b"1")] if status == 503 else []
    assert start == {
        "type": "websocket.http.response.start",
        "status": status,
        "headers": [(b"content-type", b"application/json"), *retry, LINE],
    }
    assert body["type"] == "websocket.http.response.body"
    assert body["body"].startswith(b'{"error":')
    assert upgrade.received == 1
    assert upgrade.metrics.requests == {("GET", "gateway", status): 1}
    assert upgrade.metrics.refusals == {(code, "upgrade"): 1}
    assert gateway is None or gateway.scopes == []
