"""A client that sends exact bytes over TCP or TLS, and reads what comes back to the last byte.

The streams of asyncio are not used: when a write fails, they drop what was received and not read
yet. A server that refuses a request may close while the client still sends, and its answer is what
the wire cases are about.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_READ_SIZE: Final = 64 * 1024


class WireClient:
    """One connection; use `connect`."""

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext | None, host: str) -> None:
        self.received = bytearray()
        """Every byte that came, without the layer of TLS."""
        self.closed = False
        """Whether the server has closed its side, or reset the connection."""
        self._socket = connection
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = (
            None
            if tls is None
            else tls.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        )

    @classmethod
    async def connect(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> "WireClient":
        """Connect, with a TLS handshake if there is a context for one.

        Raises:
            OSError: there is no connection.
        """
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        # Each piece that is sent is a segment.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = cls(connection, tls, host)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (host, port))
            await client._handshake()
        except BaseException:
            connection.close()
            raise
        client._reading = asyncio.create_task(client._read())
        return client

    async def send(self, data: bytes) -> None:
        """Send `data`; a server that does not take it any more is not an error."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError:
            await self.wait_for(lambda: self.closed, 1)

    async def pause(self, seconds: float) -> None:
        """Wait, so that what is sent next arrives in another segment."""
        await asyncio.sleep(seconds)

    async def wait_for(self, fact: Callable[[], bool], seconds: float) -> bool:
        """Whether `fact` becomes true within so many seconds; it is asked whenever bytes come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not fact():
                    self._changed.clear()
                    await self._changed.wait()
        return fact()

    async def close(self) -> None:
        """Close the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._socket.close()

    async def _handshake(self) -> None:
        loop = asyncio.get_running_loop()
        while self._tls is not None:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(self._socket, self._outgoing.read())
                data = await loop.sock_recv(self._socket, _READ_SIZE)
                if not data:
                    raise ConnectionResetError("closed within the TLS handshake") from None
                self._incoming.write(data)
            else:
                await loop.sock_sendall(self._socket, self._outgoing.read())
                return

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self.closed and (data := await loop.sock_recv(self._socket, _READ_SIZE)):
                self._take(data)
                self._changed.set()
        except OSError:
            pass  # a reset; what came before it is here
        finally:
            self.closed = True
            self._changed.set()

    def _take(self, data: bytes) -> None:
        if self._tls is None:
            self.received += data
            return
        self._incoming.write(data)
        with suppress(ssl.SSLWantReadError):
            while plain := self._tls.read(_READ_SIZE):
                self.received += plain
            self.closed = True  # nothing follows a close_notify
