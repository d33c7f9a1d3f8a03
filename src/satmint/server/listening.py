"""Listens on addresses, serves connections, and shuts down gracefully.

One event loop may serve several listeners: HTTP for backends and HTTPS for browsers, or a public
and an admin listener. They stop together: on a signal each finishes its requests in flight.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.types import ASGIApp

from satmint.model.clock import Clock, SystemClock
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.model.proxies import TrustedProxies
from satmint.server.acceptor import Acceptor
from satmint.server.certificates import ServerCertificate
from satmint.server.connection_table import SWEEP_SECONDS, ConnectionLimits, ConnectionTable
from satmint.server.date_field import DateField
from satmint.server.listener_context import ListenerContext
from satmint.server.refusals import Count, Refusals

BACKLOG: Final = 16_384
"""Connections that wait to be accepted; the system limits it to `net.core.somaxconn`."""
_GRACE_SECONDS: Final = 15.0
"""How long a shutdown waits for responses in flight."""
_IDLE_GRACE_SECONDS: Final = 0.2
"""How long idle connections stay open when a shutdown begins."""
_CLOSE_GRACE_SECONDS: Final = 0.3
"""How long a shutdown waits for clients to close as well; with TLS, a close waits for theirs."""
_UNREAD_GRACE_SECONDS: Final = 2.0
"""How long a shutdown waits for clients that do not read their responses."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound address to listen on."""

    socket: socket.socket
    certificate: ServerCertificate | None = None
    """If set, the listener serves HTTPS."""

    @property
    def port(self) -> int:
        """The bound port."""
        port: int = self.socket.getsockname()[1]
        return port

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind a socket; port 0 picks a free port.

    Args:
        host: An address of this machine.
        port: The port.
        shared: Whether other sockets of this user may bind the same address.

    Raises:
        OSError: the address is not available.
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


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options for the connections of all listeners."""

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    count_refusal: Count = lambda _status, _cause: None
    hsts_seconds: int = 0
    """`max-age` of Strict-Transport-Security for HTTPS (RFC 6797); 0 to send none."""
    send_date: bool = True
    """Whether to add `Date` to responses; the application may send it itself, by another clock."""
    clock: Clock = field(default_factory=SystemClock)
    entropy: Entropy = field(default_factory=SystemEntropy)


class Server:
    """The listeners of a process, and their connections."""

    def __init__(self, options: ServerOptions) -> None:
        """Prepare to serve, on the running event loop."""
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._tables = [ConnectionTable(options.limits)]
        self._contexts: list[ListenerContext] = []
        self._acceptors: list[Acceptor] = []
        self._date = DateField(options.clock.now)
        self._refusals = Refusals(
            options.entropy, options.count_refusal, self._loop.time, self._date
        )
        self._sweeping = self._loop.create_task(self._sweep())

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return sum(map(len, self._tables))

    def listen(
        self, app: ASGIApp, listener: Listener, limits: ConnectionLimits | None = None
    ) -> None:
        """Serve `app` on a listener.

        Args:
            app: An ASGI 3 application. Responses of several body messages are streams.
            listener: The bound listener.
            limits: Limits for this listener alone, whose connections are then counted separately;
                by default they are counted together with those of other listeners.
        """
        if limits is not None:
            self._tables.append(ConnectionTable(limits))
        context = ListenerContext(
            app=app,
            table=self._tables[0 if limits is None else -1],
            refusals=self._refusals,
            proxies=self._options.proxies,
            date=self._date if self._options.send_date else None,
            certificate=listener.certificate,
            hsts_seconds=self._options.hsts_seconds,
        )
        self._contexts.append(context)
        self._acceptors.append(Acceptor(context, listener.socket, BACKLOG))

    async def stop(self, on_stop: Callable[[], Awaitable[None]] | None = None) -> None:
        """Accept no more connections, finish requests in flight, and close.

        Args:
            on_stop: Called after the listeners are closed, while connections are still open.
        """
        for acceptor in self._acceptors:
            acceptor.close()
        if on_stop is not None:
            await on_stop()
        for context in self._contexts:
            context.stopping = True
        if self.connections:
            # A request that is on its way to an idle connection is still answered, as its last one.
            await asyncio.sleep(_IDLE_GRACE_SECONDS)
        for table in self._tables:
            for connection in table:
                connection.stop()
        await self._close_tables()
        tasks = [task for context in self._contexts for task in context.tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_UNREAD_GRACE_SECONDS)
            for task in late:
                task.cancel()
        self._sweeping.cancel()
        await asyncio.gather(self._sweeping, *tasks, return_exceptions=True)

    async def _close_tables(self) -> None:
        began = self._loop.time()
        for table in self._tables:
            if not await table.wait_until_empty(began + _CLOSE_GRACE_SECONDS - self._loop.time()):
                table.abort_closed()
        for table in self._tables:
            if not await table.wait_until_empty(began + _UNREAD_GRACE_SECONDS - self._loop.time()):
                table.limit_stalls(_UNREAD_GRACE_SECONDS)
                for connection in table:
                    connection.close_unless_answering()
            if not await table.wait_until_empty(began + _GRACE_SECONDS - self._loop.time()):
                structlog.get_logger("satmint.server").warning(
                    "connections_aborted", connections=len(table)
                )
                for connection in table:
                    connection.abort()

    async def _sweep(self) -> None:
        """Enforce all deadlines, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._date.refresh()
            for context in self._contexts:
                context.refresh()
            for table in self._tables:
                table.sweep()


@dataclass(frozen=True, slots=True)
class LifecycleHooks:
    """Callbacks and background tasks of a running server."""

    on_ready: Callable[[], Awaitable[None]] | None = None
    """Called once all listeners accept connections."""
    on_hangup: Callable[[], None] | None = None
    """Called on SIGHUP."""
    on_stop: Callable[[], Awaitable[None]] | None = None
    """Called once, after the listeners are closed, while connections are still open."""
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    """Run until the server stops."""


@dataclass(frozen=True, slots=True)
class ListenerApp:
    """An application and its listener."""

    app: ASGIApp
    listener: Listener
    limits: ConnectionLimits | None = None
    """Limits of this listener alone; by default the server's, shared by its other listeners."""


async def serve(apps: Sequence[ListenerApp], options: ServerOptions, hooks: LifecycleHooks) -> None:
    """Serve applications until SIGINT or SIGTERM, then finish requests in flight."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if hooks.on_hangup is not None:
        loop.add_signal_handler(signal.SIGHUP, hooks.on_hangup)
    server = Server(options)
    background = [asyncio.ensure_future(work()) for work in hooks.background]
    try:
        tune_garbage_collector()  # first: it takes time, in which clients would wait
        for one in apps:
            server.listen(one.app, one.listener, one.limits)
        if hooks.on_ready is not None:
            await hooks.on_ready()
        await stopping.wait()
    finally:
        await server.stop(hooks.on_stop)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)


def tune_garbage_collector() -> None:
    """Exclude long-lived objects from garbage collection, and collect less often.

    Requests and connections leave no cycles behind (`tests/server/test_connection_leaks.py`), so
    that it can also come by less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)
