"""Servers of a few bytes: what they send, and how slowly, is up to a test."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Script = Callable[[socket.socket, threading.Event], None]


@dataclass
class RawServer:
    """Where it listens, and what it was sent."""

    host: str
    received: list[bytes] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def raw_server(script: Script, *, reads: bool = True) -> Iterator[RawServer]:
    """Run `script` for every connection, after the head of a request if `reads`, until the end."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"127.0.0.1:{listening.getsockname()[1]}")
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if reads:
                server.received.append(connection.recv(65536))
                server.arrived.set()
            script(connection, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in (accepting, *threads):
            thread.join(30)


def silent(_connection: socket.socket, over: threading.Event) -> None:
    """Accept, and never say a word."""
    over.wait(60)


def dripping(before: bytes) -> Script:
    """Send so much at once, and then a byte every few milliseconds, without end."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(before)
        while not over.wait(0.02):
            connection.sendall(b"x")

    return drip


def answering(response: bytes) -> Script:
    """Send one response, and close."""

    def answer(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(response)

    return answer
