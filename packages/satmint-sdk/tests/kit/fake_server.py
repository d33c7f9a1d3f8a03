"""The fake service on a real port, for tests with more than one process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from kit.service import FakeTokenService


@contextlib.contextmanager
def on_a_port(service: FakeTokenService) -> Iterator[str]:
    """Serve it on loopback, and yield `127.0.0.1:<port>`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            host = self.headers["host"]
            url, headers = f"http://{host}{self.path}", dict(self.headers)
            request = httpx.Request(self.command, url, headers=headers, content=content)
            try:
                answer = service.answer(request)
            except httpx.ReadError:  # the reply is lost
                self.close_connection = True
                return
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

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
