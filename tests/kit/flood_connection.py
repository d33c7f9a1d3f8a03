"""One connection of a crowd: it reads nothing and is opened again when the server ends it."""

import contextlib
import select
import socket
import ssl
from dataclasses import dataclass
from typing import Final

REOPEN_SECONDS: Final = 0.25
"""How long after its end a connection is opened again."""
REOPEN_TLS_SECONDS: Final = 1.0
"""The same for one that completes TLS handshakes, which cost both sides a lot of computing."""
SEND_SECONDS: Final = 2.0
"""How long a connection waits before it sends again."""

_ENDED: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True)
class Behaviour:
    """What one kind of connection does."""

    opening: bytes = b""
    """Sent at once."""
    following: bytes = b""
    """Sent every `SEND_SECONDS` from then on."""
    handshakes: bool = True
    """Whether it completes a TLS handshake first, where the server speaks TLS."""


@dataclass(frozen=True)
class Target:
    """The server."""

    address: tuple[str, int]
    tls: ssl.SSLContext | None = None


class CrowdMember:
    """A connection that is opened again whenever the server ends it. It never reads an answer."""

    def __init__(self, behaviour: Behaviour, source: str, target: Target) -> None:
        self.opened = 0
        """How often it was connected."""
        self.ended = 0
        """How often the server ended it or refused it."""
        self.due = 0.0
        """When it opens or sends again, on the monotonic clock."""
        self._behaviour = behaviour
        self._source = source
        self._target = target
        self._socket: socket.socket | None = None
        self._connected = False
        self._unsent = b""
        self._tls: ssl.SSLObject | None = None
        self._handshaking = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    def act(self, epoll: select.epoll, now: float) -> int | None:
        """Open the connection, or send the next bytes; returns the descriptor if it is new."""
        self.due = now + SEND_SECONDS
        if self._socket is None:
            return self._open(epoll)
        if self._connected and not self._handshaking and not self._unsent:
            self._send(self._behaviour.following)
            self._watch(epoll)
        return None

    def react(self, events: int, epoll: select.epoll, now: float) -> None:
        """Handle the events that epoll reports."""
        if events & _ENDED:
            self._end(now)
            return
        try:
            if not self._connected:
                self._connected = True
                self.opened += 1
                self._begin()
            elif events & select.EPOLLIN:
                self._read()
            self._flush()
        except OSError:
            self._end(now)
            return
        self._watch(epoll)

    def close(self) -> None:
        """Close it for good."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def is_open(self) -> bool:
        """Whether it is connected, as far as this side knows."""
        return self._socket is not None and self._connected

    def _open(self, epoll: select.epoll) -> int:
        self._connected = False
        self._unsent = b""
        self._tls = None
        self._handshaking = False
        opened = self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        opened.setblocking(False)
        opened.bind((self._source, 0))
        with contextlib.suppress(BlockingIOError):
            opened.connect(self._target.address)
        epoll.register(opened, select.EPOLLOUT | select.EPOLLRDHUP)
        return opened.fileno()

    def _end(self, now: float) -> None:
        self.ended += 1
        self.due = now + (REOPEN_SECONDS if self._tls is None else REOPEN_TLS_SECONDS)
        if self._socket is not None:
            # A reset leaves nothing behind in the kernel.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.close()

    def _begin(self) -> None:
        if self._target.tls is None or not self._behaviour.handshakes:
            self._send(self._behaviour.opening)
            return
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._target.tls.wrap_bio(
            self._incoming, self._outgoing, server_hostname=self._target.address[0]
        )
        self._handshaking = True
        self._handshake()

    def _read(self) -> None:
        """Read what a handshake needs; nothing is read after it."""
        assert self._socket is not None
        self._incoming.write(self._socket.recv(_CHUNK_BYTES))
        self._handshake()

    def _handshake(self) -> None:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._unsent += self._outgoing.read()
            return
        self._handshaking = False
        self._send(self._behaviour.opening)

    def _send(self, content: bytes) -> None:
        """Queue bytes until the server takes them."""
        if self._tls is None:
            self._unsent += content
        else:
            if content:
                self._tls.write(content)
            self._unsent += self._outgoing.read()

    def _flush(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def _watch(self, epoll: select.epoll) -> None:
        assert self._socket is not None
        reading = select.EPOLLIN if self._handshaking else 0
        writing = select.EPOLLOUT if self._unsent else 0
        epoll.modify(self._socket, select.EPOLLRDHUP | reading | writing)


def client_hello(context: ssl.SSLContext) -> bytes:
    """The first flight of a TLS handshake."""
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
