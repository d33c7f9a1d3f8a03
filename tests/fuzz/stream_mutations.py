"""Mutations of a stream of bytes that was HTTP/1.1, and its way into segments."""

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Final

from tests.fuzz.stream_composing import composed
from tests.fuzz.stream_seeds import CHUNKED, GET, LENGTH, SEEDS, UPGRADE, at_a_limit

TOKENS: Final = (
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\r\n", b"\x00", b"\t", b" ", b"  ", b"\x0b"),
    *(b"\x0c", b"\x1f", b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xff", b":", b": ", b";", b",", b"="),
    *(b'"', b"\\", b"#", b"?", b"%", b"/", b"//", b"*", b"@", b"[", b"]", b"+", b"-", b"_", b"0"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b" HTTP/1.2", b"HTTP/0.9", b"http/1.1", b"HTTP/1.10"),
    *(
        b"\r\n ",
        b"\r\n\t",
        b"0\r\n\r\n",
        b"1\r\nx\r\n",
        b"5;a=b\r\n",
        b"\r\n0\r\n",
        b"ffffffff\r\n",
    ),
    *(b"chunked", b", chunked", b"gzip, ", b"close", b", close", b"upgrade", b"websocket", b"h2c"),
    *(b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI", b"http://a", b"https://b:1/", GET),
)
FIELDS: Final = (
    *(CHUNKED, CHUNKED, LENGTH, LENGTH, UPGRADE, b"Connection: close", b"Connection: keep-alive"),
    *(b"Transfer-Encoding: gzip", b"Transfer-Encoding: identity", b"Transfer-Encoding: xchunked"),
    *(b"Transfer-Encoding:", b"Transfer-Encoding : chunked", b"TRANSFER-ENCODING:CHUNKED"),
    *(b"Content-Length: 0", b"Content-Length: 5", b"Content-Length:", b"Content-Length: 1e1"),
    *(b"Content-Length: 18446744073709551616", b"Content-Length: 13,13", b"Content-Length : 3"),
    *(b"Upgrade: h2c", b"Upgrade: websocket", b"Upgrade: foo, websocket", b"Connection: , Upgrade"),
    *(b"Host: b", b"Host:", b"Host: a/b", b"Expect: 100-continue", b"Expect: 200-ok", b"X: y"),
    *(b"Authorization: Basic YTpi", b"Authorization: Bearer a", b"Expect: a, 100-continue"),
    *(b" folded", b"\tfolded", b": no-name", b"no-colon", b"X: a\x01b", b"X: \xff", b"", b"\r"),
)
NUMBERS: Final = (
    *(b"0", b"1", b"2", b"9", b"00", b"-1", b"+1", b"0x1", b"1_0", b" 1", b"4294967295"),
    *(b"4294967296", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615"),
    *(b"1" + b"0" * 30, b"f", b"ff", b"FFFFFFFF", b"1FFFFFFFF", b"0" * 21 + b"d", b"\xb2", b""),
)
LINE_ENDS: Final = (b"\n", b"\r", b"\r\r\n", b"\n\r", b"", b" \r\n", b"\r\n\r\n", b"\x00\r\n")
_NUMBER: Final = re.compile(rb"[0-9]+")
_AT_A_LIMIT: Final = 0.004
_COMPOSED: Final = 0.4
"""Shares of streams that begin with something else than a fixed seed."""
_ENORMOUS: Final = 2000
"""Bytes of a stream that is rarely split into single ones."""

Mutator = Callable[[Random, bytes], bytes]


def _flip(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _delete(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.choice((1, 1, 1, 2, 4, 30)) :]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _replace(random: Random, data: bytes) -> bytes:
    token, at = random.choice(TOKENS), random.randrange(len(data))
    return data[:at] + token + data[at + len(token) :]


def _line_end(random: Random, data: bytes) -> bytes:
    ends = [match.start() for match in re.finditer(rb"\r\n", data)]
    if not ends:
        return data + b"\r\n"
    at = random.choice(ends)
    return data[:at] + random.choice(LINE_ENDS) + data[at + 2 :]


def _number(random: Random, data: bytes) -> bytes:
    numbers = list(_NUMBER.finditer(data))
    if not numbers:
        return data
    found = random.choice(numbers)
    near = b"%d" % max(0, int(found[0][:30]) + random.choice((-1, 1, 2, 10)))
    number = near if random.random() < 0.4 else random.choice(NUMBERS)
    return data[: found.start()] + number + data[found.end() :]


def _field(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(min(len(lines), 8)) + 1, random.choice(FIELDS))
    return b"\r\n".join(lines)


def _duplicate_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(len(lines) + 1), random.choice(lines))
    return b"\r\n".join(lines)


def _delete_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines)


def _exchange_lines(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def _case(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    at = random.randrange(len(lines))
    lines[at] = random.choice((bytes.lower, bytes.upper, bytes.swapcase))(lines[at])
    return b"\r\n".join(lines)


def _repeat(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return (
        data[:at] + data[at : at + random.randrange(1, 40)] * random.choice((1, 2, 20)) + data[at:]
    )


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data)) + 1]


def _splice(random: Random, data: bytes) -> bytes:
    other = random.choice(SEEDS)
    if random.random() < 0.5:
        return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other)) :]
    lines, others = data.split(b"\r\n"), other.split(b"\r\n")
    kept, added = lines[: random.randrange(len(lines)) + 1], others[random.randrange(len(others)) :]
    return b"\r\n".join(kept + added)


