"""The gateway on a socket of this machine, and a client that says exactly what it is told to.

async with a_gateway(server) as gateway, gateway.client() as client:
    result = await client.connected(pair["token"])
    await client.told("subscriber.online")
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from satmint.gateway import Gateway, Limits
from satmint.server import Listener, ServerOptions, bind
from satmint.server import Server as HttpServer
from tests.kit.service import BASE_URL, Json, Server

PATIENCE_SECONDS: Final = 10.0
"""Whatever takes longer will not come."""

VERSION: Final = {"major": 4, "minor": 0, "revision": 0}


class Ticker:
    """A monotonic clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Client:
    """One connection to the gateway."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.calls: list[Json] = []
        """What the server said by itself, oldest first."""
        self.state: str | None = None
        """The `authorization_state` that came last."""
        self.protocol: str | None = None
        self._said = 0

    async def say(self, method: str, params: object = None, **members: object) -> str:
        """Send a request; returns its id."""
        self._said += 1
        given = {} if params is None else params
        frame = {"jsonrpc": "2.0", "id": f"c{self._said}", "method": method, "params": given}
        await self.socket.send(json.dumps({**frame, **members}))
        return f"c{self._said}"

    async def hear(self) -> Json:
        """The next frame, whatever it is."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await self.socket.recv()
        assert isinstance(text, str), "a binary frame"
        frame: Json = json.loads(text)
        assert frame["jsonrpc"] == "2.0"
        if "method" in frame:
            assert isinstance(frame["id"], str), "the SDK does not see numeric ids"
            self.calls.append(frame)
            params = frame["params"]
            if params.get("event_type") == "signalwire.authorization.state":
                self.state = params["params"]["authorization_state"]
        return frame

    async def answer(self, request_id: object) -> Json:
        """What a request is answered with."""
        while True:
            frame = await self.hear()
            if "method" not in frame and frame["id"] == request_id:
                return frame

    async def ask(self, method: str, params: object = None) -> Json:
        """A request's answer, whole."""
        return await self.answer(await self.say(method, params))

    async def told(self, method: str, params: object = None) -> Json:
        """The result of a request that succeeds."""
        answer = await self.ask(method, params)
        assert "error" not in answer, answer
        result: Json = answer["result"]
        return result

    async def refused(self, method: str, params: object = None) -> tuple[int, str]:
        """Code and message of a request that is refused."""
        answer = await self.ask(method, params)
        assert "result" not in answer, answer
        return answer["error"]["code"], answer["error"]["message"]

    async def event(self) -> Json:
        """The next thing that the server says by itself."""
        while True:
            frame = await self.hear()
            if "method" in frame:
                return frame

    async def connected(self, token: str, **more: Any) -> Json:  # noqa: ANN401 - JSON
        """The result of a connect that succeeds; the state to resume with has come, too."""
        result = await self.told("signalwire.connect", connect_params(token, **more))
        self.protocol = result["protocol"]
        await self.event()
        return result

    async def not_connected(self, token: str, **more: Any) -> tuple[int, str]:  # noqa: ANN401 - JSON
        """Code and message of a connect that is refused."""
        return await self.refused("signalwire.connect", connect_params(token, **more))

    async def reauthenticated(self, token: str, proof: str | None = None) -> Json:
        """The result of a re-authentication that succeeds; a new state has come, too."""
        params = reauthenticate_params(token, proof)
        result = await self.told("signalwire.reauthenticate", params)
        await self.event()
        return result

    async def not_reauthenticated(self, token: str, proof: str | None = None) -> tuple[int, str]:
        """Code and message of a re-authentication that is refused."""
        params = reauthenticate_params(token, proof)
        return await self.refused("signalwire.reauthenticate", params)

    async def close_code(self) -> int:
        """The code that the server closes with."""
        with suppress(ConnectionClosed):
            while True:
                await self.hear()
        code = self.socket.close_code
        assert code is not None
        return code

    async def lives(self) -> bool:
        """Whether it is let in and answered."""
        return "result" in await self.ask("subscriber.offline")

    @property
    def resuming(self) -> Json:
        """What another connection needs to go on from here, beside a token."""
        return {"authorization_state": self.state, "protocol": self.protocol}


def connect_params(token: object, **more: Any) -> Json:  # noqa: ANN401 - JSON
    """The params of a connect as 4.x sends them."""
    return {
        "version": VERSION,
        "event_acks": True,
        "agent": "signalwire-js/4.0.0",
        "authentication": {"jwt_token": token},
        "contexts": [],
        "eventing": [],
        "topics": [],
        **more,
    }


def reauthenticate_params(token: str, proof: str | None = None) -> Json:
    """The params of a re-authentication as both SDKs send them."""
    params: Json = {"authentication": {"project": "echo", "jwt_token": token}}
    return params if proof is None else {**params, "dpop_token": proof}


@asynccontextmanager
async def connect_to(url: str, **options: Any) -> AsyncIterator[Client]:  # noqa: ANN401 - passed on
    """A client of a gateway anywhere, whose socket is open."""
    given = {"compression": None, "ping_interval": None, "proxy": None, **options}
    async with connect(url, **given) as socket:
        yield Client(socket)


@dataclass(slots=True)
class Serving:
    """A gateway, and where it is."""

    server: Server
    gateway: Gateway
    port: int
    http: HttpServer

    @asynccontextmanager
    async def client(self, path: str = "/", **options: Any) -> AsyncIterator[Client]:  # noqa: ANN401 - passed on
        """A client whose socket is open."""
        async with connect_to(f"ws://127.0.0.1:{self.port}{path}", **options) as client:
            yield client

    async def empty(self) -> None:
        """Return once the gateway knows that every client is gone."""
        figures = self.server.service.metrics.gateway
        async with asyncio.timeout(PATIENCE_SECONDS):
            while figures.connections:  # noqa: ASYNC110 - it tells in no other way
                await asyncio.sleep(0.005)

    async def told_online(self, count: int) -> None:
        """Return once so many leases are in the store."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len((await self.server.rows("presence"))["presence"]) != count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Begin to stop as on a signal, and return when that is done."""
        await self.http.stop(self.gateway.stop)

    async def revoke(self, path: str) -> None:
        """Have a management endpoint end something."""
        tenant = self.server.tenant
        answer = await self.server.client.delete(f"/api/satmint/{path}", auth=tenant.auth)
        assert answer.is_success, answer.text


_HASTY: Final = Limits(refusal_delay_seconds=0)
"""Tests that are refused again and again do not wait for it."""


@asynccontextmanager
async def a_gateway(
    server: Server,
    *,
    monotonic: Ticker | None = None,
    running: bool = True,
    options: ServerOptions | None = None,
    port: int = 0,
    **limits: Any,  # noqa: ANN401 - as the fields are
) -> AsyncIterator[Serving]:
    """Serve the gateway of `server`.

    Args:
        server: The service.
        monotonic: Drives pings and silence; by default time passes as it does.
        running: Whether what goes on beside the connections does so by itself.
        options: How connections are treated, in place of the usual.
        port: Where; by default on a free port.
        limits: In place of the usual ones.
    """
    service = server.service
    gateway = service.gateway = Gateway(
        server.services, replace(_HASTY, **limits), service.metrics.gateway, monotonic
    )
    listener = Listener(bind("127.0.0.1", port))
    http = HttpServer(options or ServerOptions())
    http.listen(service.app(BASE_URL), listener)
    beside = asyncio.create_task(gateway.run()) if running else None
    serving = Serving(server, gateway, listener.port, http)
    try:
        yield serving
    finally:
        await serving.stop()
        if beside is not None:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        listener.close()
