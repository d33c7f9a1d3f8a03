"""Clients that pipeline, that read slowly, and that do not read: what they hold, and how long."""

import asyncio
from functools import partial
from typing import Final

import pytest

from satmint.server import ConnectionLimits, exchange
from tests.kit.polling import until
from tests.server.request_heads import get, post
from tests.server.running_server import (
    BOTH_LOOPS,
    BUFFERED,
    LARGE,
    MIB,
    SCHEMES,
    Client,
    Served,
    read_answers,
    served,
)

pytestmark = BOTH_LOOPS

PIECE: Final = MIB // 2
ONE_ANSWER: Final = 200_000
MOST_READ_AHEAD: Final = MIB
"""Pieces that arrive at once are read whole; there are few of them."""
LIMITS: Final = ConnectionLimits(keep_alive_seconds=75, stall_seconds=20, closing_seconds=2)


async def turns(count: int = 20) -> None:
    """Let the event loop do what there is to do."""
    for _ in range(count):
        await asyncio.sleep(0)


async def read_some(client: Client, size: int) -> bytes:
    """So many bytes, or fewer where the server closes."""
    try:
        async with asyncio.timeout(20):
            return await client.reader.readexactly(size)
    except asyncio.IncompleteReadError as end:
        return end.partial


@SCHEMES
@pytest.mark.parametrize("pieces", [1, 100], ids=["at once", "one by one"])
async def test_pipelined_requests_are_answered_in_order(tls: bool, pieces: int) -> None:
    requests = [get(path=b"/bytes/%d" % size) for size in range(100)]
    async with served(tls=tls) as site, site.client() as client:
        if pieces == 1:
            client.send(b"".join(requests))
        else:
            for request in requests:
                client.send(request)
                await asyncio.sleep(0)
        assert [len((await client.answer()).body) for _ in requests] == list(range(100))
        assert site.app.paths == [f"/bytes/{size}" for size in range(100)]


async def test_second_request_is_not_begun_before_the_first_is_answered() -> None:
    async with served() as site, site.client() as client:
        client.send(get(path=b"/held") + get() * 9)
        await until(lambda: site.app.scopes)
        await turns()
        assert site.app.paths == ["/held"]
        site.app.released.set()
        assert [(await client.answer()).body for _ in range(10)] == [b"ok"] * 10


async def held_by(site: Served, client: Client, request: bytes, count: int) -> tuple[int, int]:
    """Have `client` pipeline; returns the most bytes that the server held: answers, requests."""
    unsent = read_ahead = 0
    for _ in range(count):
        client.send(request)
        await turns(3)
        for connection in site.table:
            unsent = max(unsent, connection.unsent_bytes())
            read_ahead = max(read_ahead, getattr(connection, "_reader").buffered)  # noqa: B009
    return unsent, read_ahead


@SCHEMES
async def test_client_that_pipelines_and_does_not_read_holds_one_answer(tls: bool) -> None:
    count = 150
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        client.stop_reading()
        request = get(path=b"/bytes/%d" % ONE_ANSWER)
        unsent, _ = await held_by(site, client, request, count)
        assert unsent <= 2 * ONE_ANSWER
        assert len(site.app.scopes) < count / 2
        client.read_on()
        for _ in range(count):
            assert len((await client.answer()).body) == ONE_ANSWER


@SCHEMES
async def test_client_that_pipelines_and_does_not_read_is_not_read_from(tls: bool) -> None:
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        client.stop_reading()
        request = get(b"x: " + b"y" * 8000, path=b"/bytes/%d" % LARGE)
        _, read_ahead = await held_by(site, client, request, 800)
        assert read_ahead <= MOST_READ_AHEAD
        assert site.connection.read_paused


@SCHEMES
@pytest.mark.parametrize("path", [b"/held", b"/content"])
async def test_client_that_pipelines_is_read_from_as_fast_as_it_is_answered(
    tls: bool, path: bytes
) -> None:
    async with served(tls=tls) as site, site.client() as client:
        reading = asyncio.create_task(client.rest())
        request = post(b"content-length: 1", path=path) + b"x"
        _, read_ahead = await held_by(site, client, request * 1000, 100)
        assert read_ahead <= MOST_READ_AHEAD
        reading.cancel()


@SCHEMES
async def test_client_that_does_not_read_is_cut_off(tls: bool) -> None:
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        client.stop_reading()
        client.send(get(path=b"/bytes/%d" % LARGE))
        await until(lambda: site.app.scopes)
        await turns()
        site.pass_seconds(19)
        await turns()
        assert site.server.connections == 1
        site.pass_seconds(1.1)  # the system may have taken some in the meantime
        await turns()
        site.pass_seconds(20.1)
        async with asyncio.timeout(5):
            await site.has(0)


