"""Subscribers, and the address that each of them gets."""

import asyncio
from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter
from satmint.model.records import Address, AddressType, Channel, Profile, Subscriber
from satmint.model.rotation import Cause, Refused, Rotated
from satmint.store.contract import NotUnique, Store, SubscriberChange
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

PROFILE: dict[str, str | None] = {
    "first_name": "Ann",
    "last_name": "O'Neill",
    "display_name": "Ann «the operator»",
    "job_title": "Agent",
    "time_zone": "Europe/Paris",
    "country": "FR",
    "region": "us-central",
    "company_name": "Ünïcode 株式会社",
}


async def known(store: Store, project: UUID, subscriber: UUID) -> Subscriber:
    found = await store.subscribers.get(project, subscriber)
    assert found is not None
    return found


async def addresses_of(store: Store, project: UUID, subscriber: UUID) -> tuple[Address, ...]:
    wanted = AddressFilter(subscriber=subscriber)
    return tuple((await store.addresses.list(project, wanted, ALL)).items)


async def test_a_subscriber_is_found_by_its_reference_and_by_its_email(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    alice = await given.subscriber(project, "alice", "alice@example.com")
    bob = await given.subscriber(project, "bob")
    elsewhere = await given.subscriber(other, "alice")
    assert await store.subscribers.find(project, "alice") == await known(store, project, alice)
    assert await store.subscribers.find(project, "alice@example.com") == await known(
        store, project, alice
    )
    assert await store.subscribers.find(project, "bob") == await known(store, project, bob)
    assert await store.subscribers.find(other, "alice") == await known(store, other, elsewhere)
    for nobody in ("", "Alice", "alic", "%", str(alice)):
        assert await store.subscribers.find(project, nobody) is None
    assert await store.subscribers.find(other, "bob") is None


async def test_of_two_subscribers_of_one_name_the_one_who_signs_in_with_it_is_found(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await given.subscriber(project, "older", "name@example.com", at=NOW)
    own = await given.subscriber(project, "name@example.com", at=NOW + 5)
    for form in ("name@example.com", "Name@Example.com"):
        found = await store.subscribers.find(project, form)
        assert found is not None
        assert found.id == own


async def test_a_temporary_subscriber_is_not_found_by_name(store: Store, given: Given) -> None:
    project = await given.project()
    subscriber, _ = await given.guest(project)
    assert await store.subscribers.get(project, subscriber) is not None
    assert await store.subscribers.find(project, "") is None


async def test_a_new_subscriber_has_its_fields_and_epoch_zero(store: Store, given: Given) -> None:
    project = await given.project()
    new = given.new_subscriber("ann@example.com", "ann@example.com")
    created = await store.subscribers.create(new, project, SubscriberChange(dict(PROFILE)), NOW)
    assert created == Subscriber(
        id=new.id,
        project=project,
        kind=Kind.SUBSCRIBER,
        reference="ann@example.com",
        email="ann@example.com",
        profile=Profile(**PROFILE),
        epoch=0,
        created_at=NOW,
        updated_at=NOW,
    )
    assert await store.subscribers.get(project, new.id) == created


async def test_a_new_subscriber_gets_an_address_of_its_own(store: Store, given: Given) -> None:
    project = await given.project()
    new = given.new_subscriber("Ann.Lee@example.com")
    await store.subscribers.create(new, project, SubscriberChange(), NOW)
    assert await addresses_of(store, project, new.id) == (
        Address(
            id=new.address_id,
            project=project,
            context="private",
            name="ann-lee",
            display_name="ann-lee",
            type=AddressType.SUBSCRIBER,
            channels=frozenset(Channel),
            created_at=NOW,
            subscriber=new.id,
        ),
    )


async def test_namesakes_get_addresses_of_different_names(store: Store, given: Given) -> None:
    project = await given.project()
    references = ["bob@a.example", "bob@b.example", "bob@c.example", "Bob!", "日本", "…"]
    ids = [await given.subscriber(project, reference) for reference in references]
    names = [(await addresses_of(store, project, found))[0].name for found in ids]
    assert names[0] == "bob"
    assert names[4] == "subscriber"
    assert len(set(names)) == len(names)


async def test_an_address_that_is_taken_already_does_not_keep_a_subscriber_out(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await given.address(project, context="private", name="carol")
    carol = await given.subscriber(project, "carol")
    assert (await addresses_of(store, project, carol))[0].name.startswith("carol-")


@pytest.mark.parametrize(
    ("reference", "email", "attribute"),
    [
        ("ann", None, "reference"),
        ("else", "ann@example.com", "email"),
        ("ann", "ann@example.com", "reference"),
    ],
)
async def test_a_taken_reference_or_email_is_refused_and_leaves_nothing(
    store: Store, given: Given, reference: str, email: str | None, attribute: str
) -> None:
    project = await given.project()
    first = await given.subscriber(project, "ann", email="ann@example.com")
    before = await store.addresses.list(project, AddressFilter(), ALL)
    new = given.new_subscriber(reference, email)
    with pytest.raises(NotUnique) as refused:
        await store.subscribers.create(new, project, SubscriberChange(), NOW)
    assert refused.value.attribute == attribute
    assert await store.subscribers.get(project, new.id) is None
    assert [found.id for found in (await store.subscribers.list(project, ALL)).items] == [first]
    assert await store.addresses.list(project, AddressFilter(), ALL) == before


async def test_two_projects_may_have_the_same_subscribers(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    for project in (mine, other):
        await given.subscriber(project, "ann@example.com", email="ann@example.com")
    assert len((await store.subscribers.list(mine, ALL)).items) == 1
    assert len((await store.subscribers.list(other, ALL)).items) == 1


async def test_of_many_who_create_one_reference_at_once_one_succeeds(
    store: Store, given: Given
) -> None:
    project = await given.project()
    outcomes = await asyncio.gather(
        *(given.subscriber(project, "ann", email="ann@example.com") for _ in range(20)),
        return_exceptions=True,
    )
    created = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotUnique)]
    assert (len(created), len(refused)) == (1, 19)
    assert {error.attribute for error in refused} == {"reference"}
    items = (await store.subscribers.list(project, ALL)).items
    assert [found.id for found in items] == created
    assert len((await store.addresses.list(project, AddressFilter(), ALL)).items) == 1


async def test_temporary_subscribers_are_found_but_not_listed(store: Store, given: Given) -> None:
    project = await given.project()
    proper = await given.subscriber(project, "ann")
    for kind in (Kind.GUEST, Kind.INVITE, Kind.EMBED):
        temporary, _ = await given.guest(project, kind=kind)
        found = await known(store, project, temporary)
        assert (found.kind, found.reference, found.email) == (kind, None, None)
        assert await addresses_of(store, project, temporary) == ()
    assert [found.id for found in (await store.subscribers.list(project, ALL)).items] == [proper]


async def test_a_subscriber_is_unknown_in_another_project(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    ann = await given.subscriber(mine, "ann")
    before = await known(store, mine, ann)
    event = given.event(EventKind.SUBSCRIBER_DELETED, other)
    change = SubscriberChange({"first_name": "Mallory"})
    assert await store.subscribers.get(other, ann) is None
    assert await store.subscribers.update(other, ann, change, NOW + 1) is None
    assert await store.subscribers.delete(other, ann, NOW + 1, event) is False
    assert (await store.subscribers.list(other, ALL)).items == ()
    assert await known(store, mine, ann) == before
    assert await given.kinds(other) == []


@pytest.mark.parametrize("field", list(PROFILE))
async def test_updating_sets_the_given_field_and_leaves_the_others(
    store: Store, given: Given, field: str
) -> None:
    project = await given.project()
    ann = await given.subscriber(project, "ann", fields=PROFILE)
    bystander = await given.subscriber(project, "bob", fields=PROFILE)
    change = SubscriberChange({field: "changed"})
    updated = await store.subscribers.update(project, ann, change, NOW + 5)
    assert updated is not None
    assert updated.profile == Profile(**{**PROFILE, field: "changed"})
    assert (updated.created_at, updated.updated_at) == (NOW, NOW + 5)
    assert await known(store, project, ann) == updated
    assert (await known(store, project, bystander)).profile == Profile(**PROFILE)


async def test_a_field_can_be_emptied(store: Store, given: Given) -> None:
    project = await given.project()
    ann = await given.subscriber(project, "ann", fields=PROFILE)
    change = SubscriberChange({"job_title": None, "country": ""})
    updated = await store.subscribers.update(project, ann, change, NOW + 5)
    assert updated is not None
    assert (updated.profile.job_title, updated.profile.country) == (None, "")


@pytest.mark.parametrize(
    ("reference", "expected"), [("ann@example.com", "ann@example.org"), ("user-7", "user-7")]
)
async def test_a_reference_that_is_the_email_follows_it(
    store: Store, given: Given, reference: str, expected: str
) -> None:
    project = await given.project()
    ann = await given.subscriber(project, reference, email="ann@example.com")
    change = SubscriberChange({"email": "ann@example.org"})
    updated = await store.subscribers.update(project, ann, change, NOW)
    assert updated is not None
    assert (updated.reference, updated.email) == (expected, "ann@example.org")


@pytest.mark.parametrize("taken", ["bob@example.com", "carol@example.com"])
async def test_updating_to_a_taken_email_is_refused_and_changes_nothing(
    store: Store, given: Given, taken: str
) -> None:
    project = await given.project()
    await given.subscriber(project, "bob", email="bob@example.com")
    await given.subscriber(project, "carol@example.com")
    ann = await given.subscriber(project, "ann@example.com", email="ann@example.com")
    before = await known(store, project, ann)
    change = SubscriberChange({"email": taken, "first_name": "Mallory"})
    with pytest.raises(NotUnique) as refused:
        await store.subscribers.update(project, ann, change, NOW + 5)
    assert refused.value.attribute == "email"
    assert await known(store, project, ann) == before


async def test_updating_to_the_present_email_is_no_conflict(store: Store, given: Given) -> None:
    project = await given.project()
    ann = await given.subscriber(project, "ann@example.com", email="ann@example.com")
    change = SubscriberChange({"email": "ann@example.com"})
    updated = await store.subscribers.update(project, ann, change, NOW)
    assert updated is not None
    assert (updated.reference, updated.email) == ("ann@example.com", "ann@example.com")


async def test_unknown_and_temporary_subscribers_are_neither_updated_nor_deleted(
    store: Store, given: Given
) -> None:
    project = await given.project()
    guest, _ = await given.guest(project)
    before = await known(store, project, guest)
    for subscriber in (guest, given.id()):
        event = given.event(EventKind.SUBSCRIBER_DELETED, project)
        change = SubscriberChange({"first_name": "Mallory"})
        assert await store.subscribers.update(project, subscriber, change, NOW) is None
        assert await store.subscribers.delete(project, subscriber, NOW, event) is False
    assert await known(store, project, guest) == before
    assert EventKind.SUBSCRIBER_DELETED not in await given.kinds(project)


async def test_a_deleted_subscriber_takes_its_addresses_and_sessions_along(
    store: Store, given: Given
) -> None:
    project = await given.project()
    first = await given.session(project, "ann")
    second = await given.session(project, "ann")
    bystander = await given.session(project, "bob")
    ann, bob = await given.named(project, "ann"), await given.named(project, "bob")
    own = await given.address(project, subscriber=ann)
    event = given.event(EventKind.SUBSCRIBER_DELETED, project)

    assert await store.subscribers.delete(project, ann, NOW + 1, event) is True

    assert await store.subscribers.get(project, ann) is None
    assert await addresses_of(store, project, ann) == ()
    assert await store.addresses.get(project, own.id) is None
    assert len(await addresses_of(store, project, bob)) == 1
    for ref in (first, second):
        assert await given.rotate(ref, at=NOW + 1) == Refused(Cause.SUBSCRIBER_DELETED)
        state = await store.sessions.get(project, ref.session)
        assert state is not None
        assert (state.subscriber_epoch, state.session.revoked_at) == (None, NOW + 1)
    assert isinstance(await given.rotate(bystander, at=NOW + 1), Rotated)
    assert (await given.kinds(project)).count(EventKind.SUBSCRIBER_DELETED) == 1


async def test_a_subscriber_is_deleted_once(store: Store, given: Given) -> None:
    project = await given.project()
    ann = await given.subscriber(project, "ann")

    async def delete() -> bool:
        event = given.event(EventKind.SUBSCRIBER_DELETED, project)
        return await store.subscribers.delete(project, ann, NOW, event)

    assert sorted(await asyncio.gather(*(delete() for _ in range(5)))) == [False] * 4 + [True]
    assert await given.kinds(project) == [EventKind.SUBSCRIBER_DELETED]


async def test_a_reference_is_free_again_after_deletion_and_old_sessions_stay_dead(
    store: Store, given: Given
) -> None:
    project = await given.project()
    old = await given.session(project, "ann")
    (ann,) = (await store.subscribers.list(project, ALL)).items
    event = given.event(EventKind.SUBSCRIBER_DELETED, project)
    await store.subscribers.delete(project, ann.id, NOW, event)
    fresh = await given.session(project, "ann")
    (resent,) = (await store.subscribers.list(project, ALL)).items
    assert resent.id != ann.id
    assert await given.rotate(old) == Refused(Cause.SUBSCRIBER_DELETED)
    assert isinstance(await given.rotate(fresh), Rotated)
