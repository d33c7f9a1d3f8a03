"""What is left of a connection that is over: nothing, without the collector's help.

On the event loop of production, because it is that one's transports that hold a connection.
"""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pytest
import structlog
import uvloop
from starlette.types import Receive, Scope, Send

from satmint.server import Server
from tests.kit.listening import serving

T = TypeVar("T")

GET: Final = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SLOW: Final = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
LAST: Final = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
HALF: Final = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"
LIVE: Final = (
    b"GET /live HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: c2l4dGVlbiBvZiBieXRlcw==\r\n\r\n"
)
PATIENCE_SECONDS: Final = 20.0
TURNS: Final = 50


@dataclass(frozen=True)
class Visit:
    """What a client says, and whether it waits."""

    pieces: Sequence[bytes]
    patient: bool = True
    """Waits for an answer to each piece."""
    begins: bool = True
    """Where it does not: whether it says enough for the application to be called."""


VISITS: Final = {
    "answered": Visit([GET]),
    "three answers": Visit([GET * 3]),
    "closed by the server": Visit([LAST]),
    "before the answer": Visit([SLOW], patient=False),
    "before three answers": Visit([SLOW * 3], patient=False),
    "half a body": Visit([HALF], patient=False),
    "half a head": Visit([b"GET / HT"], patient=False, begins=False),
    "nonsense": Visit([b"nonsense\r\n\r\n"]),
    "nothing": Visit([]),
    "live": Visit([LIVE]),
    "live later": Visit([GET, LIVE]),
    "live too early": Visit([SLOW + LIVE], patient=False),
    "not live": Visit([LIVE.replace(b"13", b"12")]),
    "not live without a key": Visit([LIVE.replace(b"c2l4dGVl", b"")]),
    "live with an invalid frame": Visit([LIVE, b"\xf1\x80aaaa"]),
}
MINE: Final = (
    *("HttpConnection", "WebSocketConnection", "Exchange", "RequestReader", "RequestHead"),
    *("ServerProtocol", "TCPTransport", "coroutine", "Task"),
)
"""Types of what a connection and a request consist of, and of what holds them."""


async def turns() -> None:
    """Let the event loop do what there is to do."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Scene:
    """An application that answers at once, when told to, or talks until it is hung up on."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.set()
        if scope["path"] == "/live":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        if scope["path"] == "/slow":
            await self.go_on.wait()
            await turns()
        await receive()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async def visit(self, port: int, server: Server, visit: Visit, *, abrupt: bool) -> bytes:
        """Say something, wait for an answer or not, and leave, politely or not.

        Returns the last answer, as far as it came in one piece.
        """
        self.begun.clear()
        self.go_on.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = b""
        for piece in visit.pieces:
            writer.write(piece)
            if visit.patient:
                answer = await reader.read(1000)
            elif visit.begins:
                await self.begun.wait()
        if abrupt:
            writer.transport.abort()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        await turns()  # it may notice now, or not before it has answered
        self.go_on.set()
        while server.connections:  # noqa: ASYNC110 - it tells in no other way
            await asyncio.sleep(0)
        return answer


@contextmanager
def without_the_collector() -> Iterator[None]:
    """Objects that exist now are set aside: they are many, and `there_are` counts the new ones."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def there_are() -> Counter[str]:
    return Counter(name for one in gc.get_objects() if (name := type(one).__name__) in MINE)


@pytest.mark.parametrize("abrupt", [False, True], ids=["goes", "breaks off"])
@pytest.mark.parametrize("name", list(VISITS))
def test_nothing_is_left_of_a_connection_that_is_over(
    name: str, abrupt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test runner keeps every log record, and with it what the record is about.
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)

    async def play() -> None:
        scene, visit = Scene(), VISITS[name]
        async with asyncio.timeout(PATIENCE_SECONDS), serving(scene) as (port, server):
            await scene.visit(port, server, visit, abrupt=abrupt)
            with without_the_collector():
                await scene.visit(port, server, visit, abrupt=abrupt)
                before = there_are()
                for _ in range(5):
                    await scene.visit(port, server, visit, abrupt=abrupt)
                while there_are() - before:  # noqa: ASYNC110 - it tells in no other way
                    await asyncio.sleep(0)

    with structlog.testing.capture_logs() as logs:
        on_uvloop(play())
    assert [line for line in logs if line["log_level"] == "error"] == []


def test_nobody_goes_live_before_the_answer_to_what_was_asked_before() -> None:
    """Else that answer would come in the middle of what the socket says."""

    async def play() -> bytes:
        scene = Scene()
        async with asyncio.timeout(PATIENCE_SECONDS), serving(scene) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(SLOW + LIVE)
            await scene.begun.wait()
            scene.go_on.set()
            answers = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2)
            answers += await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return answers

    answers = on_uvloop(play()).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"101"]


def on_uvloop(play: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(play)
