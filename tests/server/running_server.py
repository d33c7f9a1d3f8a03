"""A server of one application on a socket of this machine, and clients of it.

    async with served() as site, site.client() as client:
        client.send(get())
        assert (await client.answer()).status == 200

`site.pass_seconds` has deadlines come that are far away.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from satmint.server import (
    ConnectionLimits,
    Listener,
    Server,
    ServerCertificate,
    ServerOptions,
    bind,
)
from satmint.server.connection_table import ConnectionTable
from satmint.server.http_connection import HttpConnection
from tests.kit.certificates import ROOT_CA, issued_in
from tests.kit.polling import until

PATIENCE_SECONDS: Final = 20.0
MIB: Final = 1024 * 1024
LARGE: Final = 4 * MIB
"""Bytes of an answer that is more than the system takes for a client that does not read."""
BUFFERED: Final = MIB
"""What the system takes at most."""
_SYSTEM_BUFFER: Final = 128 * 1024
"""Which it doubles, on both sides."""
BOTH_LOOPS: Final = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
SCHEMES: Final = pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])


class Application:
    """Answers by the path of a request.

    /bytes/N: N bytes. /content: its body, whole. /early: a 401, before the body has come.
    /refused: a 413 that closes the connection, before the body has come.
    /held and /held/bytes/N: as / and /bytes/N do, once `released` is set. All else: "ok".
    WebSockets and /live are served by `live`.
    """

    live: ASGIApp

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        """Of the requests that came, in order."""
        self.released = asyncio.Event()
        self.disconnects = 0
        """How many requests of /content ended before their bodies were complete."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket" or scope["path"] == "/live":
            await self.live(scope, receive, send)
            return
        status, fields, body = 200, [], b"ok"
        match scope["path"].split("/")[1:]:
            case ["bytes", size]:
                body = zeros(int(size))
            case ["content"]:
                body = await self._content(receive)
            case ["early"]:
                status, body = 401, b"no"
            case ["refused"]:
                status, body, fields = 413, b"large", [(b"connection", b"close")]
            case ["held", *rest]:
                await self.released.wait()
                body = zeros(int(rest[1])) if rest else body
        fields.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def _content(self, receive: Receive) -> bytes:
        content = b""
        while True:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return content
            content += bytes(message["body"])
            if not message["more_body"]:
                return content

    @property
    def paths(self) -> list[str]:
        """What was asked for."""
        return [scope["path"] for scope in self.scopes]


@cache
def zeros(size: int) -> bytes:
    """One object of so many bytes, however often it is sent."""
    return bytes(size)


@dataclass(frozen=True)
class Answer:
    """An answer, whole."""

    status: int
    reason: bytes
    fields: dict[str, str]
    body: bytes


def read_answers(data: bytes) -> list[Answer]:
    """The answers that these bytes consist of."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        answer = _read_head(head)
        size = 0 if answer.status == 100 else int(answer.fields["content-length"])
        assert len(data) >= size, f"{answer.status} with {len(data)} bytes of {size}"
        answers.append(Answer(answer.status, answer.reason, answer.fields, data[:size]))
        data = data[size:]
    return answers


def _read_head(head: bytes) -> Answer:
    line, *lines = head.split(b"\r\n")
    version, status, reason = line.split(b" ", 2)
    assert version == b"HTTP/1.1", head
    pairs = [found.decode("latin-1").split(": ", 1) for found in lines]
    fields = {name.lower(): value for name, value in pairs}
    assert len(fields) == len(pairs), head
    return Answer(int(status), reason, fields, b"")


class Client:
    """A connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.address: tuple[str, int] = writer.get_extra_info("sockname")

    def send(self, *pieces: bytes) -> None:
        """Send bytes."""
        for piece in pieces:
            self.writer.write(piece)

    async def answer(self) -> Answer:
        """The next answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            answer = _read_head(head.removesuffix(b"\r\n\r\n"))
            size = 0 if answer.status == 100 else int(answer.fields["content-length"])
            body = await self.reader.readexactly(size)
        return Answer(answer.status, answer.reason, answer.fields, body)

    async def ask(self, *pieces: bytes) -> Answer:
        """Send a request; returns its answer."""
        self.send(*pieces)
        return await self.answer()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read()

    def stop_reading(self) -> None:
        """Leave in the network what comes from now on."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_on(self) -> None:
        """Read what comes again."""
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]

    def abort(self) -> None:
        """Close at once."""
        self.writer.transport.abort()


