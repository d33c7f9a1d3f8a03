"""A customer's web application, as small as can be: pages with the vendor's SDK, and a back end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tests.browser.vendor import FILES
from tests.kit.dev import DevServer

HERE: Final = Path(__file__).parent
CLOCK: Final = (HERE / "clock.js").read_text()
HARNESS: Final = (HERE / "harness.js").read_text()
_TOKENS: Final = "/api/fabric/subscribers/tokens"
_PAGE: Final = """<!doctype html><meta charset="utf-8"><title>{version}</title>
<link rel="icon" href="data:,">
<script>window.BACKEND = "{backend}";</script>
<script src="/harness.js"></script>
<script src="/sdk/{version}.js"></script>
"""


class Site:
    """The application, running."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.backend: DevServer | None = None
        """Whose credentials it signs people in with."""
        self.signed_in: list[dict[str, Any]] = []
        """What it was answered, in order."""

    def page(self, version: str) -> str:
        """The URL of a page that includes an SDK."""
        return f"{self.url}/page/{version}"

    def sign_in(self, body: dict[str, Any]) -> httpx.Response:
        """What the back end does when its page asks for a token."""
        assert self.backend is not None
        wanted = {"reference": "ada@example.com", **body}
        url = self.backend["http"] + _TOKENS
        answer = httpx.post(url, auth=self.backend.auth, json=wanted, verify=False)
        if answer.is_success:
            self.signed_in.append(answer.json())
        return answer


class _Server(ThreadingHTTPServer):
    site: Site


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        version = path.rpartition("/")[2].removesuffix(".js")
        if path == "/harness.js":
            self._answer(200, "text/javascript", HARNESS.encode())
        elif path.startswith("/sdk/") and version in FILES:
            self._answer(200, "text/javascript", FILES[version].read_bytes())
        elif path.startswith("/page/") and version in FILES:
            html = _PAGE.format(version=version, backend=self.server.site.url)
            self._answer(200, "text/html", html.encode())
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = self.server.site.sign_in(body)
        except httpx.HTTPError:
            self._answer(502, "application/json", b"{}")
        else:
            self._answer(answer.status_code, "application/json", answer.content)

    def do_OPTIONS(self) -> None:
        self._answer(204, "text/plain", b"")

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "content-type")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def running_site() -> Iterator[Site]:
    """The application on a free port of this machine, at an origin that is not satmint's."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.site = Site(f"http://localhost:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
