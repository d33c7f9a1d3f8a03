"""Requests that try to make a proxy and a server disagree about where a request ends.

What each hides is a second request. A server that reads it answers it, and behind a proxy that
answer goes to the next caller on the same upstream connection.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

HOST: Final = b"host: fabric.example.com\r\n"
SPOOFED: Final = "198.51.100.7"
"""The address that attempts claim (RFC 5737)."""

WHOLE: Final = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
_SWALLOWS_LINE: Final = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\nx-rest: "
"""The next caller's request line becomes the value of a header."""
_SWALLOWS_BODY: Final = b"POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 300\r\n\r\n"
"""The next caller's head becomes a body."""
HIDDEN: Final = (WHOLE, _SWALLOWS_LINE, _SWALLOWS_BODY)

_H2C: Final = (
    b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
    b"http2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
)
_WEBSOCKET: Final = (
    b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_JSON: Final = b"content-type: application/json\r\n"
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
H2C_UPGRADE: Final = "h2c upgrade, blank lines"
"""The name of the attempts that gave callers the answers of others (CHANGELOG)."""
_BLANK_LINES: Final = (20, 4_000, 30_000)
"""Servers skip blank lines before a request (RFC 9112, section 2.2)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a hostile client sends on one connection."""

    name: str
    pieces: tuple[bytes, ...]
    """Each is written by itself."""


def attempts(authorization: bytes) -> tuple[Attempt, ...]:
    """All of them.

    Args:
        authorization: A good value of that header, which must be of no use in a trailer.
    """
    return tuple(
        Attempt(name, pieces)
        for name, pieces in (
            *_upgrades(),
            *_websockets(),
            *_trailers(authorization),
            *_lengths(),
            *_chunks(),
            *_heads(),
            *_sequences(),
        )
    )


Named = Iterable[tuple[str, tuple[bytes, ...]]]


def _post(headers: bytes, path: bytes = b"/livez") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"


def _length(body: bytes) -> bytes:
    return b"content-length: %d\r\n" % len(body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _split(head: bytes, body: bytes) -> Iterator[tuple[bytes, ...]]:
    """At once, the body by itself, and the body in two."""
    yield (head + body,)
    yield (head, body)
    half = len(body) // 2
    yield (head, body[:half], body[half:])


def _upgrades() -> Named:
    for hidden in HIDDEN:
        for lines in _BLANK_LINES:
            body = b"\r\n" * lines + hidden
            for pieces in _split(_post(_H2C + _length(body)), body):
                yield H2C_UPGRADE, pieces
        body = _chunk(b"\r\n" * 20 + hidden) + b"0\r\n\r\n"
        for pieces in _split(_post(_H2C + _CHUNKED), body):
            yield "h2c upgrade, chunked", pieces
        for upgrade in (b"foo/2", b"HTTP/2.0", b"TLS/1.0, h2c", b"h2c, websocket"):
            head = _post(b"connection: upgrade\r\nupgrade: " + upgrade + b"\r\n" + _length(hidden))
            yield "other upgrade", (head, hidden)


def _websockets() -> Named:
    for hidden in HIDDEN:
        length = _length(hidden)
        for method in (b"POST", b"GET"):
            start = method + b" / HTTP/1.1\r\n" + HOST + _WEBSOCKET
            version = b"sec-websocket-version: 13\r\n"
            yield "websocket with a body", (start + version + length + b"\r\n", hidden)
            chunk = _chunk(hidden) + b"0\r\n\r\n"
            yield "websocket with chunks", (start + version + _CHUNKED + b"\r\n", chunk)
        refused = b"GET / HTTP/1.1\r\n" + HOST + _WEBSOCKET
        yield (
            "websocket of a wrong version",
            (refused + b"sec-websocket-version: 777\r\n\r\n", hidden),
        )
        yield (
            "websocket elsewhere",
            (
                b"GET /livez HTTP/1.1\r\n"
                + HOST
                + _WEBSOCKET
                + b"sec-websocket-version: 13\r\n\r\n",
                hidden,
            ),
        )


def _trailers(authorization: bytes) -> Named:
    path, body = b"/api/fabric/subscribers/tokens", b'{"reference":"thief"}'
    for announced in (b"", b"trailer: authorization, x-forwarded-for\r\nte: trailers\r\n"):
        for trailer in (
            b"authorization: " + authorization + b"\r\n",
            b"x-forwarded-for: " + SPOOFED.encode() + b"\r\n",
            b"content-length: 5\r\ntransfer-encoding: chunked\r\nhost: x\r\n",
        ):
            head = _post(_JSON + announced + _CHUNKED, path)
            yield "trailers", (head + _chunk(body) + b"0\r\n" + trailer + b"\r\n",)
            yield (
                "trailers with an upgrade",
                (
                    _post(_JSON + _H2C + announced + _CHUNKED, path),
                    _chunk(body) + b"0\r\n" + trailer + b"\r\n",
                ),
            )


def _lengths() -> Named:
    for hidden in HIDDEN:
        ended = b"0\r\n\r\n" + hidden
        yield "length and chunked", (_post(_length(ended) + _CHUNKED), ended)
        yield "chunked and length", (_post(_CHUNKED + b"content-length: 3\r\n"), ended)
        for coding in (
            b"transfer-encoding: xchunked",
            b"transfer-encoding : chunked",
            b"transfer-encoding:\tchunked",
            b"transfer-encoding: \x0bchunked",
            b'transfer-encoding: "chunked"',
            b"transfer-encoding: chunked, identity",
            b"transfer-encoding: gzip, chunked",
            b"transfer-encoding: identity\r\ntransfer-encoding: chunked",
            b"x: y\ntransfer-encoding: chunked",
            b"x: y\rtransfer-encoding: chunked",
            b"x: y\r\n transfer-encoding: chunked",
            b"transfer_encoding: chunked",
        ):
            yield "coding in disguise", (_post(_length(ended) + coding + b"\r\n"), ended)
        for first, second in ((b"0", b"%d"), (b"%d", b"0"), (b"%d", b"%d")):
            pair = b"content-length: " + first + b"\r\ncontent-length: " + second + b"\r\n"
            yield "two lengths", (_post(pair.replace(b"%d", b"%d" % len(hidden))), hidden)
        for value in (b"0, %d", b"+%d", b"0x%x", b"-%d", b" %d ", b"%d.0", b"99999999999999999999"):
            said = value % len(hidden) if b"%" in value else value
            yield "a strange length", (_post(b"content-length: " + said + b"\r\n"), hidden)
        yield (
            "length named by Connection",
            (
                _post(b"connection: content-length, host\r\n" + _length(hidden)),
                hidden,
            ),
        )
        for version in (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9"):
            head = b"POST /livez " + version + b"\r\n" + HOST + b"connection: keep-alive\r\n"
            yield f"chunked in {version.decode()}", (head + _CHUNKED + b"\r\n", ended)


def _chunks() -> Named:
    for hidden in HIDDEN:
        for size in (
            b"0x0\r\n",
            b"-0\r\n",
            b"0 \r\n",
            b"0;a\n\r\n",
            b"0\n\n",
            b"0\r",
            b"00000000000000000\r\n",
            b"10000000000000000\r\n",
            b"ffffffffffffffff\r\n",
            b"5\r\nhello0\r\n",
            b"5\rhello\r\n0\r\n",
            b"5\r\nhelloX\r0\r\n",
            b"4;a=b\nabcd\r\n0\r\n",
        ):
            yield "a strange chunk", (_post(_CHUNKED), size + b"\r\n" + hidden)


def _heads() -> Named:
    for hidden in HIDDEN:
        yield "bare line feeds", (b"GET /livez HTTP/1.1\nhost: fabric.example.com\n\n" + hidden,)
        yield "obs-fold", (b"GET /livez HTTP/1.1\r\n" + HOST + b"x: a\r\n b\r\n\r\n" + hidden,)
        yield "obs-fold of a length", (_post(b"content-length:\r\n 5\r\n"), hidden)
        for target in (b"http://x/livez", b"http://fabric.example.com/livez", b"*", b"x:443"):
            yield (
                "absolute-form",
                (
                    b"GET " + target + b" HTTP/1.1\r\n" + HOST + _length(hidden) + b"\r\n",
                    hidden,
                ),
            )
        for line in (b"x: a\x00b", b": a", b"x : a", b"x\r\n\r: a", b"host: second", b"x" * 40_000):
            head = b"GET /livez HTTP/1.1\r\n" + HOST + line + b"\r\n" + _length(hidden) + b"\r\n"
            yield "a strange header", (head, hidden)
        for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI"):
            head = method + b" /livez HTTP/1.1\r\n" + HOST + _length(hidden) + b"\r\n"
            yield f"{method.decode()} with a body", (head, hidden)
        for expected in (b"100-continue", b"100-Continue, x", b"\x0b100-continue", b"200-ok"):
            head = _post(b"expect: " + expected + b"\r\n" + _length(hidden))
            yield "expect", (head, hidden)


def _sequences() -> Named:
    one = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
    yield "pipelined", (one * 5,)
    yield "pipelined", (one, one, one[:20], one[20:] + one)
    for hidden in HIDDEN:
        yield "pipelined", (one + hidden,)
        head = _post(_JSON + b"content-length: 400\r\n", b"/api/fabric/embeds/tokens")
        yield "half a body", (head + b'{"token":',)
        yield "half a body, then a request", (head + b'{"token":', one + hidden)
        yield "half a chunk, then a request", (_post(_CHUNKED) + b"100\r\nabc", one + hidden)
        yield (
            "a body that is not read",
            (
                _post(_length(b"x" * 60_000), b"/nowhere"),
                b"x" * 30_000,
                b"x" * 30_000 + hidden,
            ),
        )
        yield "a body that is too large", (_post(b"content-length: 70000\r\n"), hidden)
