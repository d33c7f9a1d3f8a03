"""Accepts connections on one listening socket, and starts TLS on them.

Connections are counted from the moment they are accepted, because a TLS handshake that never ends
holds a file descriptor too. So sockets are accepted here and not by the event loop, which reports a
connection only after its handshake.
"""

import asyncio
import contextlib
import errno
import socket
from http import HTTPStatus
from typing import Final

from satmint.model.proxies import canonical
from satmint.server.http_connection import HttpConnection
from satmint.server.listener_context import ListenerContext

_ACCEPT_BATCH_SIZE: Final = 16
"""Accepts in one iteration of the event loop, before pending requests are served."""
_DRAINED_BYTES: Final = 64 * 1024
_PAUSE_SECONDS: Final = 0.1
"""Pause in accepting when the system has no descriptor or memory for another connection."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class PendingConnection:
    """An accepted socket before its HTTP connection starts."""

    __slots__ = ("_socket",)

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted

    def unsent_bytes(self) -> int:
        """See `connection_table.Connection`; nothing is sent yet."""
        return 0

    def abort(self) -> None:
        """Make the handshake fail; the task that awaits it closes the socket."""
        with contextlib.suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Close: the server stops."""
        self.abort()

    def close_unless_answering(self) -> None:
        """Close: the server stops."""
        self.abort()

    def on_arrival_timeout(self) -> None:
        """Close: the handshake takes too long."""
        self.abort()

    def close_idle(self) -> None:
        """See `connection_table.RequestConnection`; it is never idle."""
        self.abort()


class Acceptor:
    """Accepts connections on one listening socket; see the module."""

    def __init__(self, context: ListenerContext, listening: socket.socket, backlog: int) -> None:
        """Start accepting.

        Args:
            context: The listener's context.
            listening: A bound socket; `close` closes it.
            backlog: Length of the operating system's queue of pending connections.
        """
        self._context = context
        self._listening = listening
        self._paused: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        listening.listen(backlog)
        self._resume()

    def close(self) -> None:
        """Accept no more: the system refuses new clients, which may try another server."""
        if self._listening.fileno() < 0:
            return
        if self._paused is not None:
            self._paused.cancel()
        self._accept()  # clients that the system has connected already are answered
        self._context.loop.remove_reader(self._listening)
        self._listening.close()

    def _resume(self) -> None:
        self._paused = None
        if self._listening.fileno() < 0:
            return  # closed meanwhile
        self._context.loop.add_reader(self._listening, self._accept)

    def _pause(self) -> None:
        self._context.loop.remove_reader(self._listening)
        self._paused = self._context.loop.call_later(_PAUSE_SECONDS, self._resume)

    def _accept(self) -> None:
        for _ in range(_ACCEPT_BATCH_SIZE):
            if self._context.table.eviction_limit_reached:
                return
            try:
                accepted, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    if not self._context.table.evict_one():
                        self._pause()
                    return  # the descriptor becomes free in a later iteration
                continue  # the client disconnected before it was accepted
            accepted.setblocking(False)
            self._admit(accepted, canonical(peer[0]))

    def _admit(self, accepted: socket.socket, address: str) -> None:
        """Count a new connection, and serve it unless a limit is reached."""
        context, pending = self._context, PendingConnection(accepted)
        trusted = context.proxies.trusts(address)
        cause = context.table.admit(pending, None if trusted else address)
        if cause is None:
            context.table.arriving.add(pending, context.loop.time())
            context.start(self._start(pending, accepted))
            return
        if context.certificate is None:
            answer = context.refusals.refuse(HTTPStatus.SERVICE_UNAVAILABLE, cause, address)
            with contextlib.suppress(OSError):  # the client may have disconnected
                accepted.send(answer)
                # Closing with unread bytes would reset the connection, and could lose the response.
                accepted.recv(_DRAINED_BYTES)
        else:  # no response is possible before TLS
            context.refusals.record(HTTPStatus.SERVICE_UNAVAILABLE, cause, address)
        accepted.close()

    async def _start(self, pending: PendingConnection, accepted: socket.socket) -> None:
        context = self._context
        certificate, limits = context.certificate, context.table.limits
        try:
            if certificate is None:
                await context.loop.connect_accepted_socket(
                    lambda: HttpConnection(context, pending), accepted
                )
            else:
                await context.loop.connect_accepted_socket(
                    lambda: HttpConnection(context, pending),
                    accepted,
                    ssl=certificate.context,
                    ssl_handshake_timeout=limits.arrival_seconds,
                    ssl_shutdown_timeout=limits.stall_seconds,
                )
        except (OSError, EOFError):  # ssl.SSLError and TimeoutError are OSErrors
            accepted.close()
        finally:
            context.table.remove(pending)