async def test_client_that_does_not_read_is_cut_off_by_itself() -> None:
    limits = ConnectionLimits(keep_alive_seconds=75, stall_seconds=0.2)
    async with served(tls=True, limits=limits) as site, site.client() as client:
        client.stop_reading()
        client.send(get(path=b"/bytes/%d" % LARGE))
        await until(lambda: site.app.scopes)
        async with asyncio.timeout(5):
            await site.has(0)


@SCHEMES
async def test_answer_that_is_read_slowly_is_complete(tls: bool) -> None:
    async with served(tls=tls, limits=LIMITS) as site, site.client() as client:
        client.send(get(path=b"/bytes/%d" % LARGE))
        received = b""
        while len(received) < LARGE - BUFFERED:
            received += await read_some(client, PIECE)
            await turns()
            site.pass_seconds(19)
            await turns()
            assert not client.reader.at_eof()
        head, _, body = received.partition(b"\r\n\r\n")
        assert len(body + await read_some(client, LARGE - len(body))) == LARGE
        assert b"connection: close" not in head
        assert (await client.ask(get())).body == b"ok"


def is_later_than(loop: asyncio.AbstractEventLoop, time: float) -> bool:
    return loop.time() > time


@pytest.mark.parametrize(
    ("tls", "behind"),
    [(False, b"\r\n"), (True, b"")],
    ids=["http", "https"],
)
async def test_last_answer_that_is_read_slowly_is_complete(tls: bool, behind: bytes) -> None:
    """The time that a client has to close begins when it has read what it was sent."""
    loop, limits = asyncio.get_running_loop(), ConnectionLimits(closing_seconds=0.1)
    async with served(tls=tls, limits=limits) as site, site.client() as client:
        client.send(get(b"connection: close", path=b"/bytes/%d" % LARGE) + behind)
        began, received = loop.time(), b""
        while loop.time() < began + 0.25 and not client.reader.at_eof():
            received += await read_some(client, MIB // 8)
            await until(partial(is_later_than, loop, loop.time() + 0.02))
        (answer,) = read_answers(received + await client.rest())
        assert len(answer.body) == LARGE
        await site.has(0)


async def test_client_has_its_time_to_close_when_everything_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "_WRITE_CHUNK_BYTES", 1 << 30)
    async with served(limits=LIMITS) as site, site.client() as client:
        client.stop_reading()
        client.send(get(b"connection: close", path=b"/bytes/%d" % LARGE) + b"\r\n")
        await until(lambda: site.app.scopes and site.connection._closing)
        site.pass_seconds(10)
        client.read_on()
        (answer,) = read_answers(await client.rest())
        assert len(answer.body) == LARGE
        await until(lambda: site.table.closing or not site.server.connections)
        site.pass_seconds(2)
        await site.has(0)


async def test_tls_layer_has_its_time_to_send_what_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "_WRITE_CHUNK_BYTES", 1 << 30)
    loop = asyncio.get_running_loop()
    limits = ConnectionLimits(stall_seconds=20, closing_seconds=0.05)
    async with served(tls=True, limits=limits) as site, site.client() as client:
        client.stop_reading()
        client.send(get(b"connection: close", path=b"/bytes/%d" % LARGE))
        await until(lambda: site.app.scopes and site.connection._closing)
        await until(partial(is_later_than, loop, loop.time() + 0.2))
        client.read_on()
        (answer,) = read_answers(await client.rest())
        assert len(answer.body) == LARGE


async def test_request_behind_an_unread_answer_is_answered_when_that_is_read() -> None:
    async with served(limits=LIMITS) as site, site.client() as client:
        client.stop_reading()
        client.send(get(path=b"/bytes/%d" % LARGE))
        await until(site.connection.unsent_bytes)
        client.send(get(path=b"/second"))
        await turns()
        assert site.app.paths == [f"/bytes/{LARGE}"]
        client.read_on()
        assert len((await client.answer()).body) == LARGE
        assert (await client.answer()).body == b"ok"


async def test_client_that_does_not_read_makes_room() -> None:
    async with served(limits=ConnectionLimits(connections=2)) as site:
        unread, busy = await site.connect("127.0.0.2"), await site.connect("127.0.0.3")
        busy.send(get(path=b"/held"))
        unread.stop_reading()
        unread.send(get(path=b"/bytes/%d" % LARGE))
        await until(lambda: site.table._unsent)
        site.pass_seconds(1)
        assert (await (await site.connect("127.0.0.4")).ask(get())).body == b"ok"
        site.app.released.set()
        assert (await busy.answer()).body == b"ok"
