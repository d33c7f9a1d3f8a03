"""Endpoints of webhooks that take their time, each in its own way, on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

_TRICKLE_SECONDS: Final = 0.05
_LATE_SECONDS: Final = 0.6

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class SlowEndpoint:
    """What came to an endpoint."""

    url: str = ""
    connections: int = 0
    """So many are open."""
    accepted: int = 0
    """So many were opened."""


async def _never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


async def _never_read(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(3600)


async def _trickle_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(_TRICKLE_SECONDS)


async def _trickle_informational(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(_TRICKLE_SECONDS)


async def _answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(_LATE_SECONDS)
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


async def _endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def _trickle_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(_TRICKLE_SECONDS)


BEHAVIOURS: Final[dict[str, Respond]] = {
    "never answers": _never_answer,
    "never reads": _never_read,
    "trickles headers": _trickle_headers,
    "trickles informational responses": _trickle_informational,
    "answers late": _answer_late,
    "endless body": _endless_body,
    "trickles its body": _trickle_body,
    "stalls the TLS handshake": _never_answer,
}


@asynccontextmanager
async def slow_endpoint(behaviour: str) -> AsyncIterator[SlowEndpoint]:
    """An endpoint on a free port that behaves like that."""
    endpoint = SlowEndpoint()
    tasks = set[asyncio.Task[Any]]()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endpoint.connections += 1
        endpoint.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await BEHAVIOURS[behaviour](reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            endpoint.connections -= 1
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if "TLS" in behaviour else "http"
    endpoint.url = f"{scheme}://127.0.0.1:{port}"
    try:
        yield endpoint
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
