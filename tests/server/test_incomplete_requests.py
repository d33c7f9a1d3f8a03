"""On a real socket: requests that never arrive, heads that never end, answers as bytes."""

import asyncio
from base64 import b64encode
from typing import Final

import pytest

from satmint.server import ConnectionLimits, ServerOptions
from satmint.server.requests import HEAD_LIMIT
from tests.kit.listening import listening, spoken
from tests.kit.service import REFRESH, Server

LAST: Final = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def post(server: Server, *headers: bytes) -> bytes:
    """The head of a refresh request that is let in."""
    secret = b64encode(f"{server.tenant.id}:{server.tenant.api_token}".encode())
    lines = [b"POST " + REFRESH.encode() + b" HTTP/1.1", b"host: x"]
    return b"\r\n".join([*lines, b"authorization: Basic " + secret, *headers, b"", b""])


IMPATIENT: Final = ServerOptions(limits=ConnectionLimits(arrival_seconds=0.25))
"""A request has a moment to arrive, not ten seconds."""


async def test_answers_end_to_end(server: Server) -> None:
    async with listening(server.app) as port:
        answer = await spoken(port, LAST)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b'{"status":"ok"}'
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert {b"date", b"x-request-id", b"content-length", b"content-type"} <= names
    assert b"server" not in names


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((b"content-length: 100",), b""),
        ((b"content-length: 100",), b'{"refresh_token":'),
        ((b"transfer-encoding: chunked",), b""),
        ((b"transfer-encoding: chunked",), b'5\r\n{"ref\r\n'),
    ],
)
async def test_body_that_never_comes_is_a_408(
    server: Server, headers: tuple[bytes, ...], body: bytes
) -> None:
    before = await server.rows()
    async with listening(server.app, IMPATIENT) as port:
        answer = await spoken(port, post(server, *headers) + body)
    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in head
    assert b"\r\nx-request-id: " in head
    assert b"\r\naccess-control-allow-origin: *" in head
    assert said == b'{"error":"Request Timeout"}'
    assert await server.rows() == before


