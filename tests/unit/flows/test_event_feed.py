"""Following the audit trail: each committed event once, late ones too."""

import pytest

from satmint.flows.event_feed import EventFeed, event_feed, revocation_feed
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event, EventCursor, EventKind, Origin
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import EventBatch
from tests.gateway.protocol_setup import PROJECT
from tests.kit.clock import NOW
from tests.kit.gateway import Ticker
from tests.kit.service import ORIGIN, Server

FULL_PAGE = 1000


class Trail:
    """Committed events by their positions, and the lowest position of an open transaction."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.open: int | None = None
        self.down = False
        self.begins: list[int] = []
        """From which positions it was read."""

    async def read(self, cursor: EventCursor, limit: int) -> EventBatch:
        if self.down:
            raise StoreUnavailable("planted")
        self.begins.append(cursor.position)
        newest = max(self.positions, default=0) + 1
        found = [
            (EventCursor(position, b"%05d" % position), event_at(position))
            for position in sorted(self.positions)
            if (position, b"%05d" % position) > cursor
        ]
        settled = newest if self.open is None else self.open
        return EventBatch(found[:limit], settled, newest)


def event_at(position: int) -> Event:
    return Event(
        b"%05d" % position, PROJECT, EventKind.SESSION_REVOKED, NOW, Origin("", "", ""), None, None
    )


@pytest.fixture
def trail() -> Trail:
    return Trail()


async def new_positions(feed: EventFeed, limit: int | None = None) -> list[int]:
    return [int(event.id) for event in await feed.poll(limit)]


async def test_follows_from_the_first_poll_on(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    assert (feed.position, feed.skipped) == (0, False)
    trail.positions += [1, 2]
    assert await new_positions(feed) == []
    assert feed.position == 3
    trail.positions += [3, 4]
    assert await new_positions(feed) == [3, 4]
    assert await new_positions(feed) == []


async def test_event_that_is_committed_late_comes_and_none_comes_twice(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    await feed.poll()
    trail.positions, trail.open = [5, 7], 6
    assert await new_positions(feed) == [5, 7]
    trail.positions.append(6)
    assert await new_positions(feed) == [6]
    trail.open = None
    assert await new_positions(feed) == []


async def test_position_waits_for_the_first_transaction_of_all(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    trail.open = 0
    for _ in range(2):
        await feed.poll()
        assert (feed.position, feed.started) == (0, True)
        trail.positions.append(len(trail.positions) + 1)
    trail.open = None
    assert await new_positions(feed) == [2]
    assert feed.position == 3


async def test_event_that_was_open_at_the_first_poll_comes(trail: Trail) -> None:
    trail.positions, trail.open = [1, 3], 2
    feed = EventFeed(trail.read, Ticker())
    await feed.poll()
    trail.positions.append(2)
    assert await new_positions(feed) == [2]


async def test_more_than_a_page_comes_at_once(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    await feed.poll()
    trail.positions = list(range(1, 2 * FULL_PAGE + 1))
    assert await new_positions(feed) == trail.positions


async def test_more_than_the_limit_is_skipped_and_what_comes_then_is_not(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    await feed.poll(3)
    trail.positions, trail.open = [2, 3, 4], 1
    assert (await new_positions(feed, 3), feed.skipped) == ([2, 3, 4], False)
    trail.positions += range(5, 3 * FULL_PAGE)
    assert (await new_positions(feed, 3), feed.skipped) == ([5, 6, 7], True)
    trail.positions.append(3 * FULL_PAGE)
    assert (await new_positions(feed, 3), feed.skipped) == ([3 * FULL_PAGE], False)


async def test_nothing_is_lost_while_the_store_is_away(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    await feed.poll()
    trail.positions, trail.down = [1], True
    with pytest.raises(StoreUnavailable):
        await feed.poll()
    trail.down = False
    assert await new_positions(feed) == [1]


async def test_stop_begins_anew(trail: Trail) -> None:
    feed = EventFeed(trail.read, Ticker())
    await feed.poll()
    started = [feed.started]
    feed.stop()
    assert [*started, feed.started] == [True, False]
    trail.positions = [1]
    assert await new_positions(feed) == []


async def test_transaction_that_stays_open_is_waited_for_for_a_minute(trail: Trail) -> None:
    """Another application's: otherwise polls would read more and more again."""
    ticker = Ticker()
    feed = EventFeed(trail.read, ticker)
    trail.open = 1
    for second in range(0, 200, 10):
        ticker.at += 10
        trail.positions.append(second + 2)
        await feed.poll()
    assert trail.begins[-1] >= 200 - 10 - 60 - 10
    assert trail.begins[-1] <= 200 - 60


async def test_feed_of_a_project_has_its_events_that_match_and_that_of_revocations_all(
    server: Server,
) -> None:
    services, other = server.services, await server.another_tenant()
    wanted = EventFilter(kinds=frozenset({EventKind.SESSION_REVOKED}))
    every = event_feed(services, server.tenant.id, Ticker())
    some = event_feed(services, server.tenant.id, Ticker(), wanted)
    ending = revocation_feed(services, Ticker())
    for feed in (every, some, ending):
        assert await feed.poll() == ()
    kinds = (EventKind.SESSION_REVOKED, EventKind.C2C_TOKEN_CREATED)
    made = [
        services.new_event(kind, project, ORIGIN, NOW)
        for kind in kinds
        for project in (server.tenant.id, other.id)
    ]
    for event in made:
        await services.store.events.record(event)
    ids = [event.id for event in made]
    for feed, found in ((every, [ids[0], ids[2]]), (some, [ids[0]]), (ending, ids[:2])):
        assert [event.id for event in await feed.poll()] == found
