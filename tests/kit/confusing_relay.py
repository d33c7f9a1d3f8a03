"""A TCP relay that makes any server behind it read the body of an attempt as the next request."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.kit.smuggling import WHOLE


@contextmanager
def confusing_relay(server: int) -> Iterator[int]:
    """Relay to a port of this machine; yields the relay's port.

    A body that ends in a request is followed by that request once more.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            here: socket.socket = self.request
            with socket.create_connection(("127.0.0.1", server)) as there:
                back = threading.Thread(target=_copy, args=(there, here))
                back.start()
                _copy(here, there, after=WHOLE)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as relay:
        relay.daemon_threads = True
        accepting = threading.Thread(target=relay.serve_forever)
        accepting.start()
        try:
            yield relay.server_address[1]
        finally:
            relay.shutdown()
            accepting.join()


def _copy(source: socket.socket, target: socket.socket, after: bytes | None = None) -> None:
    """Copy one direction until its end; what ends in `after` is followed by it once more."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
            if after is not None and data.endswith(after):
                target.sendall(after)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
