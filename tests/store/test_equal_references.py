"""Equal references and e-mail addresses are one subscriber's, whatever their form."""

import asyncio
from uuid import UUID

import pytest

from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter
from satmint.model.references import is_email_reference
from satmint.store.contract import NewSession, NotUnique, OpenedSession, Store, SubscriberChange
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

EQUAL = (
    ("Bob@Example.com", "bob@example.com", "BOB@EXAMPLE.COM"),
    ("Rene\u0301", "Ren\u00e9"),
    ("\u00c4nne@example.com", "A\u0308NNE@example.com", "\u00e4nne@EXAMPLE.com"),
)


async def sign_in(given: Given, project: UUID, reference: str) -> OpenedSession:
    """A sign-in as the flow asks for it: an e-mail address also becomes the e-mail."""
    session = NewSession(given.id(), NOW + 60, NOW + 6000)
    email = reference if is_email_reference(reference) else None
    return await given.store.sessions.open_for_reference(
        project,
        given.new_subscriber(reference, email),
        SubscriberChange(),
        session,
        NOW,
        given.event(EventKind.ISSUED, project, session=session.id),
    )


@pytest.mark.parametrize("forms", EQUAL, ids=ascii)
async def test_every_form_signs_in_the_same_subscriber_who_keeps_the_first(
    store: Store, given: Given, forms: tuple[str, ...]
) -> None:
    project = await given.project()
    opened = [await sign_in(given, project, form) for form in (*forms, *forms)]
    assert len({found.subscriber for found in opened}) == 1
    (only,) = (await store.subscribers.list(project, ALL)).items
    assert only.reference == forms[0]
    for form in forms:
        assert await store.subscribers.find(project, form) == only
    assert len((await store.addresses.list(project, AddressFilter(), ALL)).items) == 1


@pytest.mark.parametrize("forms", EQUAL, ids=ascii)
async def test_all_forms_at_once_make_one_subscriber(
    store: Store, given: Given, forms: tuple[str, ...]
) -> None:
    project = await given.project()
    opened = await asyncio.gather(*(sign_in(given, project, form) for form in forms * 5))
    assert len({found.subscriber for found in opened}) == 1
    assert len((await store.subscribers.list(project, ALL)).items) == 1


async def test_case_counts_where_it_is_no_email_address(store: Store, given: Given) -> None:
    project = await given.project()
    first, second = await sign_in(given, project, "bob"), await sign_in(given, project, "Bob")
    assert first.subscriber != second.subscriber
    assert len((await store.subscribers.list(project, ALL)).items) == 2


@pytest.mark.parametrize("reference", ["bob@example.com", "BOB@example.com"])
async def test_other_form_of_a_taken_reference_is_refused(given: Given, reference: str) -> None:
    project = await given.project()
    await given.subscriber(project, "Bob@Example.com", email="else@example.com")
    with pytest.raises(NotUnique) as refused:
        await given.subscriber(project, reference, email="new@example.com")
    assert refused.value.attribute == "reference"


async def test_other_form_of_a_taken_email_address_is_refused(store: Store, given: Given) -> None:
    project = await given.project()
    await given.subscriber(project, "bob", email="Bob@Example.com")
    kim = await given.subscriber(project, "kim", email="kim@example.com")
    with pytest.raises(NotUnique) as refused:
        await given.subscriber(project, "new", email="BOB@example.com")
    assert refused.value.attribute == "email"
    change = SubscriberChange({"email": "bob@EXAMPLE.com"})
    with pytest.raises(NotUnique):
        await store.subscribers.update(project, kim, change, NOW)


async def test_own_email_address_may_change_its_form(store: Store, given: Given) -> None:
    project = await given.project()
    bob = await given.subscriber(project, "Bob@Example.com", email="bob@example.com")
    change = SubscriberChange({"email": "BOB@example.com"})
    updated = await store.subscribers.update(project, bob, change, NOW)
    assert updated is not None
    assert (updated.reference, updated.email) == ("BOB@example.com", "BOB@example.com")
    assert (await sign_in(given, project, "bob@example.com")).subscriber == bob


async def test_a_changed_reference_is_found_and_the_old_one_is_free(
    store: Store, given: Given
) -> None:
    project = await given.project()
    bob = (await sign_in(given, project, "Bob@Example.com")).subscriber
    change = SubscriberChange({"email": "Robert@Example.com"})
    await store.subscribers.update(project, bob, change, NOW)
    assert (await sign_in(given, project, "robert@example.com")).subscriber == bob
    assert (await sign_in(given, project, "bob@example.com")).subscriber != bob


async def test_email_address_of_another_keeps_nobody_out(store: Store, given: Given) -> None:
    project = await given.project()
    sam = await given.subscriber(project, "sam", email="Frank@Example.com")
    frank = await sign_in(given, project, "frank@example.com")
    assert frank.subscriber != sam
    found = await store.subscribers.get(project, frank.subscriber)
    assert found is not None
    assert (found.reference, found.email) == ("frank@example.com", None)
    again = await sign_in(given, project, "FRANK@example.com")
    assert again.subscriber == frank.subscriber


async def test_two_who_want_one_email_address_at_once_both_get_in(
    store: Store, given: Given
) -> None:
    """One is given the address by its backend while the other signs in with it."""
    project = await given.project()
    for number in range(10):
        email = f"frank-{number}@example.com"
        sam = await given.subscriber(project, f"sam-{number}")
        change = SubscriberChange({"email": email})
        changed, *opened = await asyncio.gather(
            store.subscribers.update(project, sam, change, NOW),
            *(sign_in(given, project, form) for form in (email, email.upper(), email)),
            return_exceptions=True,
        )
        assert all(isinstance(found, OpenedSession) for found in opened), opened
        frank = await store.subscribers.find(project, email)
        assert frank is not None
        if isinstance(changed, NotUnique):
            assert frank.email is not None
        else:
            assert not isinstance(changed, BaseException), changed
            assert frank.email is None
        assert {found.subscriber for found in opened} == {frank.id}  # type: ignore[union-attr]


async def test_deleted_reference_is_free_in_every_form(store: Store, given: Given) -> None:
    project = await given.project()
    bob = (await sign_in(given, project, "Bob@Example.com")).subscriber
    event = given.event(EventKind.SUBSCRIBER_DELETED, project)
    assert await store.subscribers.delete(project, bob, NOW, event)
    assert (await sign_in(given, project, "bob@example.com")).subscriber != bob


async def test_new_databases_have_no_collisions(store: Store, given: Given) -> None:
    project = await given.project()
    for form in ("Bob@Example.com", "bob@example.com", "kim"):
        await sign_in(given, project, form)
    assert list(await store.subscribers.collisions()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\u00e9va@example.com", "e\u0301va@example.com"),
        ("\u00c4B@example.com", "\u00e4b@example.com"),
    ],
    ids=ascii,
)
async def test_change_to_another_form_of_the_same_reference_keeps_its_key(
    store: Store, given: Given, before: str, after: str
) -> None:
    project = await given.project()
    first = await sign_in(given, project, before)
    change = SubscriberChange({"email": after})
    changed = await store.subscribers.update(project, first.subscriber, change, NOW)
    assert changed is not None
    assert changed.reference == after
    for form in (before, after, before.upper()):
        assert (await sign_in(given, project, form)).subscriber == first.subscriber
