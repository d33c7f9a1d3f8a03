"""How long a server takes to end: within a second, unless requests are in flight."""

import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from satmint.cli.program import run
from tests.kit.dev import running_dev
from tests.kit.serving import running_serve

SECONDS: Final = 1.0
_GET: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
_UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@contextmanager
def idle_clients(url: str) -> Iterator[None]:
    """Clients that wait: silent ones, some with a kept connection, and some with a WebSocket.

    None of them reads what the server sends when it stops, or closes.
    """
    place = urlsplit(url)
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with ExitStack() as stack:
        for sent, begin in ((b"", b""), (_GET, b"HTTP/1.1 200"), (_UPGRADE, b"HTTP/1.1 101")) * 3:
            client = stack.enter_context(
                socket.create_connection((place.hostname, place.port), timeout=20)
            )
            if place.scheme == "https":
                client = stack.enter_context(tls.wrap_socket(client))
            if sent:
                client.sendall(sent)
                assert client.recv(4096).startswith(begin)
        yield


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_development_server_ends_within_a_second(tmp_path: Path, number: int) -> None:
    with (
        running_dev(tmp_path, forked=False) as server,
        idle_clients(server["http"]),
        idle_clients(server["https"]),
    ):
        began = time.monotonic()
        code, _ = server.stop(signal.Signals(number))
        assert time.monotonic() - began < SECONDS
        assert code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_server_ends_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    with (
        running_serve(
            tmp_path, "--workers", str(workers), "--admin-port", "0", forked=False
        ) as server,
        idle_clients(server.url),
    ):
        began = time.monotonic()
        code = server.stop(signal.Signals(number))
        assert time.monotonic() - began < SECONDS
        assert code == 0
