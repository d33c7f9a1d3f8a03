"""Lists of a project's sessions: filters, pages that examine few rows, counts, revocations."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

import msgspec
import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Anchor, BoundedCount, Page, Window
from satmint.model.records import Session
from satmint.model.rotation import RefreshTokenRef
from satmint.model.session_filter import SessionFilter, SessionStatus
from satmint.store.contract import Store, SubscriberChange
from satmint.store.sql import project_sessions, search
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

KEYS = (None, "k" * 43, "o" * 43)
ADDRESSES = ("192.0.2.7", "2001:db8::7")
REFERENCES = ("alice", "bob")
NEWEST = Window(1000, descending=True)
LATER = NOW + 100
"""When the sessions are listed: some have expired by then."""


@dataclass(frozen=True)
class Scene:
    """A project with sessions of every kind, beside one whose sessions must never show."""

    store: Store
    given: Given
    project: UUID
    sessions: Sequence[Session]
    """All of them, newest first."""

    async def page(self, wanted: SessionFilter, window: Window = NEWEST) -> Page[Session]:
        return await self.store.sessions.list_project(self.project, wanted, LATER, window)

    def expected(self, wanted: SessionFilter) -> list[Session]:
        return [one for one in self.sessions if matches(one, wanted)]


def matches(session: Session, wanted: SessionFilter) -> bool:
    """What a filter means, said plainly."""
    status = SessionStatus.ACTIVE
    if session.revoked_at is not None:
        status = SessionStatus.REVOKED
    elif session.lives_until <= LATER:
        status = SessionStatus.EXPIRED
    return (
        wanted.state in (None, status)
        and wanted.kind in (None, session.kind)
        and wanted.subscriber in (None, session.subscriber)
        and (wanted.since is None or session.created_at >= wanted.since)
        and wanted.bound in (None, session.jkt is not None)
        and wanted.jkt in (None, session.jkt)
        and wanted.caller_address in (None, session.address)
    )


async def sign_in(
    given: Given, project: UUID, reference: str, at: int, expires_at: int, dice: Random
) -> RefreshTokenRef:
    """A session of a subscriber, from one of `ADDRESSES`, bound to one of `KEYS`."""
    new = given.new_session(expires_at=expires_at, jkt=dice.choice(KEYS))
    event = given.event(EventKind.ISSUED, project, at=at, session=new.id)
    origin = Origin("req-1", dice.choice(ADDRESSES), "suite/1")
    opened = await given.store.sessions.open_for_reference(
        project,
        given.new_subscriber(reference),
        SubscriberChange({}),
        new,
        at,
        msgspec.structs.replace(event, origin=origin),
    )
    return RefreshTokenRef(project, new.id, 0, opened.epoch, new.jkt)


async def fill(given: Given, project: UUID) -> None:
    """Sessions at few times, so that many share theirs; some expire, some are revoked."""
    dice = Random(11)
    for number in range(24):
        at = NOW + dice.randrange(4)
        expires_at = dice.choice((NOW - 250, NOW + 7200))
        ref = await sign_in(given, project, dice.choice(REFERENCES), at, expires_at, dice)
        if number % 5 == 0:
            await given.revoke(ref, at=NOW + 50)
    _, guest = await given.guest(project, at=NOW + 1)
    inviting = await given.session(project, "carol", at=NOW + 1)
    await given.invite(inviting, at=NOW + 2)
    await given.invite(await given.session(project, "carol", at=NOW + 2), at=NOW + 3)
    await given.revoke(guest, at=NOW + 60)
    await given.revoke(inviting, at=NOW + 61)


@pytest.fixture
async def scene(store: Store, given: Given) -> Scene:
    other, project = await given.project(), await given.project()
    await fill(given, other)
    await fill(given, project)
    found: list[Session] = []
    for subscriber in await owners(given, project):
        found += (await store.sessions.list(project, subscriber, ALL)).items
    found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
    assert len(found) == 29
    return Scene(store, given, project, found)


async def owners(given: Given, project: UUID) -> list[UUID]:
    """Who has sessions: the permanent subscribers, and the temporary ones."""
    events = (await given.store.events.list(project, ALL)).items
    return list(dict.fromkeys(one.subscriber for one in events if one.subscriber is not None))


def filters(scene: Scene) -> list[SessionFilter]:
    """Every filter by itself, and combinations of all."""
    subscribers = sorted({one.subscriber for one in scene.sessions})
    values = {
        "state": [None, *SessionStatus],
        "kind": [None, *Kind],
        "subscriber": [None, *subscribers[:3], UUID(int=7)],
        "since": [None, NOW, NOW + 2, NOW + 9],
        "bound": [None, True, False],
        "jkt": [*KEYS, "x" * 43],
        "caller_address": [None, *ADDRESSES, "203.0.113.9"],
    }
    alone = [SessionFilter(**{name: value}) for name, some in values.items() for value in some]
    dice = Random(3)
    mixed = [
        SessionFilter(**{name: dice.choice([None, *some]) for name, some in values.items()})
        for _ in range(60)
    ]
    return alone + mixed


async def test_a_filter_finds_what_it_says_newest_first(scene: Scene) -> None:
    for wanted in filters(scene):
        page = await scene.page(wanted)
        found = [one.id for one in page.items]
        assert found == [one.id for one in scene.expected(wanted)], wanted
        assert (page.more_before, page.more_after) == (False, False)


async def test_each_session_is_listed_with_the_reference_of_its_subscriber(scene: Scene) -> None:
    listed = (await scene.page(SessionFilter())).items
    assert [one.reference for one in listed] == [one.reference for one in scene.sessions]
    assert {one.reference for one in listed} == {"alice", "bob", "carol", None}
    assert all((one.reference is None) == (one.kind is not Kind.SUBSCRIBER) for one in listed)


async def walk(scene: Scene, wanted: SessionFilter, size: int, *, backwards: bool) -> list[UUID]:
    """The ids of all pages, in the order of the list, from one end of it."""
    seen: list[list[UUID]] = []
    oldest = Anchor(0, UUID(int=0), backwards=True)
    anchor = oldest if backwards else None
    for _ in range(100):
        page = await scene.page(wanted, Window(size, anchor, descending=True))
        assert len(page.items) <= size
        seen.append([one.id for one in page.items])
        if not (page.more_before if backwards else page.more_after):
            break
        edge = page.continue_before if backwards else page.continue_after
        if edge is None:
            last = page.items[0 if backwards else -1]
            edge = last.created_at, last.id
        anchor = Anchor(*edge, backwards=backwards)
    else:
        raise AssertionError("the list has no end")
    return [one for page in (reversed(seen) if backwards else seen) for one in page]


@pytest.mark.parametrize(("scan", "size"), [(1, 4), (2, 1), (7, 4), (29, 3)])
async def test_pages_that_examine_few_rows_cover_the_list_once_and_in_order(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, scan: int, size: int
) -> None:
    monkeypatch.setattr(search, "SCAN_LIMIT", scan)
    for wanted in (
        SessionFilter(),
        SessionFilter(state=SessionStatus.REVOKED),
        SessionFilter(kind=Kind.GUEST),
        SessionFilter(bound=True, caller_address=ADDRESSES[1]),
        SessionFilter(state=SessionStatus.ACTIVE, jkt=KEYS[1], since=NOW + 1),
        SessionFilter(kind=Kind.EMBED),
    ):
        expected = [one.id for one in scene.expected(wanted)]
        for backwards in (False, True):
            assert await walk(scene, wanted, size, backwards=backwards) == expected


async def test_a_page_says_where_its_search_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SCAN_LIMIT", 5)
    fifth = scene.sessions[4]
    page = await scene.page(SessionFilter(kind=Kind.EMBED))
    assert (page.items, page.more_before, page.more_after) == ((), False, True)
    assert page.continue_after == (fifth.created_at, fifth.id)
    full = await scene.page(SessionFilter(kind=Kind.SUBSCRIBER), Window(1, descending=True))
    assert len(full.items) == 1
    assert full.continue_after is None


async def test_a_count_is_exact_up_to_its_limits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(wanted: SessionFilter) -> BoundedCount:
        return await scene.store.sessions.count_project(scene.project, wanted, LATER)

    for wanted in filters(scene):
        assert await count(wanted) == BoundedCount(len(scene.expected(wanted)), is_exact=True)
    monkeypatch.setattr(project_sessions, "COUNT_LIMIT", 28)
    assert await count(SessionFilter()) == BoundedCount(28, is_exact=False)
    monkeypatch.setattr(project_sessions, "COUNT_LIMIT", 29)
    assert await count(SessionFilter()) == BoundedCount(29, is_exact=True)
    monkeypatch.setattr(project_sessions, "COUNT_SCAN_LIMIT", 29)
    active = await count(SessionFilter(state=SessionStatus.ACTIVE))
    assert not active.is_exact
    assert active.value == len(scene.expected(SessionFilter(state=SessionStatus.ACTIVE)))


async def test_each_of_many_revoked_sessions_gets_its_event(scene: Scene) -> None:
    store, given, project = scene.store, scene.given, scene.project
    active = scene.expected(SessionFilter(state=SessionStatus.ACTIVE))
    revoked = scene.expected(SessionFilter(state=SessionStatus.REVOKED))
    others = [one for one in revoked if one.inviter is None]
    before = len((await store.events.list(project, ALL)).items)
    events = {
        one.id: given.event(EventKind.SESSION_REVOKED, project, at=LATER, session=one.id)
        for one in (*active, *others)
    }
    events[UUID(int=7)] = given.event(EventKind.SESSION_REVOKED, project, session=UUID(int=7))
    assert await store.sessions.revoke_each(project, LATER, events) == len(active)
    trail = (await store.events.list(project, ALL)).items[before:]
    assert {(one.session, one.subscriber) for one in trail} == {
        (one.id, one.subscriber) for one in active
    }
    assert await store.sessions.revoke_each(project, LATER, events) == 0
    for one in active:
        found = await store.sessions.get(project, one.id)
        assert found is not None
        assert found.session.revoked_at == LATER


async def test_sessions_of_a_revoked_project_are_not_revoked_again(scene: Scene) -> None:
    store, given, project = scene.store, scene.given, scene.project
    event = given.event(EventKind.PROJECT_REVOKED, project, at=LATER)
    await store.sessions.revoke_project(project, LATER, event)
    revoked = (await scene.page(SessionFilter(state=SessionStatus.REVOKED))).items
    assert [one.id for one in revoked] == [one.id for one in scene.sessions]
    events = {
        one.id: given.event(EventKind.SESSION_REVOKED, project, session=one.id) for one in revoked
    }
    assert await store.sessions.revoke_each(project, LATER + 1, events) == 0


async def test_another_project_s_sessions_cannot_be_revoked(scene: Scene) -> None:
    store, given = scene.store, scene.given
    stranger = await given.project()
    events = {
        one.id: given.event(EventKind.SESSION_REVOKED, stranger, session=one.id)
        for one in scene.sessions
    }
    assert await store.sessions.revoke_each(stranger, LATER, events) == 0
    assert (await store.events.list(stranger, ALL)).items == ()
    for wanted in (SessionFilter(), SessionFilter(subscriber=scene.sessions[0].subscriber)):
        page = await store.sessions.list_project(stranger, wanted, LATER, NEWEST)
        assert page.items == ()
