"""One connection by itself: its deadlines, when it is read from, and how it closes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from satmint.server.http_connection import (
    _MAX_DROPPED_BYTES,
    _READ_AHEAD_BYTES,
    PIPELINE_LIMIT,
    HttpConnection,
)
from satmint.server.websocket_connection import WebSocketConnection
from tests.server.request_heads import get, post
from tests.server.test_connection_table import OpenConnection
from tests.server.transport_under_test import PEER, RecordingTransport, Site

HELD = get(path=b"/held")
PART_OF_A_HEAD = get()[:20]
PART_OF_A_BODY = post(b"content-length: 9", path=b"/content") + b"123"

State = Callable[[Site, HttpConnection], Awaitable[None]]
"""Brings a new connection into a state."""


async def new(_: Site, __: HttpConnection) -> None:
    pass


async def head(_: Site, connection: HttpConnection) -> None:
    connection.data_received(PART_OF_A_HEAD)


async def body(site: Site, connection: HttpConnection) -> None:
    connection.data_received(PART_OF_A_BODY)
    await site.settled()


async def held(site: Site, connection: HttpConnection) -> None:
    connection.data_received(HELD)
    await site.settled()


async def held_before_another(site: Site, connection: HttpConnection) -> None:
    connection.data_received(HELD + PART_OF_A_HEAD)
    await site.settled()


async def idle(site: Site, connection: HttpConnection) -> None:
    connection.data_received(get())
    await site.settled()


async def second_head(site: Site, connection: HttpConnection) -> None:
    await idle(site, connection)
    connection.data_received(PART_OF_A_HEAD)


async def answered_early(site: Site, connection: HttpConnection) -> None:
    connection.data_received(post(b"content-length: 9", path=b"/early") + b"123")
    await site.settled()


async def unread(site: Site, connection: HttpConnection) -> None:
    """Its answer waits for the client."""
    await held(site, connection)
    connection.pause_writing()
    site.app.released.set()
    await site.settled()


async def closing(site: Site, connection: HttpConnection) -> None:
    connection.data_received(b"no HTTP\r\n\r\n")
    await site.settled()


async def begun(state: State) -> tuple[Site, HttpConnection]:
    """A connection in a state, with nothing recorded."""
    site = Site()
    connection = site.connected()
    await state(site, connection)
    site.transport.taken()
    site.transport.written = b""
    site.refused.clear()
    return site, connection


async def test_connection_waits_for_its_first_request() -> None:
    site = Site()
    connection = site.connected()
    assert site.transport.limits == (1, 0)
    assert list(site.table) == [connection]
    assert site.deadlines(connection) == {"arriving"}
    connection.data_received(get())
    assert site.app.scopes == []
    await site.settled()
    assert site.app.scopes[0]["client"] == PEER


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        (None, ("", 0)),
        (("::ffff:192.0.2.9", 7), ("192.0.2.9", 7)),
        (("2001:db8::1", 9), ("2001:db8::1", 9)),
    ],
)
async def test_client_is_the_peer(peer: tuple[str, int] | None, client: tuple[str, int]) -> None:
    site = Site()
    connection = site.connected(RecordingTransport(peer))
    connection.data_received(get())
    await site.settled()
    assert site.app.scopes[0]["client"] == client


async def test_connection_that_made_room_meanwhile_is_aborted() -> None:
    site = Site()
    connection = HttpConnection(site.context, OpenConnection("evicted", []))
    connection.connection_made(site.transport)
    assert site.transport.taken() == ["abort"]
    assert len(site.table) == 0
    assert connection.unsent_bytes() == 0


@pytest.mark.parametrize(
    ("state", "deadlines"),
    [
        (new, {"arriving"}),
        (head, {"arriving"}),
        (body, {"arriving"}),
        (held, set()),
        (held_before_another, set()),
        (idle, {"idle"}),
        (second_head, {"arriving"}),
        (answered_early, {"arriving"}),
        (unread, {"stalled"}),
        (closing, {"closing"}),
    ],
)
async def test_state_has_its_deadline(state: State, deadlines: set[str]) -> None:
    site, connection = await begun(state)
    assert site.deadlines(connection) == deadlines


async def test_body_has_its_deadline_until_its_last_byte() -> None:
    site, connection = await begun(body)
    connection.data_received(b"45678")
    assert site.deadlines(connection) == {"arriving"}
    connection.data_received(b"9")
    assert site.deadlines(connection) == set()
    await site.settled()
    assert [answer.body for answer in site.transport.answers()] == [b"123456789"]


@pytest.mark.parametrize(
    ("state", "done", "deadlines"),
    [
        (new, ["close"], {"closing"}),
        (head, [], {"arriving"}),
        (body, [], {"arriving"}),
        (held, [], set()),
        (idle, ["close"], {"closing"}),
        (second_head, [], {"arriving"}),
        (unread, [], {"stalled"}),
    ],
)
async def test_stop_closes_a_connection_without_a_request(
    state: State, done: list[str], deadlines: set[str]
) -> None:
    site, connection = await begun(state)
    connection.stop()
    assert (site.transport.taken(), site.deadlines(connection)) == (done, deadlines)
    assert site.transport.written == b""


Done = tuple[list[str], list[int]]
"""What is done to the transport, and the statuses of answers."""

REFUSED: Done = (["eof"], [408])
CLOSED: Done = (["close"], [])


@pytest.mark.parametrize(
    ("state", "done"),
    [
        (new, CLOSED),
        (head, REFUSED),
        (body, REFUSED),
        (held, ([], [])),
        (held_before_another, ([], [])),
        (idle, CLOSED),
        (second_head, REFUSED),
        (answered_early, (["eof"], [])),
        (unread, (["abort"], [])),
        (closing, (["abort"], [])),
    ],
)
async def test_late_stop_leaves_alone_what_the_application_answers(
    state: State, done: Done
) -> None:
    site, connection = await begun(state)
    connection.close_unless_answering()
    statuses = [answer.status for answer in site.transport.answers()]
    assert (site.transport.taken(), statuses) == done
    counted = {(408, "request_timeout"): 1} if statuses else {}
    assert site.refused == counted


@pytest.mark.parametrize(
    ("state", "done"),
    [(new, CLOSED), (head, REFUSED), (body, REFUSED), (answered_early, (["eof"], []))],
)
async def test_request_that_does_not_arrive_in_time_is_a_408(state: State, done: Done) -> None:
    site, connection = await begun(state)
    connection.on_arrival_timeout()
    statuses = [answer.status for answer in site.transport.answers()]
    assert (site.transport.taken(), statuses) == done


@pytest.mark.parametrize(
    ("state", "stays"),
    [
        (new, False),
        (head, False),
        (body, False),
        (held, True),
        (held_before_another, True),
        (idle, False),
        (answered_early, False),
        (unread, True),
    ],
)
@pytest.mark.parametrize("half_closes", [True, False])
async def test_client_that_ends_its_half_is_waited_for_while_it_is_answered(
    state: State, stays: bool, half_closes: bool
) -> None:
    site = Site()
    connection = site.connected(RecordingTransport(half_closes=half_closes))
    await state(site, connection)
    assert connection.eof_received() is (stays and half_closes)


async def test_client_that_ends_its_half_behind_pipelined_requests_is_waited_for() -> None:
    site = Site()
    connection = site.connected()
    connection.data_received(get() * 3)
    await asyncio.sleep(0)
    assert (connection._exchange, connection._is_queued) == (None, True)
    assert connection.eof_received() is True


@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("more", [False, True])
async def test_connection_carries_another_request_unless_it_is_the_last(
    stopping: bool, ended: bool, more: bool
) -> None:
    site, connection = await begun(held_before_another if more else held)
    if ended:
        connection.eof_received()
    site.context.stopping = stopping
    kept = not stopping and (more or not ended)
    assert connection.can_keep_alive is kept
    site.app.released.set()
    await site.settled()
    (answer,) = site.transport.answers()
    assert ("connection" not in answer.fields) is kept


@pytest.mark.parametrize(
    ("behind", "paused"),
    [
        (b"x" * _READ_AHEAD_BYTES, False),
        (b"x" * (_READ_AHEAD_BYTES + 1), True),
        (get() * (PIPELINE_LIMIT - 1), False),
        (get() * PIPELINE_LIMIT, True),
    ],
)
async def test_so_much_is_read_ahead_of_an_answer(behind: bytes, paused: bool) -> None:
    site, connection = await begun(held)
    connection.data_received(behind)
    assert site.transport.taken() == ["pause"] * paused
    connection.data_received(b"y")
    assert site.transport.taken() == ["pause"] * (not paused and len(behind) >= _READ_AHEAD_BYTES)
    assert connection.read_paused == (paused or len(behind) >= _READ_AHEAD_BYTES)


@pytest.mark.parametrize(("size", "paused"), [(_READ_AHEAD_BYTES, 0), (_READ_AHEAD_BYTES + 1, 1)])
async def test_so_much_of_a_body_is_read_ahead_of_the_application(size: int, paused: int) -> None:
    site = Site()
    connection = site.connected()
    connection.data_received(post(b"content-length: 200000", path=b"/content"))
    connection.data_received(b"x" * size)
    assert site.transport.taken() == ["pause"] * paused
    await site.settled()
    assert site.transport.taken() == ["resume"] * paused


@pytest.mark.parametrize(("beyond", "closes"), [(0, 0), (1, 1)])
async def test_so_much_of_a_body_is_dropped_behind_its_answer(beyond: int, closes: int) -> None:
    site = Site()
    connection = site.connected()
    size = b"content-length: %d" % (2 * _MAX_DROPPED_BYTES)
    connection.data_received(post(size, path=b"/early"))
    await site.settled()
    for part in (_MAX_DROPPED_BYTES - 5, 5 + beyond):
        assert site.transport.taken() == []
        connection.data_received(b"x" * part)
    assert site.transport.taken() == ["eof"] * closes
    assert site.deadlines(connection) == {"closing" if closes else "arriving"}
    assert len(site.transport.answers()) == 1


async def test_dropped_bytes_count_for_each_request_anew() -> None:
    site = Site()
    connection = site.connected()
    request = post(b"content-length: %d" % _MAX_DROPPED_BYTES, path=b"/early")
    for _ in range(2):
        connection.data_received(request)
        await site.settled()
        connection.data_received(b"x" * (_MAX_DROPPED_BYTES - 1))
        connection.data_received(b"x")
        assert site.deadlines(connection) == {"idle"}
    assert site.transport.taken() == []


async def test_body_that_breaks_its_framing_behind_its_answer_is_recorded() -> None:
    site = Site()
    connection = site.connected()
    connection.data_received(post(b"transfer-encoding: chunked", path=b"/early"))
    await site.settled()
    site.transport.answers()
    with capture_logs() as lines:
        connection.data_received(b"no size\r\n")
    assert site.refused == {(400, "chunk_size"): 1}
    assert lines[0]["address"] == PEER[0]
    assert (site.transport.taken(), site.transport.written) == (["eof"], b"")


async def test_answer_that_the_client_reads_late_holds_back_the_next_request() -> None:
    site, connection = await begun(unread)
    connection.data_received(get(path=b"/next"))
    await site.settled()
    assert site.app.paths == ["/held"]
    connection.resume_writing()
    await site.settled()
    assert site.app.paths == ["/held", "/next"]
    assert site.deadlines(connection) == {"idle"}


async def test_last_answer_that_the_client_reads_late_is_waited_for() -> None:
    site, connection = await begun(held)
    site.context.stopping = True
    connection.pause_writing()
    site.app.released.set()
    await site.settled()
    assert site.transport.taken() == []
    connection.resume_writing()
    assert site.transport.taken() == ["close"]
    assert site.deadlines(connection) == {"closing"}


async def test_client_that_has_reset_its_connection_is_aborted() -> None:
    site, connection = await begun(head)
    site.transport.eof_error = OSError()
    connection.on_arrival_timeout()
    assert site.transport.taken() == ["abort"]


async def test_connection_that_is_lost_leaves_nothing() -> None:
    site, connection = await begun(body)
    site.transport.unread = 7
    assert connection.unsent_bytes() == 7
    connection.connection_lost(None)
    await site.settled()
    assert (len(site.table), site.deadlines(connection)) == (0, set())
    assert site.app.disconnects == 1
    assert connection.unsent_bytes() == 0
    for act in (
        connection.abort,
        connection.stop,
        connection.close_idle,
        connection.resume_reading,
    ):
        act()
    connection.data_received(get())
    connection.write(b"late")
    connection.close_unless_answering()
    await site.settled()
    assert (site.transport.taken(), site.transport.written) == ([], b"")
    assert not site.context.tasks


async def test_large_answer_waits_for_the_client_between_its_parts() -> None:
    site = Site()
    connection = site.connected()
    connection.pause_writing()
    connection.resume_writing()
    connection.data_received(get(path=b"/held/bytes/200000"))
    await site.settled()
    connection.pause_writing()
    site.app.released.set()
    await site.settled()
    begun_with = len(site.transport.written)
    assert begun_with < 1000, "its head"
    connection.resume_writing()
    await site.settled()
    (answer,) = site.transport.answers()
    assert len(answer.body) == 200_000


async def test_large_answer_ends_with_its_connection() -> None:
    site = Site()
    connection = site.connected()
    connection.data_received(get(path=b"/held/bytes/200000"))
    await site.settled()
    connection.pause_writing()
    site.app.released.set()
    await site.settled()
    written = len(site.transport.written)
    connection.connection_lost(None)
    await site.settled()
    assert len(site.transport.written) == written
    assert not site.context.tasks


async def test_what_comes_behind_the_last_answer_is_dropped() -> None:
    site, connection = await begun(closing)
    connection.data_received(get() * 3)
    await site.settled()
    assert (site.app.paths, site.transport.written) == ([], b"")


async def test_websocket_takes_over_the_transport_and_the_place_in_the_table() -> None:
    site = Site()
    connection = site.connected()
    handshake = get(
        b"upgrade: websocket",
        b"connection: upgrade",
        b"sec-websocket-version: 13",
        b"sec-websocket-key: c2l4dGVlbiBvZiBieXRlcw==",
    )
    connection.data_received(handshake)
    (successor,) = site.table
    assert isinstance(successor, WebSocketConnection)
    assert site.transport.protocol is successor
    assert site.deadlines(connection) == site.deadlines(successor) == set()
    connection.abort()
    assert site.transport.taken() == []
    successor.abort()
    assert site.transport.taken() == ["abort"]
    for task in tuple(site.context.tasks):
        task.cancel()
