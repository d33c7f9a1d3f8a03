"""The gateway at the other end of the line, in memory, on the tokens of a fake service.

It follows the contract of the real one. Its knobs are named for events in the world.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import Any

from kit.service import Claims, FakeSession, FakeTokenService
from kit.sessions import clock_of
from satmint_sdk.credentials.live._transport import SocketClosed, UpgradeRefused
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.testing import FakeClock
from satmint_sdk.testing._proofs import Proof, open_proof

PING_EVERY = 9.0


class Denied(Exception):
    def __init__(self, code: int, message: str = "refused") -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


@dataclass
class Sealed:
    """What an authorization state says."""

    family: FakeSession
    protocol: str
    online: bool


class FakeSocket:
    """Both ends of one connection; its methods are those of the client's end."""

    def __init__(self, gateway: FakeGateway, server_date: float | None) -> None:
        self.server_date = server_date
        self.gateway = gateway
        self.said: list[dict[str, Any]] = []
        """Everything that the client sent."""
        self.claims: Claims | None = None
        self.protocol = ""
        self.online = False
        self.is_open = True
        self.hung_up = False
        """Whether the client closed it."""
        self._coming: asyncio.Queue[str | SocketClosed] = asyncio.Queue()
        self._life = asyncio.ensure_future(self._live())

    async def send(self, text: str) -> None:
        if not self.is_open:
            raise SocketClosed(None, "gone")
        self.said.append(json.loads(text))
        self.gateway.hear(self, self.said[-1])

    async def receive(self) -> str:
        frame = await self._coming.get()
        if isinstance(frame, SocketClosed):
            self._coming.put_nowait(frame)
            raise frame
        return frame

    async def close(self) -> None:
        self.hung_up = True
        self.end(1000)

    def tell(self, frame: Any) -> None:
        """Send a frame to the client; text goes as it is."""
        if self.is_open and not self.gateway.silent:
            self._coming.put_nowait(frame if isinstance(frame, str) else json.dumps(frame))

    def ask(self, identity: Any, method: str, params: Any) -> None:
        self.tell({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})

    def end(self, code: int | None, reason: str = "") -> None:
        if self.is_open:
            self.is_open = False
            self._life.cancel()
            self._coming.put_nowait(SocketClosed(code, reason))

    async def _live(self) -> None:
        """Ping; and throw out who is past the end of the credential."""
        clock, pings = self.gateway.clock, 0
        while True:
            now = self.gateway.service.now()
            ends = now + PING_EVERY if self.claims is None else self.claims.exp
            await clock.asleep(min(PING_EVERY, max(ends - now, 0.001)))
            if self.claims is not None and self.gateway.service.now() >= self.claims.exp:
                self.end(4401, "expired")
            pings += 1
            self.ask(f"ping-{pings}", "signalwire.ping", {"timestamp": pings})


