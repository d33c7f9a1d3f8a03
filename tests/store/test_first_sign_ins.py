"""The first sign-in with a reference, which makes the subscriber, its address and a session."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter, Window
from satmint.model.records import Address, AddressType, Channel, Profile, Subscriber
from satmint.store.contract import OpenedSession, Store, SubscriberChange
from satmint.store.postgres import open_postgres
from tests.kit.clock import NOW
from tests.kit.postgres import held
from tests.store.store_setup import ALL, Given
from tests.store.test_locked_rows import LIMITS, opened, url  # noqa: F401 - a fixture
from tests.store.test_subscribers import PROFILE, addresses_of, known

CROWD = 40


async def sign_in(
    given: Given,
    project: UUID,
    reference: str,
    email: str | None = None,
    fields: dict[str, str | None] | None = None,
) -> OpenedSession:
    new = given.new_subscriber(reference, email)
    session = given.new_session()
    event = given.event(EventKind.ISSUED, project, at=NOW, session=session.id)
    return await given.store.sessions.open_for_reference(
        project, new, SubscriberChange(fields or {}), session, NOW, event
    )


async def test_everything_is_as_if_the_subscriber_had_been_created_before(
    store: Store, given: Given
) -> None:
    project = await given.project()
    fields = {**PROFILE, "email": "Ann@example.com"}
    opened = await sign_in(given, project, "ann", "other@example.com", fields)
    assert opened.epoch == 0
    assert await known(store, project, opened.subscriber) == Subscriber(
        id=opened.subscriber,
        project=project,
        kind=Kind.SUBSCRIBER,
        reference="ann",
        email="Ann@example.com",
        profile=Profile(**PROFILE),
        epoch=0,
        created_at=NOW,
        updated_at=NOW,
    )
    (address,) = await addresses_of(store, project, opened.subscriber)
    assert address == Address(
        id=address.id,
        project=project,
        context="private",
        name="ann-the-operator",
        display_name="Ann «the operator»",
        type=AddressType.SUBSCRIBER,
        channels=frozenset(Channel),
        created_at=NOW,
        subscriber=opened.subscriber,
    )
    (event,) = (await store.events.list(project, Window(10))).items
    assert (event.kind, event.subscriber, event.reference) == (
        *(EventKind.ISSUED, opened.subscriber),
        "ann",
    )
    found = await store.subscribers.find(project, "ANN@EXAMPLE.COM")
    assert found is not None
    assert found.id == opened.subscriber


async def test_crowd_with_one_reference_makes_one_subscriber_and_a_session_each(
    store: Store, given: Given
) -> None:
    project = await given.project()
    forms = ("ann@example.com", "Ann@Example.com")
    opened = await asyncio.gather(
        *(sign_in(given, project, forms[number % 2]) for number in range(CROWD))
    )
    (subscriber,) = {one.subscriber for one in opened}
    assert (await known(store, project, subscriber)).reference in forms
    assert len((await store.addresses.list(project, AddressFilter(), ALL)).items) == 1
    assert len((await store.events.list(project, Window(CROWD * 2))).items) == CROWD


async def test_crowd_of_namesakes_gets_addresses_of_different_names(
    store: Store, given: Given
) -> None:
    project = await given.project()
    opened = await asyncio.gather(
        *(sign_in(given, project, f"bob@{number}.example") for number in range(CROWD))
    )
    assert len({one.subscriber for one in opened}) == CROWD
    names = [
        address.name
        for address in (await store.addresses.list(project, AddressFilter(), ALL)).items
    ]
    assert len(set(names)) == CROWD
    assert min(names) == "bob"
    assert all(name.startswith("bob") for name in names)


async def test_batch_makes_all_of_them_with_their_fields(
    url: str,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: object) -> OpenedSession:
        raise AssertionError("a transaction of its own")

    monkeypatch.setattr("satmint.store.postgres.sessions.open_for_reference", never)
    sizes: list[int] = []
    async with AsyncExitStack() as stack:
        store = await open_postgres(url, NOW, sizes.append, limits=LIMITS)
        stack.push_async_callback(store.close)
        given = Given(store)
        projects = [await given.project() for _ in range(2)]
        sizes.clear()
        await asyncio.gather(
            *(
                sign_in(given, projects[number % 2], f"user {number}", fields={"country": "FR"})
                for number in range(CROWD)
            )
        )
    assert max(sizes) > 1


async def test_email_address_that_is_in_use_is_left_out(store: Store, given: Given) -> None:
    project = await given.project()
    await given.subscriber(project, "ann", "shared@example.com")
    opened = await sign_in(given, project, "bob", "Shared@example.com")
    assert (await known(store, project, opened.subscriber)).email is None


async def test_session_for_a_deleted_project_is_revoked_from_the_start(
    store: Store, given: Given
) -> None:
    project = await given.project()
    event = given.event(EventKind.PROJECT_REVOKED, project)
    await store.projects.delete(project, NOW, event)
    session = given.new_session()
    await store.sessions.open_for_reference(
        project,
        given.new_subscriber("late"),
        SubscriberChange(),
        session,
        NOW,
        given.event(EventKind.ISSUED, project, session=session.id),
    )
    found = await store.sessions.get(project, session.id)
    assert found is not None
    assert found.session.revoked_at == NOW


async def test_subscriber_whom_another_transaction_creates_keeps_nobody_else_waiting(
    url: str,  # noqa: F811 - the fixture
) -> None:
    creating = (
        "INSERT INTO subscribers (project_id, subscriber_id, kind, reference, reference_key,"
        " created_at, updated_at) VALUES ($1, $2, 'subscriber', 'ann', 'ann', 0, 0) RETURNING 1"
    )
    async with opened(url, replace(LIMITS, lock_seconds=5)) as store:
        given = Given(store)
        project = await given.project()
        async with held(url, creating, project, given.id()):
            waiting = asyncio.ensure_future(sign_in(given, project, "ann"))
            others = await asyncio.gather(
                *(sign_in(given, project, f"user {number}") for number in range(CROWD))
            )
            assert len({one.subscriber for one in others}) == CROWD
            assert not waiting.done()
        found = await store.subscribers.find(project, "ann")
        assert found is not None
        assert (await waiting).subscriber == found.id
