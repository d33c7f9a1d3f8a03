"""The ways in which a connection can hold a server's descriptor."""

from base64 import b64encode
from typing import Final

from tests.kit.flood_connection import Behaviour
from tests.kit.wire import REFRESH

_HOST: Final = b"Host: 127.0.0.1\r\n"
_PIPELINED: Final = 200
"""Requests in one go, more than a server has to take."""

SILENT: Final = Behaviour(handshakes=False)
"""Connects and sends nothing, not even the beginning of a TLS handshake."""
UNREAD_PIPELINE: Final = Behaviour(
    (b"GET /openapi.json HTTP/1.1\r\n" + _HOST + b"\r\n") * _PIPELINED,
    b"GET /openapi.json HTTP/1.1\r\n" + _HOST + b"\r\n",
)
"""Sends many requests for a large answer and reads none."""
SLOW_HEAD: Final = Behaviour(b"GET /livez HTTP/1.1\r\n" + _HOST + b"X-Slow: ", b"a")
"""Sends a head, a byte at a time."""
UNREAD_ANSWER: Final = Behaviour(b"GET /livez HTTP/1.1\r\n" + _HOST + b"\r\n")
"""Sends one request, then neither reads the answer nor closes."""


def slow_body(auth: tuple[str, str]) -> Behaviour:
    """Sends a body, a byte at a time, with credentials that are good."""
    head = (
        f"POST {REFRESH} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Basic {b64encode(':'.join(auth).encode()).decode()}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    return Behaviour(head.encode(), b" ")


def slow_handshakes(hello: bytes) -> tuple[Behaviour, ...]:
    """TLS handshakes that stop: before the ClientHello, within it, and after it."""
    half = len(hello) // 2
    return SILENT, Behaviour(hello[:half], handshakes=False), Behaviour(hello, handshakes=False)
