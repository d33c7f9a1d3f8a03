"""The audit trail: in the transaction of what it tells of, both or neither."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.events import Event, EventKind, Origin
from satmint.model.listing import AddressFilter, Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken
from satmint.model.rotation import RefreshTokenRef
from satmint.store.contract import Store, SubscriberChange
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

KEY = "k" * 43


@dataclass
class Scene:
    """Something of everything, so that every method has a thing to act on."""

    store: Store
    given: Given
    project: UUID
    api_token: ApiToken
    c2c_token: C2cToken
    subscriber: UUID
    session: RefreshTokenRef
    spent: RefreshTokenRef
    """The second ancestor of a head: presenting it is reuse."""
    lost: RefreshTokenRef
    """The parent of a head that was never used: presenting it is a replay."""

    async def everything(self) -> list[object]:
        """All that the contract lets one see."""
        store, project = self.store, self.project
        subscribers = (await store.subscribers.list(project, ALL)).items
        sessions = [
            await store.sessions.list(project, subscriber.id, ALL) for subscriber in subscribers
        ]
        return [
            await store.projects.list(),
            await store.projects.api_token(project, self.api_token.id),
            await store.projects.list_c2c_tokens(project, ALL),
            subscribers,
            sessions,
            await store.addresses.list(project, AddressFilter(), ALL),
            await store.events.list(project, ALL),
        ]


async def test_kind_of_a_later_version_is_listed(store: Store, given: Given) -> None:
    project = await given.project()
    await store.events.record(given.event(EventKind("project_moved"), project))
    page = await store.events.list(project, ALL)
    assert [(one.kind, one.kind.value) for one in page.items] == [("project_moved",) * 2]
    assert "project_moved" not in set(EventKind)


@pytest.fixture
async def scene(store: Store, given: Given) -> Scene:
    return await scene_of(store, given)


async def scene_of(store: Store, given: Given) -> Scene:
    project = await given.project()
    session = await given.session(project, "ann", jkt=KEY)
    spent, lost = await given.session(project, "bob"), await given.session(project, "carol")
    await given.rotate(spent)
    await given.rotate(RefreshTokenRef(project, spent.session, 1, 0))
    await given.rotate(lost)
    return Scene(
        store,
        given,
        project,
        await given.api_token(project),
        await given.c2c_token(project),
        await given.named(project, "ann"),
        session,
        spent,
        lost,
    )


def new_api_token(scene: Scene) -> ApiToken:
    permissions = frozenset({Permission.FAX})
    digest = scene.given.entropy.take(32)
    return ApiToken(scene.given.id(), scene.project, "new", permissions, digest, NOW)


def new_c2c_token(scene: Scene) -> C2cToken:
    digest = scene.given.entropy.take(32)
    address = scene.c2c_token.address
    return C2cToken(scene.given.id(), scene.project, address, "new", digest, (), NOW)


def open_known(scene: Scene, event: Event) -> Awaitable[object]:
    return scene.store.sessions.open_for_reference(
        scene.project,
        scene.given.new_subscriber("ann"),
        SubscriberChange({"first_name": "Ann"}, "hash"),
        scene.given.new_session(),
        NOW,
        event,
    )


def open_new(scene: Scene, event: Event) -> Awaitable[object]:
    return scene.store.sessions.open_for_reference(
        scene.project,
        scene.given.new_subscriber("dave"),
        SubscriberChange({"first_name": "Dave"}),
        scene.given.new_session(),
        NOW,
        event,
    )


Write = Callable[[Scene, Event], Awaitable[object]]

WRITES: dict[str, Write] = {
    "add_api_token": lambda s, e: s.store.projects.add_api_token(new_api_token(s), e),
    "update_api_token": lambda s, e: s.store.projects.update_api_token(
        s.project, s.api_token.id, "renamed", frozenset(), e
    ),
    "delete_api_token": lambda s, e: s.store.projects.delete_api_token(
        s.project, s.api_token.id, e
    ),
    "add_c2c_token": lambda s, e: s.store.projects.add_c2c_token(new_c2c_token(s), e),
    "disable_c2c_token": lambda s, e: s.store.projects.disable_c2c_token(
        s.project, s.c2c_token.id, NOW, e
    ),
    "delete_c2c_token": lambda s, e: s.store.projects.delete_c2c_token(
        s.project, s.c2c_token.id, e
    ),
    "delete_subscriber": lambda s, e: s.store.subscribers.delete(s.project, s.subscriber, NOW, e),
    "open_for_known_reference": open_known,
    "open_for_new_reference": open_new,
    "open_temporary": lambda s, e: s.store.sessions.open_temporary(
        s.project, s.given.id(), Kind.GUEST, s.given.new_session(), NOW, e
    ),
    "rotate": lambda s, e: s.store.sessions.rotate(s.session, NOW + 7200, NOW, 600, e),
    "replay": lambda s, e: s.store.sessions.rotate(s.lost, NOW + 7200, NOW, 600, e),
    "detect_reuse": lambda s, e: s.store.sessions.rotate(s.spent, NOW + 7200, NOW, 600, e),
    "revoke": lambda s, e: s.store.sessions.revoke(s.project, s.session.session, NOW, e),
    "revoke_key": lambda s, e: s.store.sessions.revoke_key(s.project, s.subscriber, KEY, NOW, e),
    "revoke_subscriber": lambda s, e: s.store.sessions.revoke_subscriber(
        s.project, s.subscriber, NOW, e
    ),
    "revoke_project": lambda s, e: s.store.sessions.revoke_project(s.project, NOW, e),
}


@pytest.mark.parametrize("name", WRITES)
async def test_what_happens_is_told_once(scene: Scene, name: str) -> None:
    before = (await scene.store.events.list(scene.project, ALL)).items
    event = scene.given.event(EventKind.ISSUED, scene.project)
    await WRITES[name](scene, event)
    after = (await scene.store.events.list(scene.project, ALL)).items
    assert [one.id for one in after[:-1]] == [one.id for one in before]
    assert (after[-1].id, after[-1].at, after[-1].origin) == (event.id, event.at, event.origin)


@pytest.mark.parametrize("name", WRITES)
async def test_what_cannot_be_told_does_not_happen(scene: Scene, name: str) -> None:
    """The event's id is one that was used before, so its row cannot be written."""
    event = scene.given.event(EventKind.ISSUED, scene.project)
    await scene.store.projects.add_api_token(new_api_token(scene), event)
    before = await scene.everything()
    with pytest.raises(Exception, match="events"):
        await WRITES[name](scene, event)
    assert await scene.everything() == before


