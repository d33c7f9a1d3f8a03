"""A server that answers everything with 200 and remembers what it was sent, byte for byte."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import Final

REQUEST_ID: Final = "id-of-the-server"
"""The X-Request-Id of every answer."""

_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: " + REQUEST_ID.encode() + b"\r\n\r\nok"
)
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it arrived."""

    request_line: str
    headers: tuple[tuple[str, str], ...]
    """The names in lower case."""
    body: bytes

    def values(self, name: str) -> list[str]:
        """Of all headers of a name."""
        return [value for found, value in self.headers if found == name]


@dataclass(slots=True)
class RecordingUpstream:
    """Where it listens, and what came."""

    port: int = 0
    requests: list[Recorded] = field(default_factory=list)
    """All but the health checks of a proxy."""

    def last(self) -> Recorded:
        """The request that came last; it is forgotten."""
        return self.requests.pop()

    def take(self) -> list[Recorded]:
        """The requests that came, which are forgotten."""
        taken, self.requests[:] = list(self.requests), []
        return taken


@contextmanager
def recording_upstream() -> Iterator[RecordingUpstream]:
    """Run one on a free port."""
    upstream = RecordingUpstream()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while head := _lines(self.rfile):
                    request = _parsed(head, _body(head, self.rfile))
                    if " /readyz " not in request.request_line:
                        upstream.requests.append(request)
                    self.wfile.write(_ANSWER)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        upstream.port = server.server_address[1]
        accepting = threading.Thread(target=server.serve_forever)
        accepting.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            accepting.join()


def _lines(stream: BufferedIOBase) -> bytes:
    """A head or a trailer section, up to and with its blank line."""
    data = b""
    while line := stream.readline():
        data += line
        if line == b"\r\n":
            return data
    return b""


def _body(head: bytes, stream: BufferedIOBase) -> bytes:
    if (length := _LENGTH.search(head)) is not None:
        return stream.read(int(length[1]))
    body = b""
    if b"chunked" in head.lower():
        while (size := stream.readline()) not in {b"0\r\n", b""}:
            body += stream.read(int(size, 16) + 2)[:-2]
        _lines(stream)
    return body


def _parsed(head: bytes, body: bytes) -> Recorded:
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return Recorded(request_line, headers, body)
