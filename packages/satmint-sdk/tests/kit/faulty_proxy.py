"""A bad network: a proxy between a client and a real server that does to requests what it is told.

with between(live.host) as road:
    client = RestClient(project, token, road.host)
    road.next(NetworkFault.LOST)
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import io
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SECONDS = 20.0
_AT_ONCE_AND_RUDELY = struct.pack("ii", 1, 0)


class NetworkFault(enum.Enum):
    """What happens to a request on its way there and back."""

    NONE = "nothing"
    UNHEARD = "the connection is reset before the request gets through"
    LOST = "the server does its part, and the connection ends without an answer"
    RESET = "the server does its part, and half of the answer comes before a reset"
    CUT = "the server does its part, and the connection ends after half of the answer"
    ASKED_TWICE = "the request is delivered twice"
    ANSWERED_TWICE = "the answer is delivered twice, and the connection stays open"
    SLOW = "the answer comes in drops"
    TOO_SLOW = "the server does its part, and the answer is held until the caller has gone"
    LATE = "the request is held until the caller has gone, and is delivered then"
    STORM = "429, and a second to wait"
    BUSY = "503, and nobody knows for how long"
    BROKEN = "500 instead of the answer, after the server did its part"


_PLAIN = {
    NetworkFault.STORM: b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n",
    NetworkFault.BUSY: b"HTTP/1.1 503 Service Unavailable\r\n",
    NetworkFault.BROKEN: b"HTTP/1.1 500 Internal Server Error\r\n",
}
_NOT_DELIVERED = frozenset(
    {NetworkFault.UNHEARD, NetworkFault.LATE, NetworkFault.STORM, NetworkFault.BUSY}
)


@dataclass(frozen=True)
class Request:
    """One request, read to its end."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Road:
    """The way to one server.

    Attributes:
        host: Where clients find it.
        met: How often each fault was met.
    """

    def __init__(self, upstream: str, listener: socket.socket) -> None:
        self.upstream = upstream
        self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        self.met: Counter[NetworkFault] = Counter()
        self._weather: Callable[[], NetworkFault] = lambda: NetworkFault.NONE
        self._coming: deque[NetworkFault] = deque()
        self._listener = listener
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def next(self, *faults: NetworkFault) -> None:
        """The next requests meet these, one each."""
        self._coming.extend(faults)

    def always(self, weather: Callable[[], NetworkFault]) -> None:
        """Every request after those meets what this says."""
        self._weather = weather

    def run(self) -> None:
        """Accept until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """End every connection, and wait for what is still under way."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as incoming:
                connection.settimeout(_SECONDS)
                while (request := _read(incoming)) is not None:
                    fault = self._coming.popleft() if self._coming else self._weather()
                    self.met[fault] += 1
                    if not self._meet(fault, request, connection):
                        return
        except OSError:
            pass  # the client has gone, or the server is down: nobody to tell
        finally:
            self._open.discard(connection)

    def _meet(self, fault: NetworkFault, request: Request, connection: socket.socket) -> bool:
        """Let one fault happen; whether the connection lives on."""
        if fault in _NOT_DELIVERED:
            answer = b""
        else:
            answer = self._deliver(request)
            if fault is NetworkFault.ASKED_TWICE:
                answer = self._deliver(request)
        match fault:
            case NetworkFault.UNHEARD:
                _reset(connection)
            case NetworkFault.RESET:
                connection.sendall(answer[: len(answer) // 2])
                _reset(connection)
            case NetworkFault.CUT:
                connection.sendall(answer[: len(answer) // 2])
            case NetworkFault.STORM | NetworkFault.BUSY | NetworkFault.BROKEN:
                connection.sendall(_PLAIN[fault] + b"content-length: 2\r\n\r\n{}")
                return True
            case NetworkFault.ANSWERED_TWICE:
                connection.sendall(answer * 2)
                return True
            case NetworkFault.SLOW:
                drop = max(1, len(answer) // 8)
                for start in range(0, len(answer), drop):
                    connection.sendall(answer[start : start + drop])
                    threading.Event().wait(0.005)
                return True
            case NetworkFault.TOO_SLOW | NetworkFault.LATE:
                connection.recv(1)  # ends when the caller hangs up
                if fault is NetworkFault.LATE:
                    self._deliver(request)
            case NetworkFault.NONE | NetworkFault.ASKED_TWICE:
                connection.sendall(answer)
                return True
        return False

    def _deliver(self, request: Request) -> bytes:
        """Carry a request there, and what comes back."""
        server = http.client.HTTPConnection(self.upstream, timeout=_SECONDS)
        try:
            server.request(request.method, request.target, request.body, request.headers)
            answer = server.getresponse()
            body = answer.read()
        except http.client.HTTPException as broken:
            raise ConnectionError("the server went away") from broken
        finally:
            server.close()
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        head += "".join(
            f"{name}: {value}\r\n"
            for name, value in answer.getheaders()
            if name.lower() not in ("content-length", "transfer-encoding", "connection")
        )
        return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


@contextlib.contextmanager
def between(upstream: str) -> Iterator[Road]:
    """Lay a road to `upstream`, a host with a port, until the block is left."""
    listener = socket.create_server(("127.0.0.1", 0))
    road = Road(upstream, listener)
    accepting = threading.Thread(target=road.run)
    accepting.start()
    try:
        yield road
    finally:
        road.close()
        accepting.join()


def _read(incoming: io.BufferedReader) -> Request | None:
    """Read one request; `None` where there is none any more."""
    line = incoming.readline().decode("latin-1").split()
    if not line:
        return None
    headers: dict[str, str] = {}
    while header := incoming.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(line[0], line[1], headers, incoming.read(int(headers.get("content-length", 0))))


def _reset(connection: socket.socket) -> None:
    """Have the other side see a reset and not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE_AND_RUDELY)