async def test_an_event_is_kept_as_it_was_given(store: Store, given: Given) -> None:
    project = await given.project()
    origin = Origin("req-«7»", "2001:db8::7", "agent/1 (ünïcode)")
    event = Event(
        given.event(EventKind.API_TOKEN_CREATED, project).id,
        project,
        EventKind.API_TOKEN_CREATED,
        NOW,
        origin,
        subscriber=given.id(),
        session=given.id(),
        subject=given.id(),
        generation=7,
        cause="because",
    )
    token = ApiToken(given.id(), project, "new", frozenset(), given.entropy.take(32), NOW)
    await store.projects.add_api_token(token, event)
    assert (await store.events.list(project, ALL)).items == (event,)


async def test_events_stand_in_the_order_in_which_they_were_made(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    session = await given.session(project)
    await given.session(other)
    for generation in range(5):
        await given.rotate(RefreshTokenRef(project, session.session, generation, 0))
    events = (await store.events.list(project, ALL)).items
    assert [event.generation for event in events] == [None, 1, 2, 3, 4, 5]
    newest_first = await store.events.list(project, Window(2, descending=True))
    assert newest_first.items == (events[5], events[4])
    assert [event.kind for event in (await store.events.list(other, ALL)).items] == [
        EventKind.ISSUED
    ]
