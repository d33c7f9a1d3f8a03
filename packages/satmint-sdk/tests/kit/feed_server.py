"""A server of introspection and of the feed that misbehaves as a test says, over real sockets."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from kit.verifying import INACTIVE
from satmint_sdk.rest import AsyncRestClient, RestClient

_PATIENCE: Final = 60.0


class Stream:
    """One connection to the feed.

    Attributes:
        after: The cursor that the client has sent.
    """

    def __init__(self, after: str | None) -> None:
        self.after = after
        self.parts: queue.Queue[bytes | None] = queue.Queue()

    def send(self, kind: str, cursor: str | None = None, **data: Any) -> None:
        """Send an event."""
        name = "" if cursor is None else f"id: {cursor}\n"
        self.raw(f"event: {kind}\n{name}data: {json.dumps(data)}\n\n".encode())

    def raw(self, data: bytes) -> None:
        """Send any bytes."""
        self.parts.put(data)

    def cut(self) -> None:
        """End the connection."""
        self.parts.put(None)


class FeedServer:
    """What it answers is up to a test.

    Attributes:
        host: Where it listens.
        answers: What introspection says, by token; others are inactive.
        asked: The tokens of each request.
        gate: Answers are given while it is set, and were decided upon before.
        arrived: Set by each request of introspection.
        refusal: Status and body with which the feed is refused, if any.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.answers: dict[str, Any] = {}
        self.asked: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.refusal: tuple[int, bytes] | None = None
        self.refused = 0
        self.streams: queue.Queue[Stream] = queue.Queue()
        self._open: list[Stream] = []

    def stream(self) -> Stream:
        """Wait for the next connection to the feed."""
        return self.streams.get(timeout=_PATIENCE)

    def client(self) -> RestClient:
        return RestClient("p", "t", self.host)

    def async_client(self) -> AsyncRestClient:
        return AsyncRestClient("p", "t", self.host)

    def close(self) -> None:
        """Let everything go that waits."""
        self.gate.set()
        for stream in self._open:
            stream.cut()

    def introspect(self, tokens: list[str]) -> Any:
        """Decide upon the answers, and wait until they may be given."""
        self.asked.append(tokens)
        found = [self.answers.get(token, INACTIVE) for token in tokens]
        self.arrived.set()
        assert self.gate.wait(_PATIENCE)
        return {"tokens": found}

    def connect(self, after: str | None) -> Stream:
        """A client asks for the feed."""
        stream = Stream(after)
        self._open.append(stream)
        self.streams.put(stream)
        return stream


@contextlib.contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Run one until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer(200, json.dumps(server.introspect(body["tokens"])).encode())

        def do_GET(self) -> None:
            if server.refusal is not None:
                server.refused += 1
                self._answer(*server.refusal)
                return
            cursors = parse_qs(urlsplit(self.path).query).get("after")
            stream = server.connect(cursors[0] if cursors else None)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            while (part := stream.parts.get()) is not None:
                self.wfile.write(part)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that has gone is none."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server = FeedServer(f"127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.close()
            http.shutdown()
            thread.join()