@pytest.mark.parametrize("piece", [b"GET /livez", b"GET /livez HTTP/1.1\r\nhost: x\r\n"])
async def test_head_that_never_ends_is_a_408(server: Server, piece: bytes) -> None:
    async with listening(server.app, IMPATIENT) as port:
        assert (await spoken(port, piece)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_connection_on_which_nothing_is_asked_is_closed_without_a_word(
    server: Server,
) -> None:
    async with listening(server.app, IMPATIENT) as port:
        assert await spoken(port) == b""


@pytest.mark.parametrize("rest", [b"GET /livez HTTP/1.1\r\nx: ", b"G"])
async def test_second_head_that_never_ends_is_a_408_too(server: Server, rest: bytes) -> None:
    """It comes in one packet with the first one."""
    first = LAST.replace(b"connection: close\r\n", b"")
    async with listening(server.app, IMPATIENT) as port:
        answers = await spoken(port, first + rest)
    assert [answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"]


@pytest.mark.parametrize("rest", [b"GET /livez HTTP/1.1\r\nx: ", b"G"])
async def test_second_head_that_comes_later_and_never_ends_is_a_408_too(
    server: Server, rest: bytes
) -> None:
    """It comes on a connection that has been idle since the first answer."""
    first = LAST.replace(b"connection: close\r\n", b"")
    async with listening(server.app, IMPATIENT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        await reader.readuntil(b'"ok"}')
        writer.write(rest)
        async with asyncio.timeout(30):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()


async def test_body_that_nobody_waits_for_holds_no_connection(server: Server) -> None:
    """Who is not let in is told at once, and cannot stay by promising a body."""
    head = b"POST " + REFRESH.encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
    async with listening(server.app, IMPATIENT) as port:
        answer = await spoken(port, head)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.count(b"HTTP/1.1") == 1


def padded(size: int) -> bytes:
    """A request whose head has so many bytes."""
    filled = LAST.replace(b"\r\n\r\n", b"\r\nx: %b\r\n\r\n")
    return filled % (b"x" * (size - len(filled % b"")))


@pytest.mark.parametrize("size", [HEAD_LIMIT + 1, 40 * 1024])
@pytest.mark.parametrize("piece", [1024, 40 * 1024], ids=["pieces of 1 KiB", "at once"])
@pytest.mark.parametrize("ends", [True, False], ids=["ends", "goes on"])
async def test_head_that_is_too_large_is_a_431(
    server: Server, size: int, piece: int, ends: bool
) -> None:
    raw = padded(size) if ends else padded(size)[:-4] + b"xxxx"
    pieces = [raw[start : start + piece] for start in range(0, size, piece)]
    async with listening(server.app) as port:
        answer = await spoken(port, *pieces)
    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"\r\nx-request-id: " in head
    assert said == b'{"error":"Request Header Fields Too Large"}'


async def test_head_as_large_as_it_may_be_is_answered(server: Server) -> None:
    raw = padded(HEAD_LIMIT)
    pieces = [raw[start : start + 1024] for start in range(0, HEAD_LIMIT, 1024)]
    async with listening(server.app) as port:
        assert (await spoken(port, *pieces)).startswith(b"HTTP/1.1 200 ")


async def test_body_beyond_the_limit_is_a_413_and_the_connection_ends(server: Server) -> None:
    async with listening(server.app) as port:
        answer = await spoken(port, post(server, b"content-length: 70000"))
        assert answer.startswith(b"HTTP/1.1 413 ")
        # Who waits to be told to go on is told not to (RFC 9110, section 10.1.1).
        waiting = post(server, b"content-length: 70000", b"expect: 100-continue")
        assert (await spoken(port, waiting)).startswith(b"HTTP/1.1 413 ")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        answer = await spoken(port, post(server, b"transfer-encoding: chunked"), *[chunk] * 3)
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_client_that_waits_to_be_told_to_go_on_is_told_so(server: Server) -> None:
    head = post(server, b"content-length: 2", b"expect: 100-continue", b"connection: close")
    async with listening(server.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert (await reader.read()).startswith(b"HTTP/1.1 422 ")
        writer.close()
        await writer.wait_closed()


async def test_bytes_that_are_not_http_are_a_400(server: Server) -> None:
    async with listening(server.app) as port:
        for nonsense in (b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            assert (await spoken(port, nonsense)).startswith(b"HTTP/1.1 400 ")


async def test_one_connection_carries_many_requests(server: Server) -> None:
    one = LAST.replace(b"connection: close\r\n", b"")
    async with listening(server.app) as port:
        answer = await spoken(port, one * 5 + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 6


async def test_slow_client_does_not_hold_up_the_others(server: Server) -> None:
    async with listening(server.app) as port:
        slow = [asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        connections = await asyncio.gather(*slow)
        for _, writer in connections:
            writer.write(post(server, b"content-length: 100"))
        assert (await spoken(port, LAST)).startswith(b"HTTP/1.1 200 OK")
        for _, writer in connections:
            writer.close()
            await writer.wait_closed()


H2C: Final = (
    b"connection: upgrade, http2-settings",
    b"upgrade: h2c",
    b"http2-settings: AAMAAABkAARAAAAAAAIAAAAA",
)
"""What a JDK's client sends along with every request over http."""
HIDDEN: Final = b"\r\n" * 20 + b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("turns", [0, 50], ids=["at once", "later"])
async def test_body_of_a_request_with_an_upgrade_is_never_the_next_request(
    server: Server, framing: str, turns: int
) -> None:
    """Behind a proxy, the next answer on the connection would be somebody else's."""
    if framing == "length":
        head, body = post(server, *H2C, b"content-length: %d" % len(HIDDEN)), HIDDEN
    else:
        head = post(server, *H2C, b"transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    async with listening(server.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        for _ in range(turns):
            await asyncio.sleep(0)
        writer.write(body)
        for _ in range(turns):
            await asyncio.sleep(0)
        writer.write(LAST)
        answers = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert [answer[:4] for answer in answers.split(b"HTTP/1.1 ")[1:]] == [b"422 ", b"200 "]
    assert b"openapi" not in answers


async def test_request_with_an_upgrade_is_answered_by_what_its_body_says(server: Server) -> None:
    body = b'{"refresh_token":"x"}'
    head = post(server, *H2C, b"content-length: %d" % len(body), b"connection: close")
    async with listening(server.app) as port:
        answer = await spoken(port, head + body)
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b"invalid_token_format" in answer


async def test_trailer_authenticates_nobody(server: Server) -> None:
    whole = post(server, b"transfer-encoding: chunked")
    credential = next(line for line in whole.split(b"\r\n") if line.startswith(b"authorization"))
    head = whole.replace(credential + b"\r\n", b"")
    body = b'15\r\n{"refresh_token":"x"}\r\n0\r\n' + credential + b"\r\n\r\n"
    async with listening(server.app) as port:
        answers = await spoken(port, head + body + LAST)
    assert [answer[:4] for answer in answers.split(b"HTTP/1.1 ")[1:]] == [b"401 ", b"200 "]
