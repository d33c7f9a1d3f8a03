"""The order of events is that of transactions, not of clocks, and nothing is skipped."""

import asyncio
from collections.abc import Sequence
from itertools import count
from uuid import UUID

import asyncpg
import pytest

from satmint.flows import event_feed
from satmint.flows.event_feed import EventFeed
from satmint.model.events import Event, EventCursor, EventKind
from satmint.model.incarnation import Incarnation, Mark
from satmint.model.listing import Anchor, Window
from satmint.store.contract import Store
from satmint.store.postgres import open_postgres
from satmint.store.postgres.connecting import SatmintConnection
from satmint.store.postgres.events import record
from tests.kit.clock import NOW
from tests.kit.postgres import execute, the_server
from tests.store.conftest import Open
from tests.store.store_setup import ALL, Given

STEPS = [0, -3600, -3585, 3600, -15, 0, 86_400, -86_400]
"""What clocks of several servers may say of events that follow each other, beside the time."""


def feed_of(store: Store, project: UUID, ticks: Sequence[float] = ()) -> EventFeed:
    times = iter(ticks) if ticks else count()
    return EventFeed(
        lambda cursor, limit: store.events.after(project, cursor, limit), lambda: next(times)
    )


async def recorded(
    store: Store, given: Given, project: UUID, *, at: int = NOW, session: UUID | None = None
) -> Event:
    event = given.event(EventKind.SESSION_REVOKED, project, at=at, session=session)
    await store.events.record(event)
    return event


async def test_events_are_listed_in_the_order_in_which_they_were_stored(
    store: Store, given: Given
) -> None:
    project = await given.project()
    made = [await recorded(store, given, project, at=NOW + step) for step in STEPS]
    assert [*(await store.events.list(project, ALL)).items] == made
    newest_first = await store.events.list(project, Window(1000, descending=True))
    assert [*newest_first.items] == made[::-1]


async def test_pages_skip_nothing_where_clocks_are_set_back_meanwhile(
    store: Store, given: Given
) -> None:
    project, made, found = await given.project(), list[Event](), list[Event]()
    anchor: Anchor | None = None
    for step in STEPS:
        made.append(await recorded(store, given, project, at=NOW + step))
        page = await store.events.list(project, Window(1, anchor=anchor))
        found += page.items
        anchor = Anchor(page.positions[-1], UUID(bytes=page.items[-1].id))
    assert found == made


async def test_feeds_return_each_event_once_whatever_the_clocks_say(
    store: Store, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "_PAGE_SIZE", 3)
    project, other = await given.project(), await given.project()
    await recorded(store, given, project)
    feed, revocations = feed_of(store, project), EventFeed(store.events.revocations, lambda: 0.0)
    assert [*await feed.poll(), *await revocations.poll()] == []
    for steps in (STEPS, STEPS[:1], [], STEPS[:3]):
        made = [await recorded(store, given, project, at=NOW + step) for step in steps]
        elsewhere = await recorded(store, given, other)
        assert [*await feed.poll()] == made
        assert [*await revocations.poll()] == [*made, elsewhere]


async def test_a_feed_that_was_stopped_starts_anew(store: Store, given: Given) -> None:
    project = await given.project()
    feed = feed_of(store, project)
    started = [feed.started]
    await feed.poll()
    started.append(feed.started)
    feed.stop()
    assert [*started, feed.started] == [False, True, False]
    await recorded(store, given, project)
    assert [*await feed.poll()] == []
    event = await recorded(store, given, project)
    assert [*await feed.poll()] == [event]


async def test_events_of_a_new_incarnation_come_after_all_others(
    store: Store, given: Given
) -> None:
    """Also after those that a client has seen and that are not in the backup."""
    project, mark = await given.project(), Mark(given.id(), given.id(), b"s" * 32, NOW)
    await store.incarnation.begin(Incarnation(mark.incarnation, 1, NOW, ""), mark)
    event = await recorded(store, given, project)
    (before,) = (await store.events.list(project, ALL)).positions
    adopted = given.event(EventKind.DATABASE_ADOPTED, project, at=NOW - 3600)
    new = Incarnation(given.id(), 2, NOW - 3600, "")
    await store.incarnation.adopt(new, mark, NOW - 3600, [adopted])
    later = await recorded(store, given, project, at=NOW - 7200)
    page = await store.events.list(project, ALL, settled=True)
    assert [*page.items] == [event, adopted, later]
    assert before < 1 << 48 <= page.positions[1] <= page.positions[2]
    batch = await store.events.after(project, EventCursor(before, event.id), 10)
    assert [event for _, event in batch.events] == [adopted, later]


