"""The thin end: real WebSockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from satmint_sdk.credentials.live._transport import SocketClosed, UpgradeRefused, WebSockets
from satmint_sdk.rest._endpoint import Endpoint, parse_endpoint
from satmint_sdk.testing import FakeClock

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, answer: Response | None = None
) -> AsyncIterator[tuple[Server, Endpoint]]:
    def before(_: ServerConnection, __: Request) -> Response | None:
        return answer

    async with serve(handler, "127.0.0.1", 0, process_request=before) as server:
        (listening,) = server.sockets
        yield server, parse_endpoint(f"127.0.0.1:{listening.getsockname()[1]}")


async def echo(connection: ServerConnection) -> None:
    async for frame in connection:
        await connection.send(b"a binary frame is no frame")
        await connection.send(frame)


async def test_text_goes_there_and_back(clock: FakeClock) -> None:
    async with serving(echo) as (_, endpoint):
        socket = await WebSockets(clock).connect(endpoint)
        await socket.send("häl\u2028lo")
        assert await socket.receive() == "häl\u2028lo"
        assert socket.server_date is not None
        await socket.close()
        await socket.close()
        with pytest.raises(SocketClosed):
            await socket.send("too late")
        with pytest.raises(SocketClosed):
            await socket.receive()


async def test_the_request_is_the_browsers(clock: FakeClock) -> None:
    seen: list[tuple[str, Headers]] = []

    async def look(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append((connection.request.path, connection.request.headers))

    async with serving(look) as (_, endpoint):
        socket = await WebSockets(clock).connect(endpoint)
        await socket.close()
    ((path, headers),) = seen
    assert path == "/"
    assert {"cookie", "authorization", "sec-websocket-extensions", "user-agent"}.isdisjoint(
        name.lower() for name in headers
    )


@pytest.mark.parametrize("code", [1001, 4401, 4403])
async def test_the_close_code_is_told(code: int, clock: FakeClock) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.close(code, "because")

    async with serving(leave) as (_, endpoint):
        socket = await WebSockets(clock).connect(endpoint)
        with pytest.raises(SocketClosed) as closed:
            await socket.receive()
        assert (closed.value.code, closed.value.reason) == (code, "because")
        await socket.close()


async def test_a_broken_connection_has_no_code(clock: FakeClock) -> None:
    async def break_off(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with serving(break_off) as (_, endpoint):
        socket = await WebSockets(clock).connect(endpoint)
        with pytest.raises(SocketClosed) as closed:
            await socket.receive()
        assert (closed.value.code, closed.value.reason) == (
            None, "the connection ended without a close frame",
        )  # fmt: skip
        await socket.close()


@pytest.mark.parametrize(
    ("headers", "not_before"),
    [({}, 0.0), ({"Retry-After": "7"}, 7.0), ({"retry-after": "soon"}, 0.0)],
)
async def test_a_refused_upgrade_tells_for_how_long(
    headers: dict[str, str], not_before: float, clock: FakeClock
) -> None:
    busy = Response(503, "busy", Headers(headers), b"")
    async with serving(echo, busy) as (_, endpoint):
        with pytest.raises(UpgradeRefused) as refused:
            await WebSockets(clock).connect(endpoint)
        assert (refused.value.status, refused.value.not_before) == (503, not_before)
        assert str(refused.value) == "the upgrade was answered 503"


async def test_a_redirect_is_not_followed(clock: FakeClock) -> None:
    """The token would be sent to wherever it points."""
    visited: list[ServerConnection] = []

    async def thief(connection: ServerConnection) -> None:
        visited.append(connection)

    async with serving(thief) as (_, elsewhere):
        url = elsewhere.base_url.replace("http", "ws")
        status = HTTPStatus.TEMPORARY_REDIRECT
        away = Response(status, "", Headers({"Location": url}), b"")
        async with serving(echo, away) as (_, endpoint):
            with pytest.raises(UpgradeRefused) as refused:
                await WebSockets(clock).connect(endpoint)
            assert refused.value.status == 307
    assert visited == []


async def test_a_frame_without_an_end_is_not_kept(clock: FakeClock) -> None:
    async def shout(connection: ServerConnection) -> None:
        await connection.send("x" * 300_000)
        await connection.wait_closed()

    async with serving(shout) as (_, endpoint):
        socket = await WebSockets(clock).connect(endpoint)
        with pytest.raises(SocketClosed):
            await socket.receive()
        await socket.close()


async def test_the_library_does_not_log_what_is_sent(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    silent = logging.getLogger("websockets.server")
    silent.setLevel(logging.WARNING)  # the server of this test is not the matter
    caplog.set_level(logging.DEBUG)
    try:
        async with serving(echo) as (_, endpoint):
            socket = await WebSockets(clock).connect(endpoint)
            await socket.send("eyJ-a-token")
            await socket.receive()
            await socket.close()
    finally:
        silent.setLevel(logging.NOTSET)
    assert not any("eyJ" in record.getMessage() for record in caplog.records)
    assert not any(record.name.startswith("websockets") for record in caplog.records)


async def test_nobody_there(clock: FakeClock) -> None:
    with pytest.raises(OSError, match="1"):
        await WebSockets(clock).connect(parse_endpoint("127.0.0.1:1"))
    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop takes no time
