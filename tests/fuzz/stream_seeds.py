"""Requests and near-requests as bytes: what the mutations of raw connections begin with."""

from random import Random
from typing import Final

LINE: Final = b"GET /livez HTTP/1.1"
HOST: Final = b"Host: 127.0.0.1"
JSON: Final = b"Content-Type: application/json"
LENGTH: Final = b"Content-Length: 13"
CHUNKED: Final = b"Transfer-Encoding: chunked"
BODY: Final = b'{"token":"x"}'
CHUNKS: Final = b'd\r\n{"token":"x"}\r\n0\r\n'
UPGRADE: Final = b"Connection: Upgrade"
H2C: Final = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAAAB")
HANDSHAKE: Final = (
    *(UPGRADE, b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def request(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    """A request line, header fields, and what follows them."""
    return b"\r\n".join((line, *fields, b"", body))


def post(*fields: bytes, body: bytes = BODY) -> bytes:
    """A POST with a Host, and a Content-Type."""
    return request(b"POST /api/fabric/embeds/tokens HTTP/1.1", HOST, JSON, *fields, body=body)


GET: Final = request(LINE, HOST)

WIRE_CASES: Final[dict[str, bytes]] = {
    "upgrade-h2c-body": post(*H2C, LENGTH),
    "upgrade-h2c-then-next-request": post(*H2C, LENGTH) + GET,
    "upgrade-h2c-body-that-looks-like-a-request": post(
        *H2C, b"Content-Length: %d" % len(GET), body=GET
    ),
    "upgrade-foo-body": post(UPGRADE, b"Upgrade: foo/2", LENGTH),
    "upgrade-without-connection": post(b"Upgrade: websocket", LENGTH),
    "upgrade-websocket-on-post": post(*HANDSHAKE, LENGTH),
    "upgrade-chunked-body": post(*H2C, CHUNKED, body=CHUNKS + b"\r\n") + GET,
    "upgrade-head-in-pieces": post(b"Connection: Upgrade", b"Upgrade: h2c", LENGTH) + GET,
    "trailers-are-ignored": post(
        CHUNKED, body=CHUNKS + b"X-Request-Id: t\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n"
    ),
    "trailer-authorization": post(CHUNKED, body=CHUNKS + b"Authorization: Basic YTpi\r\n\r\n"),
    "no-host": request(LINE),
    "two-hosts": request(LINE, b"Host: a", b"Host: b"),
    "invalid-host": request(LINE, b"Host: a b"),
    "http-1.0-without-host": request(b"GET /livez HTTP/1.0"),
    "http-0.9": request(b"GET /livez"),
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "te-gzip-chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "te-chunked-twice": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "te-identity": post(b"Transfer-Encoding: identity", body=b""),
    "te-on-http-1.0": request(b"POST / HTTP/1.0", CHUNKED, body=CHUNKS + b"\r\n"),
    "cl-and-te": post(CHUNKED, LENGTH, body=b"0\r\n\r\n" + GET),
    "two-lengths": post(b"Content-Length: 3", LENGTH),
    "length-list": post(b"Content-Length: 13, 13"),
    "length-plus-sign": post(b"Content-Length: +13"),
    "length-negative": post(b"Content-Length: -1", body=b""),
    "length-huge": post(b"Content-Length: 99999999999999999999", body=b""),
    "chunk-size-overflow": post(CHUNKED, body=b"fffffffffffffffff\r\n"),
    "chunk-size-garbage": post(CHUNKED, body=b"5;\n\r\nhello\r\n0\r\n\r\n"),
    "chunk-bare-lf": post(CHUNKED, body=b'd\n{"token":"x"}\n0\n\n'),
    "obs-fold": request(LINE, HOST, b"X: a\r\n b"),
    "space-before-colon": request(LINE, HOST, b"X : a"),
    "empty-header-name": request(LINE, HOST, b": a"),
    "nul-in-header": request(LINE, HOST, b"X: a\x00b"),
    "bare-cr-in-header": request(LINE, HOST, b"X: a\rb"),
    "bare-lf-request": b"GET /livez HTTP/1.1\nHost: a\n\n",
    "absolute-form": request(b"GET http://127.0.0.1/livez HTTP/1.1", HOST),
    "connect": request(b"CONNECT example.com:443 HTTP/1.1", b"Host: example.com:443"),
    "tls-hello-on-http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "pipelined": GET + post(LENGTH) + GET,
    "two-requests": GET + post(LENGTH),
    "expect-100": post(b"Expect: 100-continue", LENGTH),
    "head-has-no-body": request(b"HEAD /livez HTTP/1.1", HOST) + GET,
}

_VALID: Final = (
    *(GET, GET, post(LENGTH), post(LENGTH) + GET, post(CHUNKED, body=CHUNKS + b"\r\n") + GET),
    request(b"OPTIONS * HTTP/1.1", HOST) + GET,
    request(b"DELETE /a?b=c&d=%2e HTTP/1.1", b"host:[::1]:8080", b"X-Empty:", b"Accept: */*") + GET,
    request(LINE, HOST, b"Connection: close") + GET,
    request(LINE, HOST, b"Connection: keep-alive, TE", b"TE: trailers") + GET,
    request(b"GET / HTTP/1.0", HOST, b"Connection: keep-alive") + GET,
    request(b"GET http://a.example:80?q=1 HTTP/1.1", b"Host: b.example", b"X: y") + GET,
    request(b"GET HTTPS://[::1] HTTP/1.1", HOST),
    request(LINE, HOST, *HANDSHAKE) + b"\x81\x85\x01\x02\x03\x04iqniv",
    request(LINE, HOST, *HANDSHAKE, LENGTH, body=BODY) + GET,
    b"\r\n" + GET + b"\r\n" + post(LENGTH),
    post(b"Content-Length: 0", body=b"") + GET,
    post(b"Content-Length:\t0013 \t", b"Expect: 100-Continue") + GET,
    post(CHUNKED, b"Expect: 100-continue", b"Trailer: X", body=CHUNKS + b"X: y\r\n\r\n") + GET,
    post(CHUNKED, body=b'3;a=b;c="d;\\"e"\r\nabc\r\n00A;f\r\n0123456789\r\n0;last\r\n\r\n') + GET,
    post(CHUNKED, body=b"3 ;a\r\nabc\r\n1\t; b = c\r\nx\r\n000 ; d\r\n\r\n") + GET,
    post(CHUNKED, body=b"1\r\n\r\r\n2\r\n\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n") + GET,
    post(b"transfer-encoding:Chunked ", body=CHUNKS + b"A: b\r\nContent-Length: 7\r\n\r\n") + GET,
    post(b"Content-Length: %d" % (len(GET) + 9), body=GET + b"0\r\n\r\n\r\n\r\n") + GET,
    GET * 5 + request(LINE, HOST, b"Connection: close"),
    request(LINE, HOST, b"Cookie: a=b; c=d", b"X: \xc3\xa9\xff", b"X: a\tb", b"X:") + GET,
)

_HOSTILE: Final = (
    post(b"Transfer-Encoding: gzip", CHUNKED, body=b"0\r\n\r\n") + GET,
    post(CHUNKED, b"Transfer-Encoding: identity", body=b"0\r\n\r\n") + GET,
    post(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n") + GET,
    post(b"Transfer-Encoding: chunked;q=1", LENGTH, body=b"0\r\n\r\n") + GET,
    post(b"Transfer-Encoding: chunked\t", body=b"0\r\n\r\n") + GET,
    post(LENGTH, LENGTH) + GET,
    post(b"Authorization: Basic YTpi", LENGTH, b"Authorization: Basic Yzpk") + GET,
    post(LENGTH, b"Content_Length: 0", b"Content-Length : 0") + GET,
    post(b"X: a\r\n\tContent-Length: 0", LENGTH) + GET,
    post(CHUNKED, body=b"d \r\n" + BODY + b"\r\n0\t\r\n\r\n") + GET,
    post(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n") + GET,
    post(CHUNKED, body=b"5\r\nhelloX\r\n0\r\n\r\n") + GET,
    post(CHUNKED, body=b"-1\r\n\r\n0\r\n\r\n") + GET,
    post(CHUNKED, body=b"1;\n\r\nx\r\n0\r\n\r\n") + GET,
    post(CHUNKED, body=b'1;a="b\r\n\r\nx"\r\n0\r\n\r\n') + GET,
    post(CHUNKED, body=b"0\r\nA: b\r\n c\r\n\r\n") + GET,
    post(CHUNKED, body=b"0\nA: b\n\n") + GET,
    post(CHUNKED, body=b"0\r\nA : b\r\n\r\n") + GET,
    b"\r\n\r\n" + GET,
    b"\n" + GET,
    request(b"GET /a#b HTTP/1.1", HOST),
    request(b"GET a/b HTTP/1.1", HOST),
    request(b"GET  / HTTP/1.1", HOST),
    request(b"GET / HTTP/1.1 ", HOST),
    request(b"GET\t/ HTTP/1.1", HOST),
    request(b"GET /a b HTTP/1.1", HOST),
    request(b"get / http/1.1", HOST),
    request(b"GET / HTTP/1.2", HOST),
    request(b"GET / HTTP/01.1", HOST),
    request(b"GET http://u@a.example/ HTTP/1.1", HOST),
    request(b"GET ftp://a.example/ HTTP/1.1", HOST),
    request(b"BREW /pot HTTP/1.1", HOST),
    request(LINE, b"Host:"),
    request(LINE, b"Host: a,b", b"X-Forwarded-Host: c"),
    request(LINE, HOST, b"Connection: close\r\n, keep-alive"),
    request(LINE, b" " + HOST),
    request(LINE, HOST, b"X"),
    request(LINE, HOST, b"X: \x01\x1f\x7f"),
)

SEEDS: Final = (*WIRE_CASES.values(), *_VALID, *_VALID, *_HOSTILE)

HEAD_BYTES: Final = 32 * 1024
CHUNK_LINE_BYTES: Final = 512
FRAMING_BYTES: Final = 16 * 1024
TRAILER_BYTES: Final = 8 * 1024
READ_AHEAD_BYTES: Final = 64 * 1024


def at_a_limit(random: Random) -> bytes:
    """A request of which one part is as long as it may be, or a few bytes off."""
    off = random.choice((-2, -1, 0, 0, 0, 1, 2, 3))
    match random.randrange(9):
        case 0:
            short = request(LINE, HOST, b"X: ")
            return request(LINE, HOST, b"X: " + b"a" * (HEAD_BYTES - len(short) + off)) + GET
        case 1:
            short = request(b"GET / HTTP/1.1", HOST)
            return request(b"GET /%b HTTP/1.1" % (b"a" * (HEAD_BYTES - len(short) + off)), HOST)
        case 2:
            line = b"1;" + b"a" * (CHUNK_LINE_BYTES - 2 + off)
            return post(CHUNKED, body=line + b"\r\nx\r\n0\r\n\r\n") + GET
        case 3:
            trailer = b"A:" + b"b" * (TRAILER_BYTES - 2 + off)
            return post(CHUNKED, body=CHUNKS + trailer + b"\r\n\r\n") + GET
        case 4:
            trailers = b"".join(b"A: %04d\r\n" % number for number in range(TRAILER_BYTES // 7))
            rest = b"B" * (TRAILER_BYTES % 7 + off) + b":\r\n"
            return post(CHUNKED, body=CHUNKS + trailers + rest + b"\r\n") + GET
        case 5:
            # Each chunk costs its line and 4 bytes of line ends, the last one 5 bytes.
            lines = [b"1;" + b"a" * (253 + off), *[b"1;" + b"a" * 254] * (FRAMING_BYTES // 260 - 1)]
            return post(CHUNKED, body=b"\r\nx\r\n".join(lines) + b"\r\nx\r\n0\r\n\r\n") + GET
        case 6:
            content = b"a" * (random.choice((1, 2)) * READ_AHEAD_BYTES + off)
            if random.random() < 0.5:
                return post(b"Content-Length: %d" % len(content), body=content) + GET
            chunk = b"%x\r\n%b\r\n" % (len(content), content)
            return post(CHUNKED, body=chunk + b"0\r\n\r\n") + GET
        case 7:
            digits = b"0" * random.choice((11, 12, 13, 18, 19, 20, 25)) + b"5"
            return post(CHUNKED, body=digits + b"\r\nhello\r\n0\r\n\r\n") + GET
        case _:
            digits = b"0" * random.choice((16, 17, 18, 19)) + b"13"
            return post(b"Content-Length: " + digits) + GET