class FakeGateway:
    """Accepts connections, and every token that its service would accept."""

    def __init__(self, service: FakeTokenService) -> None:
        self.service = service
        self.clock: FakeClock = clock_of(service)
        self.connected_to: list[str] = []
        """Where the client connected to, refused attempts included."""
        self.dialled_at: list[float] = []
        self.sockets: list[FakeSocket] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Every request of the client."""
        self.answers: list[dict[str, Any]] = []
        """Every answer of the client."""
        self.silent = False
        self.deaf = False
        self.says_date = False
        self.unreadable: list[Any] = []
        """Results instead of the next ones."""
        self._upgrades: deque[Exception | None] = deque()
        self._denials: deque[tuple[str, Denied]] = deque()
        self._states: dict[str, Sealed] = {}
        self._jtis: set[str] = set()

    # Events in the world.

    def go_down(self, times: int, error: Exception | None = None) -> None:
        """The next connections do not come about."""
        self._upgrades.extend([error or ConnectionRefusedError("nobody there")] * times)

    def be_busy(self, times: int, not_before: float = 0.0) -> None:
        """The next upgrades are refused."""
        self._upgrades.extend([UpgradeRefused(503, not_before)] * times)

    def hang(self) -> None:
        """The next connection is neither accepted nor refused."""
        self._upgrades.append(None)

    def deny(self, method: str, code: int, message: str = "refused", times: int = 1) -> None:
        """The next requests of this kind are answered with an error."""
        self._denials.extend([(method, Denied(code, message))] * times)

    def break_off(self) -> None:
        """The way to the client breaks."""
        self.live.end(None)

    def forget(self) -> None:
        """The keys that states were sealed with are gone."""
        self._states.clear()

    def revoke(self) -> None:
        """Somebody ends all sessions."""
        self.service.revoke_sessions()
        self.live.end(4403, "revoked")

    def stop_gracefully(self) -> None:
        self.live.ask("bye", "signalwire.disconnect", {})

    # What a test looks at.

    @property
    def live(self) -> FakeSocket:
        return self.sockets[-1]

    @property
    def claims(self) -> Claims:
        """What the live connection was let in with."""
        assert self.live.claims is not None
        return self.live.claims

    def said(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == method]

    # The client's network.

    async def connect(self, endpoint: Endpoint) -> FakeSocket:
        self.connected_to.append(endpoint.base_url)
        self.dialled_at.append(self.clock.now().mono)
        if self._upgrades:
            error = self._upgrades.popleft()
            if error is None:
                await asyncio.get_running_loop().create_future()
            else:
                raise error
        self.sockets.append(FakeSocket(self, self.service.now() if self.says_date else None))
        return self.live

    # The gateway's side.

    def hear(self, socket: FakeSocket, frame: dict[str, Any]) -> None:
        assert frame["jsonrpc"] == "2.0"
        if "method" not in frame:
            self.answers.append(frame)
            if frame["id"] == "bye":
                socket.end(1001, "going away")
            return
        self.calls.append((frame["method"], frame["params"]))
        if self.deaf:
            return
        try:
            result = self._serve(socket, frame["method"], frame["params"])
        except Denied as denied:
            error = {"code": denied.code, "message": denied.message}
            socket.tell({"jsonrpc": "2.0", "id": frame["id"], "error": error})
            return
        if self.unreadable:
            result = self.unreadable.pop(0)
        socket.tell({"jsonrpc": "2.0", "id": frame["id"], "result": result})
        if frame["method"] == "signalwire.connect":
            self._hand_out_state(socket)

    def _serve(self, socket: FakeSocket, method: str, params: dict[str, Any]) -> Any:
        if self._denials and self._denials[0][0] == method:
            raise self._denials.popleft()[1]
        match method:
            case "signalwire.connect":
                return self._connect(socket, params)
            case "signalwire.reauthenticate":
                assert params["authentication"].keys() == {"project", "jwt_token"}
                claims = self._respond(method, params)
                if socket.claims is None or claims.session.subscriber != (
                    socket.claims.session.subscriber
                ):
                    raise Denied(-32002, "another subscriber")
                socket.claims = claims
                return self._result(socket)
            case "subscriber.online" | "subscriber.offline":
                socket.online = method.endswith("online")
                for sealed in self._states.values():
                    if socket.claims is not None and sealed.family is socket.claims.session:
                        sealed.online = socket.online
                return {}
        raise Denied(-32601, "not available here")

    def _connect(self, socket: FakeSocket, params: dict[str, Any]) -> Any:
        state = params.get("authorization_state")
        if state is None:
            socket.claims = self._respond("signalwire.connect", params)
            socket.protocol = f"signalwire_{len(self.sockets)}"
        else:
            sealed = self._states.get(state)
            try:
                claims = self._respond("signalwire.connect", params)
            except Denied:
                raise Denied(-32003, "Requester validation failed") from None
            if sealed is None or (sealed.protocol, sealed.family) != (
                params["protocol"], claims.session,
            ):  # fmt: skip
                raise Denied(-32003, "Requester validation failed")
            socket.claims, socket.protocol = claims, sealed.protocol
            socket.online = sealed.online
        return self._result(socket)

    def _respond(self, method: str, params: dict[str, Any]) -> Claims:
        token = params["authentication"]["jwt_token"]
        if not self.service.accepts(token):
            raise Denied(-32002, "bad credential")
        claims = self.service.tokens[token]
        proof: Proof = open_proof(params["dpop_token"])
        said = proof.claims
        assert said.keys() == {"jti", "iat", "rpc", "mth"}
        assert (said["rpc"], said["mth"]) == ("request", method)
        assert said["jti"] not in self._jtis
        self._jtis.add(said["jti"])
        if claims.jkt is not None and not -300 <= said["iat"] - self.service.now() <= 60:
            raise Denied(-32002, "stale proof")
        if claims.jkt not in (None, proof.thumbprint):
            raise Denied(-32002, "another key")
        return claims

    def _result(self, socket: FakeSocket) -> Any:
        assert socket.claims is not None
        return {
            "identity": "somebody",
            "protocol": socket.protocol,
            "authorization": {
                "jti": "j",
                "project_id": "project-1",
                "scope": socket.claims.scope,
                "fabric_subscriber": {
                    "version": 1,
                    "expires_at": int(socket.claims.exp),
                    "subscriber_id": socket.claims.session.subscriber,
                },
            },
            "ice_servers": [],
        }

    def _hand_out_state(self, socket: FakeSocket) -> None:
        if socket.claims is None:
            return
        state = f"state-{len(self._states) + 1}-of-{len(self.sockets)}"
        self._states[state] = Sealed(socket.claims.session, socket.protocol, socket.online)
        params = {
            "event_type": "signalwire.authorization.state",
            "event_channel": socket.protocol,
            "timestamp": 1,
            "params": {"authorization_state": state},
        }
        socket.ask(f"event-{state}", "signalwire.event", params)
