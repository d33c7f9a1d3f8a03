"""On a real socket: requests that never arrive, heads that never end, answers as bytes."""

import asyncio
from base64 import b64encode
from typing import Final

import pytest

from satmint.http import guard
from tests.kit.listening import listening, spoken
from tests.kit.service import REFRESH, Server

LAST: Final = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def post(server: Server, *headers: bytes) -> bytes:
    """The head of a refresh request that is let in."""
    secret = b64encode(f"{server.tenant.id}:{server.tenant.api_token}".encode())
    lines = [b"POST " + REFRESH.encode() + b" HTTP/1.1", b"host: x"]
    return b"\r\n".join([*lines, b"authorization: Basic " + secret, *headers, b"", b""])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request has a moment to arrive, not ten seconds."""
    monkeypatch.setattr(guard, "ARRIVAL_SECONDS", 0.25)


async def test_answers_end_to_end(server: Server) -> None:
    async with listening(server.app) as port:
        answer = await spoken(port, LAST)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b'{"status":"ok"}'
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert {b"date", b"x-request-id", b"content-length", b"content-type"} <= names
    assert b"server" not in names


@pytest.mark.usefixtures("impatient")
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
    async with listening(server.app) as port:
        answer = await spoken(port, post(server, *headers) + body)
    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in head
    assert b"\r\nx-request-id: " in head
    assert b"\r\naccess-control-allow-origin: *" in head
    assert said == b'{"error":"Request Timeout"}'
    assert await server.rows() == before


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("pieces", [b"", b"GET /livez", b"GET /livez HTTP/1.1\r\nhost: x\r\n"])
async def test_head_that_never_ends_is_hung_up_on(server: Server, pieces: bytes) -> None:
    async with listening(server.app) as port:
        assert await spoken(port, pieces) == b""


@pytest.mark.usefixtures("impatient")
async def test_second_head_that_never_ends_is_hung_up_on_too(server: Server) -> None:
    first = LAST.replace(b"connection: close\r\n", b"")
    async with listening(server.app) as port:
        for rest in (b"GET /livez HTTP/1.1\r\nx: ", b"G"):
            answer = await spoken(port, first + rest)
            assert (answer.count(b"HTTP/1.1"), answer.startswith(b"HTTP/1.1 200 OK")) == (1, True)


@pytest.mark.usefixtures("impatient")
async def test_body_that_nobody_waits_for_holds_no_connection(server: Server) -> None:
    """Who is not let in is told at once, and cannot stay by promising a body."""
    head = b"POST " + REFRESH.encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
    async with listening(server.app) as port:
        answer = await spoken(port, head)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_head_that_is_too_large_is_a_431(server: Server) -> None:
    filler = b"x-filler: " + b"x" * (guard.HEAD_LIMIT + 100)
    for request in (post(server, filler), post(server, filler)[:-2]):
        async with listening(server.app) as port:
            answer = await spoken(port, request)
        head, _, said = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 ")
        assert b"\r\nx-request-id: " in head
        assert said == b'{"error":"Request Header Fields Too Large"}'


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


async def test_what_is_no_http_is_a_400(server: Server) -> None:
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
