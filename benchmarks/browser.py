"""One WebSocket of a browser at the gateway, as version 4 of the vendor's SDK opens and uses it.

browser = await connect(port, "127.0.0.2", login)
await browser.ready      # connected, and online where the login says so
browser.leave()
await browser.closed
"""

import asyncio
import re
from functools import partial
from typing import Any, Final, cast

import msgspec

from benchmarks.running import WrongAnswer
from benchmarks.websocket import CLOSE, PING, PONG, SWITCHED, TEXT, frame, take_frame, upgrade

_CONNECT: Final = "connect"
_ONLINE: Final = "online"
_SAY_ONLINE: Final = (
    b'{"jsonrpc":"2.0","id":"online","method":"subscriber.online","params":{}}'  # as the SDK
)
_RETRY_AFTER: Final = re.compile(rb"\r\nretry-after: (\d+)\r\n", re.IGNORECASE)
_STATE_EVENT: Final = "signalwire.authorization.state"
_PER_ADDRESS: Final = 200
_encode: Final = msgspec.json.Encoder().encode


class Login(msgspec.Struct):
    """What a browser connects with."""

    token: str
    proof: str | None = None
    """The SDK sends one with every fresh connect, of a key of its own."""
    state: str | None = None
    """With `protocol`: what the last connection ended with, to resume it."""
    protocol: str | None = None


class Refused(Exception):
    """The upgrade was refused: the server asks to come later."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"come again in {seconds:g} s")
        self.seconds = seconds


class _Frame(msgspec.Struct):
    id: str | None = None
    method: str | None = None
    params: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


_decode: Final = msgspec.json.Decoder(_Frame).decode


class Browser(asyncio.Protocol):
    """See the module."""

    def __init__(self, port: int, login: Login, *, goes_online: bool) -> None:
        """Prepare to connect.

        Args:
            port: The gateway's.
            login: The credentials, which are kept up to date for a resume.
            goes_online: Whether it says that it is online once it is connected.
        """
        loop = asyncio.get_running_loop()
        self.login = login
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done once it is connected, and online; else `Refused`, `WrongAnswer` or `OSError`."""
        self.closed: asyncio.Future[None] = loop.create_future()
        self.received = 0
        """Bytes."""
        self._port = port
        self._goes_online = goes_online
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._upgraded = False
        self._connected = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none
        self._transport.write(upgrade(self._port))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._fail(exc or ConnectionResetError("the server closed a connection"))
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.received += len(data)
        received, at = self._rest + data if self._rest else data, 0
        if not self._upgraded:
            at = self._read_head(received)
        while self._upgraded and (taken := take_frame(received, at)) is not None:
            opcode, content, at = taken
            self._handle(opcode, content)
        self._rest = received[at:]

    def leave(self) -> None:
        """Close, as a page that is left."""
        self._send(CLOSE, b"")

    def _read_head(self, received: bytes) -> int:
        """Where frames begin; 0 while the answer to the upgrade is not all there."""
        end = received.find(b"\r\n\r\n") + 4
        if end < 4:
            return 0
        if not received.startswith(SWITCHED):
            later = _RETRY_AFTER.search(received, 0, end)
            answer = received[:end].decode("latin-1")
            self._fail(WrongAnswer(answer) if later is None else Refused(float(later[1])))
            return len(received)
        self._upgraded = True
        self._send(TEXT, _connect(self.login))
        return end

    def _handle(self, opcode: int, content: bytes) -> None:
        if opcode == TEXT:
            self._hear(content)
        elif opcode == PING:
            self._send(PONG, content)
        elif opcode == CLOSE and self._transport is not None:
            self._send(CLOSE, content[:2])
            self._transport.close()

    def _hear(self, content: bytes) -> None:
        heard = _decode(content)
        if heard.method is not None:
            self._answer(heard)
        elif heard.result is None:
            self._fail(WrongAnswer(f"the gateway refused: {content.decode()}"))
        elif heard.id == _CONNECT:
            self.login.protocol = heard.result["protocol"]
        elif heard.id == _ONLINE:
            self._become_ready()

    def _answer(self, heard: _Frame) -> None:
        """Answer what the server says by itself."""
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": heard.id, "result": {}}
        self._send(TEXT, _encode(answer))
        params = heard.params or {}
        if params.get("event_type") != _STATE_EVENT:
            return
        self.login.state = params["params"]["authorization_state"]
        if self._goes_online and not self._connected:
            self._send(TEXT, _SAY_ONLINE)
        elif not self._connected:
            self._become_ready()
        self._connected = True

    def _become_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # somebody else may have asked for the first failure alone
        if self._transport is not None:
            self._transport.close()

    def _send(self, opcode: int, content: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(opcode, content))


async def connect(port: int, address: str, login: Login, *, goes_online: bool = True) -> Browser:
    """Open a socket to the gateway; `Browser.ready` tells how that goes on.

    Args:
        port: The gateway's, on this machine.
        address: The local address to come from.
        login: The credentials.
        goes_online: Whether it says that it is online once it is connected.

    Raises:
        OSError: nothing listens there.
    """
    _, browser = await asyncio.get_running_loop().create_connection(
        partial(Browser, port, login, goes_online=goes_online),
        "127.0.0.1",
        port,
        local_addr=(address, 0),
    )
    return browser


def local_address(number: int) -> str:
    """Where one browser of many comes from: so many, and no more, may share an address."""
    return f"127.0.1.{1 + number // _PER_ADDRESS}"


def _connect(login: Login) -> bytes:
    params: dict[str, Any] = {
        "version": {"major": 4, "minor": 0, "revision": 0},
        "event_acks": True,
        "agent": "signalwire-js/4.0.0",
        "authentication": {"jwt_token": login.token},
        "contexts": [],
        "eventing": [],
        "topics": [],
    }
    if login.state is not None:
        params |= {"authorization_state": login.state, "protocol": login.protocol}
    elif login.proof is not None:
        params["dpop_token"] = login.proof
    return _encode(
        {"jsonrpc": "2.0", "id": _CONNECT, "method": "signalwire.connect", "params": params}
    )
