"""Opening, listing and revoking sessions."""

import asyncio

import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.lifetimes import FOREVER
from satmint.model.listing import AddressFilter
from satmint.model.records import Session, StoredSession
from satmint.model.rotation import Cause, Head, RefreshTokenRef, Refused, Replayed, Rotated
from satmint.store.contract import OpenedSession, Store, SubscriberChange
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.store_setup import ALL, ORIGIN, Given, generation

KEY = "k" * 43
OTHER_KEY = "o" * 43


async def test_opening_for_a_new_reference_creates_subscriber_address_and_session(
    store: Store, given: Given
) -> None:
    project = await given.project()
    new = given.new_subscriber("ann@example.com", "ann@example.com")
    session = given.new_session(expires_at=NOW + 60, deadline=NOW + 9000, jkt=KEY)
    event = given.event(EventKind.ISSUED, project, session=session.id)
    change = SubscriberChange({"first_name": "Ann", "region": "us-central"})
    opened = await store.sessions.open_for_reference(project, new, change, session, NOW, event)

    assert opened == OpenedSession(new.id, 0)
    subscriber = await store.subscribers.get(project, new.id)
    assert subscriber is not None
    assert (subscriber.reference, subscriber.email) == ("ann@example.com", "ann@example.com")
    assert (subscriber.profile.first_name, subscriber.profile.region) == ("Ann", "us-central")
    own = await store.addresses.list(project, AddressFilter(subscriber=new.id), ALL)
    assert [address.id for address in own.items] == [new.address_id]
    assert await store.sessions.get(project, session.id) == StoredSession(
        Session(
            id=session.id,
            project=project,
            subscriber=new.id,
            kind=Kind.SUBSCRIBER,
            head=Head(0, NOW, NOW + 60, KEY),
            seen_generation=-1,
            created_at=NOW,
            deadline=NOW + 9000,
            lives_until=NOW + 360,
            address=ORIGIN.address,
            agent=ORIGIN.agent,
        ),
        subscriber_epoch=0,
    )
    (told,) = (await store.events.list(project, ALL)).items
    assert (told.id, told.kind, told.session, told.subscriber) == (
        event.id,
        EventKind.ISSUED,
        session.id,
        new.id,
    )


async def test_opening_for_a_known_reference_sets_fields_and_keeps_the_rest(
    store: Store, given: Given
) -> None:
    project = await given.project()
    ann = await given.subscriber(project, "ann", fields={"first_name": "Ann", "country": "FR"})
    opened = await given.signed_in(project, "ann", fields={"country": "BE"}, at=NOW + 5)
    assert opened == OpenedSession(ann, 0)
    subscriber = await store.subscribers.get(project, ann)
    assert subscriber is not None
    assert (subscriber.profile.first_name, subscriber.profile.country) == ("Ann", "BE")
    assert len((await store.subscribers.list(project, ALL)).items) == 1
    assert len((await store.addresses.list(project, AddressFilter(), ALL)).items) == 1


