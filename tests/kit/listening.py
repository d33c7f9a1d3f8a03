"""An application behind the real HTTP server, on a socket of this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from satmint.http.listen import Listener, Listening, _config, _Server, bind


@asynccontextmanager
async def listening(app: ASGIApp, around: Listening | None = None) -> AsyncIterator[int]:
    """Serve `app` on a free port; yields the port."""
    async with serving(app, around) as (port, _):
        yield port


@asynccontextmanager
async def serving(
    app: ASGIApp, around: Listening | None = None
) -> AsyncIterator[tuple[int, _Server]]:
    """The same, for who wants to look at the server as well."""
    listener = Listener(bind("127.0.0.1", 0))
    server = _Server(_config(app, listener, around or Listening()))
    task = asyncio.create_task(server.serve([listener.socket]))
    while not server.started:  # noqa: ASYNC110 - it tells in no other way
        await asyncio.sleep(0.001)
    try:
        yield listener.port, server
    finally:
        server.should_exit = True
        await task
        listener.close()


async def spoken(port: int, *pieces: bytes) -> bytes:
    """Everything that is answered on one connection to `pieces`, until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
