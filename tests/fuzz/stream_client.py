"""A client of raw bytes, and an application that notes what it is asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from starlette.types import Receive, Scope, Send

from tests.fuzz.targets import Found

_TURNS: Final = 8
"""Of the event loop, in which a server in the same one has read a segment and answered it."""
ANSWER: Final = b"seen\n"
NUMBER: Final = b"x-number"
"""The header field with which the application numbers the requests of a connection."""


@dataclass(slots=True)
class AskedRequest:
    """A request as the application gets it."""

    method: str
    version: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False


@dataclass(slots=True)
class PendingRequest:
    """What the application is asked on one connection."""

    answers_early: bool
    """Whether it answers before it has received any of the body."""
    requests: list[AskedRequest] = field(default_factory=list)
    websockets: int = 0


class Application:
    """Notes requests by connection, and answers each with its number."""

    def __init__(self) -> None:
        self.asked: dict[int, PendingRequest] = {}
        """By the port of the client."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        asked = self.asked[scope["client"][1]]
        if scope["type"] == "websocket":
            asked.websockets += 1
            await receive()
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": ANSWER})
            return
        query: bytes = scope["query_string"]
        request = AskedRequest(
            scope["method"],
            scope["http_version"],
            scope["raw_path"] + (b"?" + query if query else b""),
            list(scope["headers"]),
        )
        number = len(asked.requests)
        asked.requests.append(request)
        while not (asked.answers_early or request.complete):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            request.body += message["body"]
            request.complete = not message["more_body"]
        headers = [(b"content-length", b"%d" % len(ANSWER)), (NUMBER, b"%d" % number)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b"" if request.method == "HEAD" else ANSWER
        await send({"type": "http.response.body", "body": body})


@dataclass(slots=True)
class Answer:
    """One answer of the server."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    interim: int = 0
    """How many 100s came before it."""


def answers(data: bytes, methods: Sequence[str]) -> tuple[list[Answer], bytes]:
    """The answers in what a server sent, and what follows the last whole one.

    Args:
        data: What it sent.
        methods: Of the requests, in order. An answer of the application to HEAD has no body.

    Raises:
        Found: it is no HTTP.
    """
    found: list[Answer] = []
    interim = 0
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        words = line.split(b" ", 2)
        if words[0] != b"HTTP/1.1" or len(words) < 3 or not words[1].isdigit():
            raise Found(f"answered {head!r}")
        if words[1] == b"100":
            interim, data = interim + 1, rest
            continue
        headers = {
            name.lower(): value for name, _, value in (one.partition(b": ") for one in lines)
        }
        size = int(headers.get(b"content-length", b"0"))
        if NUMBER in headers and methods[len(found) : len(found) + 1] == ["HEAD"]:
            size = 0
        if len(rest) < size:
            break
        found.append(Answer(int(words[1]), headers, rest[:size], interim))
        interim, data = 0, rest[size:]
    return found, data


class Client(asyncio.Protocol):
    """A connection to a server in the same event loop."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.closed_by_server = False
        self.reset = False
        self._news = asyncio.Event()
        self._lost = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, port: int) -> Self:
        """One to this port of this machine."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(cls, "127.0.0.1", port)
        return client

    @property
    def transport(self) -> asyncio.Transport:
        """Of the connection."""
        assert self._transport is not None
        return self._transport

    @property
    def port(self) -> int:
        """This side's port."""
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.data += data
        self._news.set()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self.closed_by_server = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.reset = exc is not None
        self.closed_by_server = True
        self._news.set()
        self._lost.set()

    async def send(self, segments: Sequence[bytes], *, at_once: bool) -> None:
        """Send them, each once the one before is answered; or all of them as fast as it goes."""
        for segment in segments:
            if self.closed_by_server:
                return
            self.transport.write(segment)
            if not at_once:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)

    async def news(self) -> None:
        """Wait for more from the server."""
        if not self.closed_by_server:
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Close, and wait until it is."""
        self.transport.abort()
        await self._lost.wait()
