"""Filters of the audit trail, in lists and in feeds, and the references that events name."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

import pytest

from satmint.model.event_filter import EventFilter
from satmint.model.event_page import EventPage
from satmint.model.events import FREQUENT_EVENTS, REFRESH_EVENTS, Event, EventCursor, EventKind
from satmint.model.listing import Anchor, Window
from satmint.store.contract import Store
from satmint.store.sql import search
from satmint.store.sql.event_search import NO_REFRESH, NOT_FREQUENT
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

KINDS = (
    *(EventKind.REFRESHED, EventKind.DEVICE_TOKEN_ISSUED, EventKind.ISSUED, EventKind.REPLAYED),
    *(EventKind.SESSION_REVOKED, EventKind.WEBHOOK_CREATED, EventKind.KEY_MISMATCH),
)


@dataclass(frozen=True)
class Scene:
    """An audit trail of events of all sorts, beside another that must never show."""

    store: Store
    project: UUID
    events: Sequence[Event]
    """Oldest first."""

    async def page(self, wanted: EventFilter, window: Window = ALL) -> EventPage:
        return await self.store.events.list(self.project, window, wanted)

    def expected(self, wanted: EventFilter) -> list[bytes]:
        return [event.id for event in self.events if _matches(wanted, event)]


def _matches(wanted: EventFilter, event: Event) -> bool:
    return (
        (not wanted.kinds or event.kind in wanted.kinds)
        and wanted.subscriber in (None, event.subscriber)
        and wanted.session in (None, event.session)
        and (wanted.since is None or event.at >= wanted.since)
        and (wanted.until is None or event.at < wanted.until)
    )


@pytest.fixture
async def scene(store: Store, given: Given) -> Scene:
    subscribers, sessions = [given.id() for _ in range(2)], [given.id() for _ in range(3)]
    projects = [await given.project() for _ in range(2)]
    for project in projects:
        dice = Random(5)
        for _ in range(40):
            event = given.event(
                dice.choice(KINDS),
                project,
                at=NOW + dice.randrange(8),
                session=dice.choice([None, *sessions]),
                subscriber=dice.choice([None, *subscribers]),
            )
            await store.events.record(event)
    events = (await store.events.list(projects[1], ALL)).items
    assert len(events) == 40
    return Scene(store, projects[1], events)


def filters(scene: Scene) -> list[EventFilter]:
    """Each filter by itself, and combinations of all."""
    subscribers = sorted({one.subscriber for one in scene.events if one.subscriber is not None})
    sessions = sorted({one.session for one in scene.events if one.session is not None})
    kinds = [
        *(frozenset({kind}) for kind in KINDS),
        frozenset({EventKind.REPLAYED, EventKind.WEBHOOK_CREATED, EventKind.KEY_ROTATED}),
        frozenset({EventKind.REPLAYED, EventKind.ISSUED}),
        frozenset({EventKind.REPLAYED, EventKind.REFRESHED}),
    ]
    alone = [
        EventFilter(),
        *(EventFilter(kinds=one) for one in kinds),
        *(EventFilter(subscriber=one) for one in (*subscribers, UUID(int=7))),
        *(EventFilter(session=one) for one in (*sessions, UUID(int=7))),
        *(EventFilter(since=NOW + at) for at in (0, 3, 8)),
        *(EventFilter(until=NOW + at) for at in (0, 3, 8)),
    ]
    dice = Random(2)
    mixed = [
        EventFilter(
            kinds=dice.choice([frozenset(), *kinds]),
            subscriber=dice.choice([None, *subscribers]),
            session=dice.choice([None, *sessions]),
            since=dice.choice([None, NOW + 2]),
            until=dice.choice([None, NOW + 6]),
        )
        for _ in range(60)
    ]
    return alone + mixed


async def test_a_filter_finds_what_it_says_in_order(scene: Scene) -> None:
    for wanted in filters(scene):
        page = await scene.page(wanted)
        assert [event.id for event in page.items] == scene.expected(wanted), wanted
        assert (page.more_before, page.more_after) == (False, False)


async def walk(scene: Scene, wanted: EventFilter, size: int, *, backwards: bool) -> list[bytes]:
    """The ids of all pages, newest first, from one end of the list."""
    seen: list[list[bytes]] = []
    anchor = Anchor(0, UUID(int=0), backwards=True) if backwards else None
    for _ in range(200):
        page = await scene.page(wanted, Window(size, anchor, descending=True))
        assert len(page.items) <= size
        seen.append([event.id for event in page.items])
        if not (page.more_before if backwards else page.more_after):
            break
        edge = page.continue_before if backwards else page.continue_after
        if edge is None:
            at = 0 if backwards else -1
            edge = page.positions[at], UUID(bytes=page.items[at].id)
        anchor = Anchor(*edge, backwards=backwards)
    else:
        raise AssertionError("the list has no end")
    return [one for ids in (reversed(seen) if backwards else seen) for one in ids]


@pytest.mark.parametrize(("scan", "size"), [(1, 4), (2, 1), (7, 4), (40, 3)])
async def test_pages_that_examine_few_events_cover_the_list_once_and_in_order(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, scan: int, size: int
) -> None:
    monkeypatch.setattr(search, "SCAN_LIMIT", scan)
    subscriber = next(one.subscriber for one in scene.events if one.subscriber is not None)
    session = next(one.session for one in scene.events if one.session is not None)
    for wanted in (
        EventFilter(kinds=frozenset({EventKind.REFRESHED})),
        EventFilter(kinds=frozenset({EventKind.REPLAYED, EventKind.KEY_MISMATCH}), since=NOW + 2),
        EventFilter(session=session),
        EventFilter(subscriber=subscriber, kinds=frozenset({EventKind.ISSUED}), until=NOW + 5),
    ):
        for backwards in (False, True):
            found = await walk(scene, wanted, size, backwards=backwards)
            assert found == scene.expected(wanted)[::-1]


async def test_a_feed_has_only_what_its_filter_says(scene: Scene) -> None:
    for wanted in filters(scene):
        batch = await scene.store.events.after(scene.project, EventCursor(0), 100, wanted)
        assert [event.id for _, event in batch.events] == scene.expected(wanted)


async def test_events_far_from_the_times_are_not_examined(
    store: Store, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SCAN_LIMIT", 330)
    project, day = await given.project(), 86_400
    for at in (NOW, NOW + day, NOW + 2 * day):
        for _ in range(120):
            await store.events.record(given.event(EventKind.REFRESHED, project, at=at))
    wanted = EventFilter(since=NOW + day - 5, until=NOW + day + 5)
    page = await store.events.list(project, Window(1000, descending=True), wanted)
    assert {event.at for event in page.items} == {NOW + day}
    assert (len(page.items), page.more_after) == (120, False)


async def test_an_event_names_the_reference_of_its_subscriber(store: Store, given: Given) -> None:
    project = await given.project()
    ref = await given.session(project, "alice@example.com")
    _, guest = await given.guest(project)
    subscriber = await given.named(project, "alice@example.com")
    await store.events.record(given.event(EventKind.KEY_MISMATCH, project, subscriber=subscriber))
    listed = (await store.events.list(project, ALL)).items
    named = {event.session: event.reference for event in listed if event.session is not None}
    assert named == {ref.session: "alice@example.com", guest.session: None}
    followed = await store.events.after(project, EventCursor(0), 10)
    assert [event for _, event in followed.events] == [*listed]
    deletion = given.event(EventKind.SUBSCRIBER_DELETED, project, subscriber=subscriber)
    assert await store.subscribers.delete(project, subscriber, NOW, deletion)
    after = (await store.events.list(project, ALL)).items
    assert [event.reference for event in after] == [None, None, None, "alice@example.com"]


def test_the_conditions_of_the_indexes_are_the_kinds_that_they_omit() -> None:
    for condition, kinds in ((NO_REFRESH, REFRESH_EVENTS), (NOT_FREQUENT, FREQUENT_EVENTS)):
        assert set(condition.split(" AND ")) == {f"kind <> '{kind}'" for kind in kinds}
