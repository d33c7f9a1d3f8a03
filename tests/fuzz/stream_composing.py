"""Requests put together from parts, most of them valid, for what no fixed seed has."""

from random import Random
from typing import Final

from tests.fuzz.stream_seeds import CHUNKED, GET, HANDSHAKE, HOST, request

METHODS: Final = (b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"PATCH", b"QUERY")
TARGETS: Final = (
    *(
        b"/",
        b"/a/b?c=d",
        b"//",
        b"/%2e%2e/",
        b"/?",
        b"*",
        b"http://a.example",
        b"HTTP://[::1]:80?q",
    ),
    *(b"https://a.example:443/x?y=http://b/", b"/a;b=c", b'/"<>^`{|}~', b"/a:b@c", b"a.example:80"),
)
FIELDS: Final = (
    *(
        b"Accept: */*",
        b"X:",
        b"X: \t y \t",
        b"X:y",
        b"x-y_z.~!#$%&'*+^`|: 0",
        b"X: a  \tb",
        b"X: \xff",
    ),
    *(
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: ,Close ,",
        b"Connection:\tclose\t",
    ),
    *(b"Connection: closed", b"Expect: 100-continue", b"Expect: 100-CONTINUE", b"Upgrade: h2c"),
    *(b"Connection: Upgrade", b"Trailer: A", b"TE: trailers", b"Via: 1.1 a"),
)
EXTENSIONS: Final = (
    *(b"", b"", b"", b";a", b";a=b;c", b';a="b;c"', b' ; a = "\\"\\\\"', b"\t;\ta", b';a="\t\xff"'),
    *(b";", b";=", b" ", b";a b", b';a="', b";a=\x01", b";a=b ", b';a="b"c', b";a\r", b";\xff"),
)
TRAILERS: Final = (
    *(b"", b"", b"A: b\r\n", b"A:\r\nB: \xff\r\n", b"Content-Length: 5\r\n", b"A: b\t \r\n"),
    *(b"Transfer-Encoding: gzip\r\nA: b\r\n", b"Content-Length: 1, 2\r\n", b" A: b\r\n", b"A\r\n"),
    *(
        b"Content-Length: 5\r\n 6\r\n",
        b"A: b\r\n\tc\r\n",
        b"A: \x7f\r\n",
        b"A: b\nB: c\r\n",
        b":\r\n",
    ),
)
CONTENT: Final = (
    GET,
    b"\r\n",
    b"0\r\n\r\n",
    b"\n\n",
    b"\x00\xff",
    b"{}",
    b"abc",
    b"\r\n\r\n" + GET,
)
_MANY: Final = 0.01


def composed(random: Random) -> bytes:
    """One to four requests, and now and then more than the server reads ahead."""
    requests = 40 if random.random() < _MANY else random.choice((1, 1, 2, 2, 3, 4))
    return b"".join(_request(random) for _ in range(requests))


def _request(random: Random) -> bytes:
    version = b"1.0" if random.random() < 0.05 else b"1.1"
    target = random.choice(TARGETS) if random.random() < 0.3 else b"/"
    fields = [HOST, *random.sample(FIELDS, random.choice((0, 0, 1, 2, 4)))]
    if random.random() < 0.04:
        fields += HANDSHAKE
    content = b"".join(random.choices(CONTENT, k=random.choice((0, 1, 1, 3))))
    framing = random.random()
    if framing < 0.3:
        fields.append(b"Content-Length: %d" % len(content))
    elif framing < 0.7:
        fields.append(CHUNKED)
        content = _chunked(random, content)
    else:
        content = b""
    random.shuffle(fields)
    line = b"%b %b HTTP/%b" % (random.choice(METHODS), target, version)
    empty_line = b"\r\n" if random.random() < 0.05 else b""
    return empty_line + request(line, *fields, body=content)


def _chunked(random: Random, content: bytes) -> bytes:
    """The content in chunks, each with an extension, and trailers."""
    odd = random.random() < 0.4
    extensions, trailers = (EXTENSIONS, TRAILERS) if odd else (EXTENSIONS[:3], TRAILERS[:4])
    chunks = []
    while content:
        size = random.choice((1, 2, 3, 11, 40))
        chunk, content = content[:size], content[size:]
        digits = random.choice((b"%x", b"%X", b"%03x", b"%025x" if odd else b"%x")) % len(chunk)
        chunks.append(b"%b%b\r\n%b\r\n" % (digits, random.choice(extensions), chunk))
    last = random.choice((b"0", b"0", b"000", b"0" * 25 if odd else b"0"))
    ending = b"%b%b\r\n%b\r\n" % (last, random.choice(extensions), random.choice(trailers))
    return b"".join(chunks) + ending
