"""An application behind the real HTTP server, on a socket of this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import ASGIApp

from satmint.server import Listener, Server, ServerOptions, bind

_PATIENCE_SECONDS: Final = 30.0


@asynccontextmanager
async def listening(app: ASGIApp, options: ServerOptions | None = None) -> AsyncIterator[int]:
    """Serve `app` on a free port; yields the port."""
    async with serving(app, options) as (port, _):
        yield port


@asynccontextmanager
async def serving(
    app: ASGIApp, options: ServerOptions | None = None
) -> AsyncIterator[tuple[int, Server]]:
    """The same, for who wants to look at the server as well."""
    listener = Listener(bind("127.0.0.1", 0))
    server = Server(options or ServerOptions())
    server.listen(app, listener)
    try:
        yield listener.port, server
    finally:
        await server.stop()
        listener.close()


async def spoken(port: int, *pieces: bytes) -> bytes:
    """Everything that is answered on one connection to `pieces`, until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