async def test_processes_agree_on_the_order(database: Open, store: Store, given: Given) -> None:
    project = await given.project()
    feed = feed_of(store, project)
    await feed.poll()
    made = []
    async with database() as second:
        elsewhere = Given(second, "elsewhere")
        for number in range(6):
            here = number % 2 == 0
            where, hand = (store, given) if here else (second, elsewhere)
            at = NOW if here else NOW - 15
            made.append(await recorded(where, hand, project, at=at))
    assert [*await feed.poll()] == made
    assert [*(await store.events.list(project, ALL)).items] == made


async def test_an_event_that_is_committed_late_is_neither_skipped_nor_delays_others() -> None:
    url = the_server().new_database()
    store = await open_postgres(url, NOW)
    connection = await asyncpg.connect(url, connection_class=SatmintConnection)
    try:
        given = Given(store)
        project = await given.project()
        first = await recorded(store, given, project)
        feed, revocations = feed_of(store, project), EventFeed(store.events.revocations, float)
        await asyncio.gather(feed.poll(), revocations.poll())
        late = given.event(EventKind.SESSION_REVOKED, project)
        transaction = connection.transaction()
        await transaction.start()
        await record(connection, late)
        early = await recorded(store, given, project)
        for _ in range(2):
            assert [*(await store.events.list(project, ALL, settled=True)).items] == [first]
            assert [*(await store.events.list(project, ALL)).items] == [first, early]
        assert ([*await feed.poll()], [*await revocations.poll()]) == ([early], [early])
        assert ([*await feed.poll()], [*await revocations.poll()]) == ([], [])
        await transaction.commit()
        settled = (await store.events.list(project, ALL, settled=True)).items
        assert [*settled] == [first, late, early]
        assert ([*await feed.poll()], [*await revocations.poll()]) == ([late], [late])
        assert ([*await feed.poll()], [*await revocations.poll()]) == ([], [])
    finally:
        await connection.close()
        await store.close()


async def test_feeds_wait_for_no_transaction_of_another_application() -> None:
    """It may last for hours, in another database of the server."""
    server = the_server()
    stranger, url = await asyncpg.connect(server.url("postgres")), server.new_database()
    store = await open_postgres(url, NOW)
    try:
        given = Given(store)
        project = await given.project()
        feed = feed_of(store, project, [0, 1, 61.5, 62])
        await feed.poll()
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute("SELECT txid_current()")
        for _ in range(3):
            event = await recorded(store, given, project)
            assert [*await feed.poll()] == [event]
        assert len(feed._returned) == 2, "one was stored more than a minute ago"
        await transaction.rollback()
    finally:
        await stranger.close()
        await store.close()


async def test_an_event_of_the_previous_release_gets_a_position() -> None:
    """Its server names no position; the database has begun a second incarnation since."""
    url = the_server().new_database()
    store = await open_postgres(url, NOW)
    try:
        given = Given(store)
        project, mark = await given.project(), Mark(given.id(), given.id(), b"s" * 32, NOW)
        await store.incarnation.adopt(Incarnation(given.id(), 2, NOW, ""), mark, NOW, [])
        before = await recorded(store, given, project)
        event = given.event(EventKind.ISSUED, project)
        execute(
            url,
            "INSERT INTO events (project_id, event_id, kind, at, cause, request_id, address, agent)"
            f" VALUES ('{project}', '\\x{event.id.hex()}', 'issued', {NOW}, '', '', '', '')",
        )
        after = await recorded(store, given, project)
        page = await store.events.list(project, ALL)
        assert [found.id for found in page.items] == [before.id, event.id, after.id]
        assert len(set(page.positions)) == 3
    finally:
        await store.close()