class ShiftedLoop:
    """An event loop whose time is ahead of the real one's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead = 0.0

    def time(self) -> float:
        return self._loop.time() + self.ahead

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the loop
        return getattr(self._loop, name)


@dataclass
class Served:
    """A server with one listener."""

    server: Server
    app: Application
    port: int
    tls: bool
    clock: ShiftedLoop
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def table(self) -> ConnectionTable:
        """The connections of its listener."""
        return self.server._contexts[0].table

    @property
    def connection(self) -> HttpConnection:
        """Its only connection."""
        (found,) = self.table
        assert isinstance(found, HttpConnection)
        return found

    @asynccontextmanager
    async def client(self, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Client]:
        """A connection from an address of this machine to this listener, or to another one's."""
        client = await self.connect(address, port)
        try:
            yield client
        finally:
            client.abort()

    async def connect(self, address: str = "127.0.0.1", port: int = 0) -> Client:
        """The same, until the server has stopped."""
        connection = socket.socket()
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SYSTEM_BUFFER)
            connection.bind((address, 0))
            connection.setblocking(False)
            async with asyncio.timeout(PATIENCE_SECONDS):
                loop = asyncio.get_running_loop()
                await loop.sock_connect(connection, ("127.0.0.1", port or self.port))
                options: dict[str, Any] = {"sock": connection}
                if self.tls:
                    options |= {"ssl": client_context(), "server_hostname": "localhost"}
                client = Client(*await asyncio.open_connection(**options))
        except BaseException:
            connection.close()
            raise
        self.clients.callback(client.abort)
        return client

    async def has(self, connections: int) -> None:
        """Return once so many connections are open."""
        await until(lambda: self.server.connections == connections)

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass for connections, and act on what is due."""
        self.clock.ahead += seconds
        for table in self.server._tables:
            table.sweep()


@asynccontextmanager
async def served(
    *,
    tls: bool = False,
    limits: ConnectionLimits | None = None,
    stops: bool = True,
    **options: Any,  # noqa: ANN401 - as the fields are
) -> AsyncIterator[Served]:
    """Serve an `Application`.

    Args:
        tls: Whether over TLS.
        limits: In place of the usual ones.
        stops: Whether the server is stopped in the end; else the test has done so.
        options: Others of `ServerOptions`.
    """
    listener = Listener(bind("127.0.0.1", 0), server_certificate() if tls else None)
    listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BUFFER)
    server = Server(ServerOptions(limits=limits or ConnectionLimits(), **options))
    site = Served(
        server, Application(), listener.port, tls, ShiftedLoop(asyncio.get_running_loop())
    )
    server.listen(site.app, listener)
    server._contexts[0].loop = site.table._loop = cast("asyncio.AbstractEventLoop", site.clock)
    try:
        yield site
    finally:
        site.app.released.set()
        await site.clients.aclose()
        if stops:
            await site.has(0)
            await server.stop()


@cache
def server_certificate() -> ServerCertificate:
    """One for all tests."""
    with TemporaryDirectory() as folder:
        return issued_in(Path(folder)).read()


def open_tls(port: int) -> ssl.SSLSocket:
    """A connection on which the client does nothing by itself; blocks."""
    plain = socket.create_connection(("127.0.0.1", port))
    return client_context().wrap_socket(plain, server_hostname="localhost")


@cache
def client_context() -> ssl.SSLContext:
    """Settings of a client that trusts the server's certificate."""
    context = ssl.create_default_context()
    ROOT_CA.configure_trust(context)
    return context
