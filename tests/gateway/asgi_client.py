"""A client of a gateway without a network: it plays the server's part of ASGI.

async with AsgiClient(gateway) as client:
    client.say("signalwire.connect", connect_params(token))
    assert "result" in await client.hear()
"""

import asyncio
import json
from types import TracebackType
from typing import Any, Final, Self

from starlette.types import Message, Scope

from satmint.gateway import Gateway, Limits
from tests.kit.gateway import PATIENCE_SECONDS, Ticker, connect_params
from tests.kit.service import Json, Server

ADDRESS: Final = "192.0.2.1"
LATER: Final = 30.0
"""Seconds that no test waits for."""


def a_gateway(server: Server, monotonic: Ticker | None = None, **limits: Any) -> Gateway:  # noqa: ANN401
    """The gateway of a service, without a server in front of it."""
    metrics = server.service.metrics.gateway
    server.service.gateway = Gateway(server.services, Limits(**limits), metrics, monotonic)
    return server.service.gateway


class AsgiClient:
    """One WebSocket of a gateway, from its upgrade to the end of its task."""

    def __init__(
        self,
        gateway: Gateway,
        address: str = ADDRESS,
    ) -> None:
        """Prepare an upgrade from `address`."""
        self.scope: Scope = {"client": (address, 40_000), "headers": []}
        self.lost = False
        """Whether sending fails, because the network has lost the client."""
        self.reads = asyncio.Event()
        """Cleared: the client does not read, and sending waits."""
        self.reads.set()
        self._gateway = gateway
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._received.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._gateway(self.scope, self._received.get, self._send))
        if not self.lost:
            assert await self.message() == {"type": "websocket.accept"}
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.leave()

    async def _send(self, message: Message) -> None:
        if self.lost:
            raise OSError
        await self.reads.wait()
        self._sent.put_nowait(message)

    async def leave(self, **code: int) -> None:
        """Close, with a code or without, and wait until the gateway is done with it."""
        assert self._task is not None
        self._received.put_nowait({"type": "websocket.disconnect", **code})
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._task

    def say(self, method: str, params: object = None) -> None:
        """Send a request."""
        body = {"jsonrpc": "2.0", "id": "r", "method": method, "params": params or {}}
        self._received.put_nowait({"type": "websocket.receive", "text": json.dumps(body)})

    async def message(self) -> Message:
        """What the gateway sends next."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._sent.get()

    async def hear(self) -> Json:
        """The next frame."""
        frame: Json = json.loads((await self.message())["text"])
        return frame

    async def ask(self, method: str, params: object = None) -> Json:
        """The answer to a request; an event that was sent before it is dropped."""
        self.say(method, params)
        while "method" in (answer := await self.hear()):
            pass
        return answer

    async def connected(self, token: str) -> None:
        """Connect, which has to succeed; the resume state is sent, too."""
        assert "result" in await self.ask("signalwire.connect", connect_params(token))
        assert (await self.hear())["method"] == "signalwire.event"

    async def close_code(self) -> int:
        """The code that the gateway closes with; what it sends before that is dropped."""
        while (message := await self.message())["type"] != "websocket.close":
            pass
        code: int = message["code"]
        return code
