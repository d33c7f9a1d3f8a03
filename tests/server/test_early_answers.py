"""Answers that are written before their requests have come: 401, 413, 100, and broken bodies."""

import asyncio
import socket
import struct
from typing import Final

import pytest
from structlog.testing import capture_logs

from satmint.server import ConnectionLimits, listening
from tests.kit.polling import until
from tests.server.request_heads import get, post
from tests.server.running_server import BOTH_LOOPS, LARGE, SCHEMES, Client, read_answers, served

pytestmark = BOTH_LOOPS

CHUNKED: Final = b"transfer-encoding: chunked"
EXPECT: Final = b"expect: 100-continue"
HIDDEN: Final = get(path=b"/hidden") * 3
BODIES: Final = {
    "length": (b"content-length: %d" % len(HIDDEN), HIDDEN),
    "chunked": (CHUNKED, b"%x\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(HIDDEN), HIDDEN)),
    "large": (b"content-length: 200000", b"x" * 200_000),
}
"""What looks like requests is none."""


async def statuses(client: Client, count: int) -> list[int]:
    return [(await client.answer()).status for _ in range(count)]


@SCHEMES
@pytest.mark.parametrize("name", list(BODIES))
async def test_request_behind_one_that_was_answered_early_is_answered_rightly(
    tls: bool, name: str
) -> None:
    framing, body = BODIES[name]
    async with served(tls=tls) as site, site.client() as client:
        for cut in (0, 1, len(body) - 1):
            client.send(post(framing, path=b"/early") + body[:cut])
            assert (await client.answer()).status == 401
            client.send(body[cut:] + get(path=b"/next"))
            assert (await client.answer()).body == b"ok"
        client.send(post(framing, path=b"/early"), body, get(path=b"/next"))
        assert await statuses(client, 2) == [401, 200]
        assert site.app.paths == ["/early", "/next"] * 4


async def test_body_of_a_request_that_was_answered_early_has_to_come_in_time() -> None:
    limits = ConnectionLimits(arrival_seconds=10)
    async with served(limits=limits) as site, site.client() as client:
        assert (await client.ask(get())).status == 200
        site.pass_seconds(60)
        client.send(post(b"content-length: 5", path=b"/early") + b"x")
        assert (await client.answer()).status == 401
        site.pass_seconds(9)
        assert site.server.connections == 1
        site.pass_seconds(1)
        assert await client.rest() == b""


async def test_client_that_resets_its_connection_ends_no_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else deadlines would be enforced for nobody from then on."""
    monkeypatch.setattr(listening, "SWEEP_SECONDS", 3600.0)
    loop = asyncio.get_running_loop()
    async with served(limits=ConnectionLimits(arrival_seconds=10)) as site:
        client = socket.create_connection(("127.0.0.1", site.port))
        client.setblocking(False)
        await loop.sock_sendall(client, post(b"content-length: 5", path=b"/early") + b"x")
        assert (await loop.sock_recv(client, 100)).startswith(b"HTTP/1.1 401 ")
        await asyncio.sleep(0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        site.pass_seconds(10)  # the event loop has not told the server yet
        await site.has(0)


@pytest.mark.parametrize("framing", [b"content-length: 10000000", CHUNKED])
async def test_large_body_of_a_request_that_was_answered_early_is_not_read(framing: bytes) -> None:
    limits = ConnectionLimits(arrival_seconds=1000)
    async with served(limits=limits) as site, site.client() as client:
        client.send(post(framing, path=b"/early"))
        assert (await client.answer()).status == 401
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(10):
            client.send(chunk)
        assert await client.rest() == b""


@SCHEMES
async def test_client_that_still_sends_reads_its_413(tls: bool) -> None:
    async with served(tls=tls) as site, site.client() as client:
        client.send(post(b"content-length: 100000000", path=b"/refused"))
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (413, "close")
        for _ in range(30):
            client.send(b"x" * 10_000)
            await asyncio.sleep(0)
        client.abort()
        await site.has(0)


async def test_client_that_sends_before_it_reads_reads_its_413() -> None:
    async with served() as site, site.client() as client:
        client.stop_reading()
        client.send(post(b"content-length: 100000000", path=b"/refused"))
        await until(lambda: site.app.scopes)
        client.send(b"x" * 5_000_000)
        async with asyncio.timeout(10):
            await client.writer.drain()
        client.read_on()
        assert [answer.status for answer in read_answers(await client.rest())] == [413]


async def test_client_that_sends_on_behind_its_413_is_cut_off() -> None:
    async with served(limits=ConnectionLimits(closing_seconds=2)) as site, site.client() as client:
        client.send(post(b"content-length: 100000000", path=b"/refused") + b"x")
        assert (await client.answer()).status == 413
        await until(lambda: site.table.closing)
        site.pass_seconds(1.9)
        assert site.server.connections == 1
        site.pass_seconds(0.1)
        await site.has(0)


@SCHEMES
@pytest.mark.parametrize(
    ("framing", "body"), [(b"content-length: 5", b"hello"), (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")]
)
async def test_client_that_waits_for_100_gets_it_once(
    tls: bool, framing: bytes, body: bytes
) -> None:
    async with served(tls=tls) as site, site.client() as client:
        for _ in range(2):
            client.send(post(EXPECT, framing, path=b"/content"))
            assert (await client.answer()).status == 100
            client.send(body[:2])
            await asyncio.sleep(0)
            client.send(body[2:])
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"hello")
            assert "connection" not in answer.fields


async def test_client_that_has_sent_its_body_gets_no_100() -> None:
    async with served() as site, site.client() as client:
        client.send(post(EXPECT, b"content-length: 5", path=b"/content") + b"hello")
        assert (await client.answer()).body == b"hello"
        client.send(post(EXPECT, b"content-length: 0", path=b"/content"))
        assert (await client.answer()).body == b""


async def test_client_of_http_1_0_gets_no_100() -> None:
    async with served() as site, site.client() as client:
        client.send(post(EXPECT, b"content-length: 5", path=b"/content", version=b"1.0"))
        await until(lambda: site.app.scopes)
        client.send(b"hello")
        (answer,) = read_answers(await client.rest())
        assert answer.body == b"hello"


@SCHEMES
async def test_client_that_waits_for_100_and_is_refused_gets_the_last_answer(tls: bool) -> None:
    """It may send its body or not: what follows could be a body, or a request."""
    async with served(tls=tls) as site, site.client() as client:
        client.send(post(EXPECT, b"content-length: %d" % len(HIDDEN), path=b"/early"))
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (401, "close")
        client.send(HIDDEN)
        assert await client.rest() == b""
        assert site.app.paths == ["/early"]


@pytest.mark.parametrize(
    "broken", [b"x\r\n", b"1\r\nab\r\n", b"0\n\n", b"5\r\nhello\r\n0\r\n \r\n"]
)
async def test_body_that_breaks_its_framing_after_the_answer_gets_no_second_answer(
    broken: bytes,
) -> None:
    async with served() as site, site.client() as client:
        client.send(post(CHUNKED, path=b"/early"))
        assert (await client.answer()).status == 401
        with capture_logs() as lines:
            client.send(broken + get(path=b"/next"))
            assert await client.rest() == b""
        assert [(line["event"], line["status"]) for line in lines] == [("request_refused", 400)]
        assert site.app.paths == ["/early"]


async def test_body_that_breaks_its_framing_before_the_answer_is_a_400() -> None:
    async with served() as site, site.client() as client:
        client.send(post(CHUNKED, path=b"/content") + b"5\r\nhel")
        await until(lambda: site.app.scopes)
        client.send(b"loX\r\n")
        (answer,) = read_answers(await client.rest())
        assert answer.status == 400
        await until(lambda: site.app.disconnects == 1)


@SCHEMES
@pytest.mark.parametrize("late", [True, False], ids=["late", "broken"])
async def test_answer_that_is_being_written_is_the_only_one(tls: bool, late: bool) -> None:
    """Whatever becomes of the request's body, nothing else is written into the answer."""
    limits = ConnectionLimits(arrival_seconds=10, stall_seconds=60)
    async with served(tls=tls, limits=limits) as site, site.client() as client:
        client.stop_reading()
        client.send(post(CHUNKED, path=b"/bytes/%d" % LARGE) + b"5\r\nhel")
        await until(lambda: site.table._unsent)
        if late:
            site.pass_seconds(10)
        else:
            client.send(b"loX\r\n")
            await until(lambda: not site.connection._reader.buffered)
        await asyncio.sleep(0)
        client.read_on()
        with capture_logs() as lines:
            received = await client.rest()
            await until(lambda: not site.server._contexts[0].tasks)
        assert [line for line in lines if line["log_level"] == "error"] == []
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body.strip(b"\0") == b""


@pytest.mark.parametrize("fields", [[], [b"connection: keep-alive"], [b"connection: close"]])
async def test_connection_of_http_1_0_ends_with_its_answer(fields: list[bytes]) -> None:
    async with served() as site, site.client() as client:
        client.send(get(*fields, version=b"1.0") + get())
        (answer,) = read_answers(await client.rest())
        assert (answer.body, answer.fields["connection"]) == (b"ok", "close")
        assert len(site.app.scopes) == 1


async def test_connection_ends_with_the_answer_to_close() -> None:
    async with served() as site, site.client() as client:
        client.send(get() + get(b"connection: close") + get())
        first, second = read_answers(await client.rest())
        assert "connection" not in first.fields
        assert second.fields["connection"] == "close"
        assert len(site.app.scopes) == 2


@pytest.mark.parametrize("path", [b"/", b"/held", b"/content"])
async def test_client_that_ends_its_half_is_answered(path: bytes) -> None:
    async with served() as site, site.client() as client:
        client.send(post(b"content-length: 2", path=path) + b"ok", get(path=path))
        client.writer.write_eof()
        await until(lambda: site.app.scopes)
        await until(lambda: site.server.connections == 0 or site.connection._peer_closed)
        site.app.released.set()
        answers = read_answers(await client.rest())
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[-1].fields["connection"] == "close"
        await site.has(0)


@pytest.mark.parametrize("behind", [b"", get()], ids=["nothing", "request"])
async def test_client_that_ends_its_half_while_it_is_answered_reads_its_answer(
    behind: bytes,
) -> None:
    async with served() as site, site.client() as client:
        client.stop_reading()
        client.send(get(path=b"/bytes/%d" % LARGE) + behind)
        await until(lambda: site.table._unsent)
        client.writer.write_eof()
        await until(lambda: site.connection._peer_closed)
        client.read_on()
        sizes = [len(answer.body) for answer in read_answers(await client.rest())]
        assert sizes == ([LARGE, 2] if behind else [LARGE])
        await site.has(0)


async def test_client_that_ends_its_half_within_a_request_is_not_waited_for() -> None:
    for part in (post(b"content-length: 5", path=b"/content") + b"he", get()[:-2]):
        async with served() as site, site.client() as client:
            client.send(part)
            client.writer.write_eof()
            assert await client.rest() == b""
            assert site.app.disconnects == len(site.app.scopes)


async def test_tls_client_that_ends_its_half_leaves_no_connection() -> None:
    """TLS layers of event loops close both halves (RFC 8446, section 6.1, would not)."""
    async with served(tls=True) as site, site.client() as client:
        with capture_logs() as lines:
            client.send(get(path=b"/held"))
            await until(lambda: site.app.scopes)
            client.writer.close()
            await site.has(0)
            site.app.released.set()
            await until(lambda: not site.server._contexts[0].tasks)
        assert lines == []


async def test_end_of_the_answer_is_sent_at_once_while_unread_bytes_are_drained() -> None:
    """RFC 9112, section 9.6: the server closes its half first."""
    async with served(limits=ConnectionLimits(closing_seconds=1000)) as site:
        client = await site.connect()
        client.send(b"nonsense\r\n\r\nmore")
        async with asyncio.timeout(10):
            (answer,) = read_answers(await client.rest())
        assert answer.status == 400
        assert site.server.connections == 1
        client.send(b"and more")
        client.writer.write_eof()
        await site.has(0)
