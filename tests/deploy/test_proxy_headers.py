"""What each proxy of `deploy/` passes on to the servers, and what it keeps to itself."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from satmint.settings import Settings
from tests.kit.polling import wait_until
from tests.kit.proxies import (
    CADDY,
    HAPROXY,
    NAME,
    NGINX,
    PROXIES,
    Proxy,
    ProxyMissing,
    certificate,
    example_of,
    running_proxy,
)
from tests.kit.recording_upstream import REQUEST_ID, RecordingUpstream, recording_upstream

ADDRESS = "127.0.0.2"
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: {}\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
WEBSOCKET = HANDSHAKE.format("websocket")
ONE_CONNECTION = {
    "Connection": "Upgrade, HTTP2-Settings, X-Forwarded-For, keep-alive",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
    "TE": "trailers, deflate",
    "Trailer": "X-Forwarded-For",
    "Keep-Alive": "timeout=5",
    "Proxy-Connection": "keep-alive",
    "Expect": "100-continue",
}
IDLE = {
    NGINX: r"keepalive 64;\s.*?keepalive_timeout (\d+)s;",
    HAPROXY: r"pool-purge-delay (\d+)s",
    CADDY: r"keepalive (\d+)s",
}


@dataclass
class Recorder:
    """A proxy in front of a server that records."""

    port: int
    trust: ssl.SSLContext
    upstream: RecordingUpstream
    log: Path

    def answer(self, request_line: str, headers: str = "", body: bytes = b"") -> bytes:
        """What a request on a connection of its own is answered."""
        head = f"{request_line} HTTP/1.1\r\nHost: {NAME}\r\n{headers}\r\n"
        with (
            socket.create_connection(
                ("127.0.0.1", self.port), timeout=20, source_address=(ADDRESS, 0)
            ) as plain,
            self.trust.wrap_socket(plain, server_hostname=NAME) as connection,
        ):
            with suppress(OSError):
                connection.sendall(head.encode() + body)
            received = b""
            while not re.search(rb"HTTP/1\.1 [2-5]\d\d ", received) and (
                data := connection.recv(65_536)
            ):
                received += data
        return received[received.rindex(b"HTTP/1.1 ") :] if received else b""


@pytest.fixture(scope="module", params=PROXIES, ids=str)
def recorder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorder]:
    proxy: Proxy = request.param
    folder = tmp_path_factory.mktemp("proxy")
    trust = certificate(folder)
    try:
        with (
            recording_upstream() as upstream,
            running_proxy(proxy, folder, (upstream.port, upstream.port)) as port,
        ):
            yield Recorder(port, trust, upstream, folder / proxy.log)
    except ProxyMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_headers_about_one_connection_are_not_passed_on(recorder: Recorder, method: str) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in ONE_CONNECTION.items())
    body = b"abcd" if method == "POST" else b""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    assert b" 200 " in recorder.answer(f"{method} /livez", headers + length, body)
    seen = recorder.upstream.last()
    assert seen.body == body
    for name in ONE_CONNECTION:
        assert seen.values(name.lower()) == [], name


@pytest.mark.parametrize("target", ["/", "/?a=b"])
def test_opening_handshake_of_the_gateway_is_passed_on(recorder: Recorder, target: str) -> None:
    recorder.answer(f"GET {target}", HANDSHAKE.format("WebSocket"))
    seen = recorder.upstream.last()
    assert [value.lower() for value in seen.values("upgrade")] == ["websocket"]
    assert [value.lower() for value in seen.values("connection")] == ["upgrade"]
    assert seen.values("sec-websocket-version") == ["13"]


@pytest.mark.parametrize(
    ("request_line", "headers", "body"),
    [
        ("GET /livez", WEBSOCKET, b""),
        ("GET /api/fabric/subscriber/info", WEBSOCKET, b""),
        ("POST /", WEBSOCKET + "Content-Length: 4\r\n", b"abcd"),
        ("GET /", WEBSOCKET + "Content-Length: 4\r\n", b"abcd"),
        ("GET /", HANDSHAKE.format("h2c"), b""),
        ("GET /", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", b""),
    ],
)
def test_no_other_upgrade_is_passed_on(
    recorder: Recorder, request_line: str, headers: str, body: bytes
) -> None:
    recorder.answer(request_line, headers, body)
    for seen in recorder.upstream.take():
        assert seen.values("upgrade") == []
        assert seen.values("connection") == []


@pytest.mark.parametrize(
    "headers",
    [
        HANDSHAKE.format("websocket, h2c"),
        "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
    ],
)
def test_h2c_beside_the_gateway_s_upgrade_is_never_passed_on(
    recorder: Recorder, headers: str
) -> None:
    """HAProxy 3.0 removes `h2c` itself, so that a WebSocket is left; 2.6 and the others do not."""
    recorder.answer("GET /", headers)
    for seen in recorder.upstream.take():
        upgrade = seen.values("upgrade")
        assert upgrade in ([], ["websocket"])
        assert seen.values("connection") == ["upgrade"] * len(upgrade)


def test_address_and_scheme_are_the_proxy_s_to_tell(recorder: Recorder) -> None:
    recorder.answer(
        "GET /livez",
        "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 198.51.100.8\r\n"
        "X-Forwarded-Proto: http\r\nConnection: X-Forwarded-For\r\n",
    )
    seen = recorder.upstream.last()
    assert seen.values("x-forwarded-for") == [ADDRESS]
    assert seen.values("x-forwarded-proto") == ["https"]
    assert seen.values("host") == [NAME]


@pytest.mark.parametrize(
    "target", ["/metrics", "/metrics?x=y", "/%6detrics", f"https://{NAME}/metrics", "//metrics"]
)
def test_metrics_are_not_for_the_internet(recorder: Recorder, target: str) -> None:
    answer = recorder.answer(f"GET {target}")
    passed_on = recorder.upstream.take()
    for seen in passed_on:
        # The server knows no such path.
        assert seen.request_line == "GET //metrics HTTP/1.1"
    if not passed_on:
        assert answer.startswith(b"HTTP/1.1 404 ")


def test_body_is_64_kib_at_the_most(recorder: Recorder) -> None:
    limit = 64 * 1024
    head = "Content-Length: {}\r\n"
    assert b" 200 " in recorder.answer("POST /livez", head.format(limit), b"x" * limit)
    assert len(recorder.upstream.last().body) == limit
    answer = recorder.answer("POST /livez", head.format(limit + 1), b"x" * (limit + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert recorder.upstream.requests == []


def test_answer_has_the_server_s_request_id_and_so_has_the_log(recorder: Recorder) -> None:
    secret = "of-a-token"
    answer = recorder.answer(
        f"GET /openapi.json?token={secret}",
        f"X-Request-Id: of-the-caller\r\nAuthorization: Bearer {secret}\r\n",
    )
    assert recorder.upstream.last().values("x-request-id") == ["of-the-caller"]
    assert f"x-request-id: {REQUEST_ID}".encode() in answer.lower()
    assert b"strict-transport-security: max-age=31536000" in answer.lower()

    def logged() -> list[str]:
        lines = recorder.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "/openapi.json" in line]

    wait_until(logged)
    (line,) = logged()
    assert REQUEST_ID in line
    assert secret not in recorder.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("proxy", PROXIES, ids=str)
def test_proxy_closes_idle_connections_before_the_server_does(proxy: Proxy) -> None:
    found = re.search(IDLE[proxy], example_of(proxy), re.DOTALL)
    assert found is not None
    assert int(found[1]) < Settings().keep_alive_seconds
