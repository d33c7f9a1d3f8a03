"""News of what may have ended sessions, for every project and from every process."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from satmint.model.events import REVOCATION_EVENTS, Event, EventCursor, EventKind
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.store_setup import ALL, Given, generation


async def revocations(store: Store) -> Sequence[Event]:
    return [event for _, event in (await store.events.revocations(EventCursor(0), 1000)).events]


async def test_recorded_event_is_read_back_as_it_is(store: Store, given: Given) -> None:
    project = await given.project()
    event = given.event(
        EventKind.DOWNGRADE_REFUSED, project, session=given.id(), subscriber=given.id()
    )
    await store.events.record(event)
    assert [*(await store.events.list(project, ALL)).items] == [event]


@pytest.mark.parametrize("kind", EventKind)
async def test_only_what_ends_sessions_is_told(store: Store, given: Given, kind: EventKind) -> None:
    project = await given.project()
    event = given.event(kind, project, session=given.id())
    await store.events.record(event)
    assert [*await revocations(store)] == ([event] if kind in REVOCATION_EVENTS else [])


async def test_every_way_of_ending_a_session_is_told_with_whom_it_names(
    store: Store, given: Given
) -> None:
    project = await given.project()
    one, spent = await given.session(project, "ann"), await given.session(project, "bob")
    ann, bob = await given.named(project, "ann"), await given.named(project, "bob")
    key = "k" * 43
    await given.session(project, "bob", jkt=key)
    await given.rotate(spent)
    await given.rotate(generation(spent, 1))
    await given.rotate(spent, subscriber=bob)
    sessions = store.sessions

    def event(kind: EventKind, subscriber: UUID | None = None) -> Event:
        return given.event(kind, project, subscriber=subscriber)

    await given.revoke(one)
    revoked = event(EventKind.SESSION_REVOKED, bob)
    assert await sessions.revoke_key(project, bob, key, NOW, revoked) == 1
    raised = event(EventKind.SUBSCRIBER_REVOKED, bob)
    await sessions.revoke_subscriber(project, bob, NOW, raised)
    gone = event(EventKind.SUBSCRIBER_DELETED, ann)
    assert await store.subscribers.delete(project, ann, NOW, gone)
    await sessions.revoke_project(project, NOW, event(EventKind.PROJECT_REVOKED))
    told = [(found.kind, found.session, found.subscriber) for found in await revocations(store)]
    assert told == [
        (EventKind.REUSE_DETECTED, spent.session, bob),
        (EventKind.SESSION_REVOKED, one.session, ann),
        (EventKind.SESSION_REVOKED, None, bob),
        (EventKind.SUBSCRIBER_REVOKED, None, bob),
        (EventKind.SUBSCRIBER_DELETED, None, ann),
        (EventKind.PROJECT_REVOKED, None, None),
    ]


async def test_news_are_of_all_projects_in_order_and_in_parts(store: Store, given: Given) -> None:
    projects = [await given.project(), await given.project("other")]
    events = []
    for at in range(6):
        project = projects[at % 2]
        session = await given.session(project, at=NOW + at)
        await given.revoke(session, at=NOW + at)
        events.append(session.session)
    found: list[Event] = []
    cursor = EventCursor(0)
    while part := (await store.events.revocations(cursor, 4)).events:
        assert len(part) <= 4
        found += [event for _, event in part]
        cursor = part[-1][0]
    assert [event.session for event in found] == events
    assert [event.project for event in found] == projects * 3


async def test_news_of_another_process_are_told(database: Open, given: Given, store: Store) -> None:
    project = await given.project()
    session = await given.session(project)
    async with database() as other:
        elsewhere = Given(other, "elsewhere")
        await elsewhere.revoke(session)
    assert [event.session for event in await revocations(store)] == [session.session]


async def test_a_project_s_revocations_are_read_from_a_position_on(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    events = [
        given.event(EventKind.SESSION_REVOKED, one, session=given.id())
        for one in (project, other, project)
    ]
    for event in (*events, given.event(EventKind.ISSUED, project, session=given.id())):
        await store.events.record(event)
    batch = await store.events.revocations_of(project, EventCursor(0), 10)
    assert [event for _, event in batch.events] == [events[0], events[2]]
    (first, _), (second, _) = batch.events
    assert first.position <= second.position < batch.newest
    for cursor, limit, expected in (
        (EventCursor(first.position), 1, [events[0]]),
        (first, 10, [events[2]]),
        (second, 10, []),
    ):
        found = (await store.events.revocations_of(project, cursor, limit)).events
        assert [event for _, event in found] == expected


async def test_epoch_of_a_project_is_raised_and_sessions_know_theirs(
    store: Store, given: Given
) -> None:
    project = await given.project()
    before = await given.session(project, "ann")
    assert await store.projects.epoch(project) == 0
    event = given.event(EventKind.PROJECT_REVOKED, project)
    await store.sessions.revoke_project(project, NOW, event)
    after = await given.session(project, "bob")
    assert await store.projects.epoch(project) == 1
    for ref, epoch in ((before, 0), (after, 1)):
        found = await store.sessions.get(project, ref.session)
        assert found is not None
        assert found.project_epoch == epoch
    assert await store.projects.epoch(given.id()) is None