async def test_signing_in_with_fields_as_they_are_writes_nothing_of_the_subscriber(
    store: Store, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many backends send all they know of somebody at each sign-in: it costs no step of its own."""

    async def never(*_: object) -> OpenedSession:
        raise AssertionError("took a transaction of its own")

    project = await given.project()
    fields = {
        "first_name": 'D\'Ann "x"',
        "display_name": "Ünï \\ 株式",
        "country": None,
        "region": "",
    }
    ann = await given.subscriber(project, "ann", fields=fields)
    bob = await given.subscriber(project, "bob", fields=fields)
    before = await store.subscribers.get(project, ann)
    monkeypatch.setattr("satmint.store.postgres.sessions.open_for_reference", never)
    opened = await asyncio.gather(
        *(
            given.signed_in(project, name, fields=said, at=NOW + 5)
            for name in ("ann", "bob")
            for said in (fields, {"country": None}, {"region": ""}, {})
        )
    )
    assert opened == [OpenedSession(ann, 0)] * 4 + [OpenedSession(bob, 0)] * 4
    assert await store.subscribers.get(project, ann) == before


@pytest.mark.parametrize(
    "said",
    [
        {"first_name": "ann"},
        {"first_name": None},
        {"first_name": ""},
        {"country": ""},
        {"first_name": "Ann", "region": None},
    ],
)
async def test_signing_in_with_a_field_that_differs_sets_it(
    store: Store, given: Given, said: dict[str, str | None]
) -> None:
    project = await given.project()
    fields = {"first_name": "Ann", "country": None, "region": ""}
    ann = await given.subscriber(project, "ann", fields=fields)
    assert await given.signed_in(project, "ann", fields=said, at=NOW + 5) == OpenedSession(ann, 0)
    found = await store.subscribers.get(project, ann)
    assert found is not None
    assert {name: getattr(found.profile, name) for name in fields} == {**fields, **said}
    assert (found.created_at, found.updated_at) == (NOW, NOW + 5)


@pytest.mark.parametrize("servers", [1, 2])
async def test_fifty_who_name_one_new_reference_at_once_get_sessions_of_one_subscriber(
    database: Open, store: Store, given: Given, servers: int
) -> None:
    project = await given.project()
    async with database() as second:
        hands = (given, given if servers == 1 else Given(second, "second"))
        opened = await asyncio.gather(
            *(hand.session(project, "ann@example.com") for _ in range(25) for hand in hands)
        )
    (ann,) = (await store.subscribers.list(project, ALL)).items
    assert len((await store.addresses.list(project, AddressFilter(), ALL)).items) == 1
    sessions = (await store.sessions.list(project, ann.id, ALL)).items
    assert {found.id for found in sessions} == {ref.session for ref in opened}
    assert len(sessions) == 50


async def test_opening_with_anothers_email_makes_a_subscriber_without_it(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await given.subscriber(project, "user-1", email="ann@example.com")
    new, session = given.new_subscriber("ann@example.com", "ann@example.com"), given.new_session()
    opened = await store.sessions.open_for_reference(
        project,
        new,
        SubscriberChange(),
        session,
        NOW,
        given.event(EventKind.ISSUED, project, session=session.id),
    )
    assert opened == OpenedSession(new.id, 0)
    made = await store.subscribers.get(project, new.id)
    assert made is not None
    assert (made.reference, made.email) == ("ann@example.com", None)
    assert await store.sessions.get(project, session.id) is not None
    assert await given.kinds(project) == [EventKind.ISSUED]


@pytest.mark.parametrize("kind", [Kind.GUEST, Kind.INVITE, Kind.EMBED])
async def test_a_temporary_subscriber_comes_with_its_session(
    store: Store, given: Given, kind: Kind
) -> None:
    project = await given.project()
    guest, ref = await given.guest(project, kind=kind)
    state = await store.sessions.get(project, ref.session)
    assert state is not None
    assert (state.session.subscriber, state.session.kind) == (guest, kind)
    assert (state.subscriber_epoch, state.session.deadline) == (0, FOREVER)
    assert isinstance(await given.rotate(ref), Rotated)
    assert await given.kinds(project) == [EventKind.ISSUED, EventKind.REFRESHED]


async def test_a_recheck_finds_what_a_look_up_finds(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    ref = await given.session(project, jkt=KEY)
    found = await store.sessions.recheck(project, ref.session)
    known = await store.sessions.get(project, ref.session)
    assert found is not None
    assert known is not None
    assert (found.session, found.state) == (known.session, known.state)
    assert await store.sessions.recheck(other, ref.session) is None


async def test_sessions_are_listed_for_their_own_subscriber(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    late = await given.session(project, "ann", at=NOW + 1)
    early = await given.session(project, "ann", at=NOW)
    await given.session(project, "bob")
    await given.session(other, "ann")
    ann = await given.named(project, "ann")
    listed = (await store.sessions.list(project, ann, ALL)).items
    assert [found.id for found in listed] == [early.session, late.session]
    assert (await store.sessions.list(other, ann, ALL)).items == ()


async def test_a_revoked_session_is_refused_and_still_listed(store: Store, given: Given) -> None:
    project = await given.project()
    session, bystander = await given.session(project, "ann"), await given.session(project, "ann")
    assert await given.revoke(session, at=NOW + 7) is True
    assert await given.rotate(session, at=NOW + 8) == Refused(Cause.REVOKED)
    assert isinstance(await given.rotate(bystander, at=NOW + 8), Rotated)
    ann = await given.named(project, "ann")
    listed = {found.id: found for found in (await store.sessions.list(project, ann, ALL)).items}
    assert listed[session.session].revoked_at == NOW + 7
    assert listed[bystander.session].revoked_at is None


async def test_revoking_twice_is_as_good_as_once(store: Store, given: Given) -> None:
    project = await given.project()
    session = await given.session(project)
    for at in (NOW + 7, NOW + 9):
        assert await given.revoke(session, at=at) is True
    state = await store.sessions.get(project, session.session)
    assert state is not None
    assert state.session.revoked_at == NOW + 7
    assert (await given.kinds(project)).count(EventKind.SESSION_REVOKED) == 1


async def test_revoking_an_unknown_session_records_nothing(given: Given) -> None:
    project = await given.project()
    assert await given.revoke(RefreshTokenRef(project, given.id(), 0, 0)) is False
    assert await given.kinds(project) == []


async def test_revoking_a_key_ends_only_sessions_of_that_subscriber_and_key(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    bound = [await given.session(project, "ann", jkt=KEY) for _ in range(3)]
    untouched = [
        await given.session(project, "ann", jkt=OTHER_KEY),
        await given.session(project, "ann"),
        await given.session(project, "bob", jkt=KEY),
        await given.session(other, "ann", jkt=KEY),
    ]
    await given.revoke(bound[0])
    ann = await given.named(project, "ann")

    async def revoke_key() -> int:
        event = given.event(EventKind.SESSION_REVOKED, project, at=NOW + 1)
        return await store.sessions.revoke_key(project, ann, KEY, NOW + 1, event)

    assert await revoke_key() == 2
    for ref in bound:
        assert await given.rotate(ref, at=NOW + 1) == Refused(Cause.REVOKED)
    for ref in untouched:
        assert isinstance(await given.rotate(ref, at=NOW + 1), Rotated)
    before = await given.kinds(project)
    assert before.count(EventKind.SESSION_REVOKED) == 2
    assert await revoke_key() == 0
    assert await given.kinds(project) == before


async def test_revoking_a_subscriber_kills_everything_issued_so_far_and_nothing_later(
    store: Store, given: Given
) -> None:
    project = await given.project()
    old = [await given.session(project, "ann", jkt=jkt) for jkt in (None, KEY, None)]
    bystander = await given.session(project, "bob")
    await given.revoke(old[2])
    ann = await given.named(project, "ann")
    event = given.event(EventKind.SUBSCRIBER_REVOKED, project)

    assert await store.sessions.revoke_subscriber(project, ann, NOW + 1, event) == 2

    fresh = await given.session(project, "ann", at=NOW + 1)
    assert fresh.epoch == 1
    for ref in old:
        assert await given.rotate(ref, at=NOW + 1) == Refused(Cause.REVOKED)
        state = await store.sessions.get(project, ref.session)
        assert state is not None
        assert state.subscriber_epoch == 1
    for ref in (fresh, bystander):
        assert isinstance(await given.rotate(ref, at=NOW + 1), Rotated)
    assert (await given.kinds(project)).count(EventKind.SUBSCRIBER_REVOKED) == 1


async def test_a_temporary_subscriber_can_be_revoked_too(store: Store, given: Given) -> None:
    project = await given.project()
    guest, ref = await given.guest(project)
    event = given.event(EventKind.SUBSCRIBER_REVOKED, project)
    assert await store.sessions.revoke_subscriber(project, guest, NOW, event) == 1
    assert await given.rotate(ref) == Refused(Cause.REVOKED)


async def test_revoking_an_unknown_or_foreign_subscriber_does_nothing(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    session = await given.session(project, "ann", jkt=KEY)
    ann = await given.named(project, "ann")
    for subscriber in (ann, given.id()):
        event = given.event(EventKind.SUBSCRIBER_REVOKED, other)
        assert await store.sessions.revoke_subscriber(other, subscriber, NOW, event) is None
        assert await store.sessions.revoke_key(other, subscriber, KEY, NOW, event) == 0
    assert await given.kinds(other) == []
    assert isinstance(await given.rotate(session), Rotated)


async def test_revoking_a_project_kills_everything_issued_so_far_and_nothing_later(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    old = [await given.session(project, name, jkt=KEY) for name in ("ann", "bob")]
    old.append((await given.guest(project))[1])
    bystander = await given.session(other, "ann")

    async def revoke(at: int) -> None:
        event = given.event(EventKind.PROJECT_REVOKED, project, at=at)
        await store.sessions.revoke_project(project, at, event)

    await revoke(NOW + 1)
    fresh = await given.session(project, "ann", at=NOW + 1)
    for ref in old:
        assert await given.rotate(ref, at=NOW + 1) == Refused(Cause.REVOKED)
        state = await store.sessions.get(project, ref.session)
        assert state is not None
        assert state.session.revoked_at == NOW + 1
    assert isinstance(await given.rotate(bystander, at=NOW + 1), Rotated)
    assert isinstance(await given.rotate(fresh, at=NOW + 1), Rotated)

    await revoke(NOW + 2)
    replayed = await given.rotate(fresh, at=NOW + 2)
    assert replayed == Refused(Cause.REVOKED)
    assert (await given.kinds(project)).count(EventKind.PROJECT_REVOKED) == 2
    assert EventKind.PROJECT_REVOKED not in await given.kinds(other)


async def test_what_died_with_its_project_is_not_live_to_a_later_revocation(
    store: Store, given: Given
) -> None:
    project = await given.project()
    dead = await given.session(project, "ann", jkt=KEY)
    event = given.event(EventKind.PROJECT_REVOKED, project)
    await store.sessions.revoke_project(project, NOW, event)
    await given.session(project, "ann", jkt=KEY)
    ann = await given.named(project, "ann")
    before = len(await given.kinds(project))
    assert await given.revoke(dead, at=NOW + 1) is True
    assert len(await given.kinds(project)) == before
    event = given.event(EventKind.SESSION_REVOKED, project)
    assert await store.sessions.revoke_key(project, ann, KEY, NOW + 1, event) == 1
    event = given.event(EventKind.SUBSCRIBER_REVOKED, project)
    assert await store.sessions.revoke_subscriber(project, ann, NOW + 1, event) == 0
    state = await store.sessions.get(project, dead.session)
    assert state is not None
    assert state.session.revoked_at == NOW


@pytest.mark.parametrize("how", ["session", "key", "subscriber", "deletion", "project"])
@pytest.mark.parametrize("servers", [1, 2])
async def test_once_a_revocation_has_returned_no_rotation_succeeds(
    database: Open, store: Store, given: Given, how: str, servers: int
) -> None:
    """Callers keep refreshing while it comes in between, here or on another server."""
    project = await given.project()
    first = await given.session(project, "ann", jkt=KEY)
    ann = await given.named(project, "ann")
    returned = False
    under_way = asyncio.Event()
    heads: list[int] = []

    async def refresh_for_ever(hand: Given) -> Refused:
        ref = first
        while True:
            asked_after = returned
            verdict = await hand.rotate(ref)
            if isinstance(verdict, Refused):
                return verdict
            assert not asked_after, "a rotation succeeded that was asked for after the revocation"
            assert isinstance(verdict, (Rotated, Replayed))
            heads.append(verdict.head.generation)
            ref = generation(first, verdict.head.generation)
            if len(heads) > 20:
                under_way.set()

    async def revoke() -> None:
        event = given.event(EventKind.SESSION_REVOKED, project, session=first.session)
        match how:
            case "session":
                assert await store.sessions.revoke(project, first.session, NOW, event)
            case "key":
                assert await store.sessions.revoke_key(project, ann, KEY, NOW, event) == 1
            case "subscriber":
                assert await store.sessions.revoke_subscriber(project, ann, NOW, event) == 1
            case "project":
                await store.sessions.revoke_project(project, NOW, event)
            case _:
                assert await store.subscribers.delete(project, ann, NOW, event)

    async with database() as second, asyncio.TaskGroup() as callers:
        hand = given if servers == 1 else Given(second, "second")
        chains = [callers.create_task(refresh_for_ever(hand)) for _ in range(2)]
        await under_way.wait()
        await revoke()
        returned = True
        state = await store.sessions.get(project, first.session)
    assert state is not None
    assert await store.sessions.get(project, first.session) == state
    expected = Refused(Cause.SUBSCRIBER_DELETED if how == "deletion" else Cause.REVOKED)
    assert [chain.result() for chain in chains] == [expected] * 2
    assert max(heads) == state.session.head.generation


async def test_revoking_a_project_ends_every_session_it_has_and_no_other(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    mine = [await given.session(project, name) for name in ("ann", "bob")]
    _, guest = await given.guest(project)
    bystander = await given.session(other, "ann")
    event = given.event(EventKind.PROJECT_REVOKED, project, at=NOW + 1)
    await store.sessions.revoke_project(project, NOW + 1, event)
    for ref in (*mine, guest):
        assert await given.rotate(ref, at=NOW + 2) == Refused(Cause.REVOKED)
        state = await store.sessions.get(project, ref.session)
        assert state is not None
        assert state.session.revoked_at == NOW + 1
    ann = await given.named(project, "ann")
    assert [one.revoked_at for one in (await store.sessions.list(project, ann, ALL)).items] == [
        NOW + 1
    ]
    assert isinstance(await given.rotate(bystander, at=NOW + 2), Rotated)
    assert await given.kinds(project) == [*[EventKind.ISSUED] * 3, EventKind.PROJECT_REVOKED]


async def test_sessions_opened_after_their_projects_revocation_live(
    store: Store, given: Given
) -> None:
    project = await given.project()
    for _ in range(2):
        event = given.event(EventKind.PROJECT_REVOKED, project)
        await store.sessions.revoke_project(project, NOW, event)
    later = await given.session(project, "ann")
    state = await store.sessions.get(project, later.session)
    assert state is not None
    assert state.session.revoked_at is None
    assert isinstance(await given.rotate(later), Rotated)