def _pipeline(random: Random, data: bytes) -> bytes:
    other = random.choice(SEEDS)
    return data + other if random.random() < 0.5 else other + data


MUTATORS: Final[tuple[Mutator, ...]] = (
    *(_flip, _flip, _delete, _insert, _insert, _insert, _replace, _line_end, _line_end, _number),
    *(_number, _field, _field, _field, _duplicate_line, _delete_line, _exchange_lines, _case),
    *(_repeat, _truncate, _splice, _pipeline, _pipeline),
)


def make_stream(random: Random) -> bytes:
    """What one connection sends: requests after some mutations, at times after none."""
    kind, mutations = random.random(), random.choice((0, 1, 1, 1, 1, 1, 2, 2, 3, 5))
    if kind < _AT_A_LIMIT:
        data, mutations = at_a_limit(random), random.choice((0, 0, 0, 1))
    elif kind < _COMPOSED:
        data = composed(random)
    else:
        data = random.choice(SEEDS)
    for _ in range(mutations):
        data = random.choice(MUTATORS)(random, data) or b"\r"
    return data


def split(random: Random, data: bytes, pieces: int | None = None) -> list[bytes]:
    """The same bytes in segments: at any place, close to line ends, or each by itself.

    Args:
        random: Chooses.
        data: What is split.
        pieces: The most segments; None: as many as there are bytes.
    """
    way = random.random()
    if pieces is None and way < (0.15 if len(data) < _ENORMOUS else 0.05):
        return [data[at : at + 1] for at in range(len(data))]
    ends = [match.start() for match in re.finditer(rb"[\r\n]", data)]
    cuts = {0, len(data)}
    for _ in range(min(random.choice((1, 2, 3, 8)), (pieces or 9) - 1)):
        if ends and way < 0.6:
            cuts.add(min(random.choice(ends) + random.randrange(3), len(data)))
        else:
            cuts.add(random.randrange(len(data) + 1))
    return [data[begin:end] for begin, end in pairwise(sorted(cuts))]


def shown(segments: list[bytes]) -> str:
    """For people: the bytes, and where they are cut."""
    if len(segments) > 1 and all(len(segment) == 1 for segment in segments):
        return f"{b''.join(segments)!r} in single bytes"
    return f"{segments!r}"
