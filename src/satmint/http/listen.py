"""Listening: sockets, TLS and the server processes around the ASGI application.

One event loop may serve several listeners (`satmint dev`: http for backends, https for browsers).
They stop together: on a signal each finishes what is in flight.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from satmint.http.guard import GuardedProtocol
from satmint.http.guard_websocket import MESSAGE_LIMIT, GuardedWebSocket

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Listener:
    """One address to listen on, bound already."""

    socket: socket.socket
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def port(self) -> int:
        """The port it is bound to."""
        port: int = self.socket.getsockname()[1]
        return port

    def close(self) -> None:
        """Give the address back."""
        self.socket.close()


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket; port 0 picks a free one.

    Args:
        host: An address of this machine.
        port: The port.
        shared: Whether other sockets of this user may be bound to the same address as well.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever runs several of them."""

    def __init__(
        self, config: uvicorn.Config, on_stop: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody new in, say goodbye, then close as uvicorn does."""
        for server in self.servers:
            server.close()
        if self._on_stop is not None:
            await self._on_stop()
        await super().shutdown(sockets)


@dataclass(frozen=True, slots=True)
class Listening:
    """What to do around the serving."""

    trusted_proxies: Sequence[str] = ()
    on_ready: Callable[[], Awaitable[None]] | None = None
    """Called once every listener answers."""
    on_hangup: Callable[[], None] | None = None
    """Called on SIGHUP."""
    on_stop: Callable[[], Awaitable[None]] | None = None
    """Called by each listener as it stops: nobody new comes in, and who is inside still is."""
    background: Sequence[Callable[[], Awaitable[None]]] = field(default_factory=tuple)
    """Run beside the listeners until they stop."""
    own_date: bool = False
    """Whether the application says `Date` itself, since it goes by another clock."""


async def serve(app: ASGIApp, listeners: Sequence[Listener], around: Listening) -> None:
    """Serve `app` on every listener until SIGINT or SIGTERM, then finish what is in flight."""
    servers = [_Server(_config(app, listener, around), around.on_stop) for listener in listeners]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if around.on_hangup is not None:
        loop.add_signal_handler(signal.SIGHUP, around.on_hangup)
    serving = [
        asyncio.create_task(server.serve([listener.socket]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    beside = [asyncio.ensure_future(work()) for work in around.background]
    try:
        while not all(server.started for server in servers):
            if any(task.done() for task in serving):
                break
            await asyncio.sleep(0.005)
        else:
            _settle_memory()
            if around.on_ready is not None:
                await around.on_ready()
        await asyncio.gather(*serving)
    finally:
        stop()
        for task in beside:
            task.cancel()
        await asyncio.gather(*serving, *beside, return_exceptions=True)


def _settle_memory() -> None:
    """Keep the collector from walking what lives as long as the process, over and over.

    Requests and connections leave no cycles behind (`tests/http/test_leftovers.py`), so that it can
    also come by less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


def _config(app: ASGIApp, listener: Listener, around: Listening) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws=GuardedWebSocket,
        ws_max_size=MESSAGE_LIMIT,
        ws_per_message_deflate=False,
        # The gateway has pings of its own, which the SDKs need to see.
        ws_ping_interval=None,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=not around.own_date,
        proxy_headers=bool(around.trusted_proxies),
        forwarded_allow_ips=list(around.trusted_proxies),
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_BACKLOG,
        ssl_certfile=listener.tls_cert,
        ssl_keyfile=listener.tls_key,
    )
