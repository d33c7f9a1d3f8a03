"""A port for the fake service, for programs of more than one process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@contextlib.contextmanager
def serve(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 until the block is left, and yield `127.0.0.1:<port>`.

    Args:
        answer: Answers a request; an `httpx.TransportError` closes the connection instead.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            url, headers = f"http://{self.headers['host']}{self.path}", dict(self.headers)
            request = httpx.Request(self.command, url, headers=headers, content=content)
            try:
                response = answer(request)
            except httpx.TransportError:
                self.close_connection = True
                return
            self.send_response_only(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
