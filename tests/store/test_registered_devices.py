"""The devices that are registered with a session."""

import asyncio
from typing import Final
from uuid import UUID

import pytest

from satmint.model.lifetimes import ACCESS_SECONDS
from satmint.model.records import DeviceType, RegisteredDevice
from satmint.model.rotation import RefreshTokenRef
from satmint.store.contract import NotRegistered, Store
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.store_setup import Given
from tests.store.tables import whole_tables

LIMIT: Final = 3
DAYS: Final = 3 * 86_400


async def device(
    given: Given,
    session: RefreshTokenRef,
    token: str = "a1b2",
    *,
    type_: DeviceType = DeviceType.IOS,
    at: int = NOW,
) -> RegisteredDevice:
    found = await given.store.sessions.get(session.project, session.session)
    owner = given.id() if found is None else found.session.subscriber
    key = session.project, session.session
    return RegisteredDevice(given.id(), *key, owner, type_, token, at)


async def added(given: Given, made: RegisteredDevice) -> RegisteredDevice:
    stored = await given.store.registered_devices.add(made, LIMIT)
    assert isinstance(stored, RegisteredDevice)
    return stored


async def of(store: Store, *sessions: RefreshTokenRef) -> list[UUID]:
    ids = [one.session for one in sessions]
    found = await store.registered_devices.of_sessions(sessions[0].project, ids)
    return [one.id for one in found]


async def test_device_is_listed_with_its_session_as_it_was_given(
    store: Store, given: Given
) -> None:
    project = await given.project()
    phone, laptop, bare = [await given.session(project) for _ in range(3)]
    first = await added(given, await device(given, phone))
    second = await added(given, await device(given, laptop, at=NOW - 1))
    third = await added(given, await device(given, phone, type_=DeviceType.ANDROID, at=NOW + 1))
    asked = [one.session for one in (phone, laptop, bare)]
    devices = await store.registered_devices.of_sessions(project, asked)
    assert list(devices) == [second, first, third]
    assert await of(store, laptop) == [second.id]
    assert await of(store, bare) == []
    assert await store.registered_devices.of_sessions(project, []) == ()
    elsewhere = await given.project("elsewhere")
    assert list(await store.registered_devices.of_sessions(elsewhere, asked)) == []


async def test_device_that_is_registered_again_stays_what_it_was(
    store: Store, given: Given
) -> None:
    project = await given.project()
    one, other = await given.session(project), await given.session(project)
    first = await added(given, await device(given, one))
    assert await added(given, await device(given, one, at=NOW + 60)) == first
    assert await added(given, await device(given, other)) != first
    assert await of(store, one) == [first.id]


async def test_session_has_a_bounded_number(store: Store, given: Given) -> None:
    session = await given.session(await given.project())
    devices = [await device(given, session, f"{number}") for number in range(LIMIT + 1)]
    for one in devices[:LIMIT]:
        await added(given, one)
    refused = await store.registered_devices.add(devices[LIMIT], LIMIT)
    assert refused is NotRegistered.TOO_MANY
    assert await added(given, devices[1]) == devices[1]
    project, owner = session.project, devices[0].subscriber
    assert await store.registered_devices.delete(project, owner, devices[0].id)
    await added(given, devices[LIMIT])
    assert set(await of(store, session)) == {one.id for one in devices[1:]}


async def test_concurrent_registrations_keep_to_the_number(database: Open) -> None:
    async with database() as one, database() as other:
        given = Given(one)
        session = await given.session(await given.project())
        devices = [await device(given, session, f"{number // 2}") for number in range(10)]
        results = await asyncio.gather(
            *(
                (one, other)[number % 2].registered_devices.add(made, LIMIT)
                for number, made in enumerate(devices)
            )
        )
        kept = await of(one, session)
        assert len(kept) == LIMIT
        assert {made.id for made in results if isinstance(made, RegisteredDevice)} == set(kept)
        assert results.count(NotRegistered.TOO_MANY) == 4


async def test_no_session_no_device(store: Store, given: Given) -> None:
    project = await given.project()
    unknown = RefreshTokenRef(project, given.id(), 0, 0, None)
    foreign = await given.session(await given.project("other"))
    for key in (unknown, RefreshTokenRef(project, foreign.session, 0, 0, None)):
        made = await device(given, key)
        refused = await store.registered_devices.add(made, LIMIT)
        assert refused is NotRegistered.UNKNOWN_SESSION
    assert (await whole_tables(store))["registered_devices"] == []


async def test_device_is_deleted_for_its_subscriber_only(store: Store, given: Given) -> None:
    project, elsewhere = await given.project(), await given.project("elsewhere")
    alice, again = await given.session(project), await given.session(project)
    bob = await given.session(project, "bob")
    made = await added(given, await device(given, alice))
    owner = (await device(given, again)).subscriber
    assert owner == made.subscriber
    stranger = (await device(given, bob)).subscriber
    for key in ((project, stranger), (elsewhere, owner)):
        assert not await store.registered_devices.delete(*key, made.id)
    assert await of(store, alice) == [made.id]
    assert await store.registered_devices.delete(project, owner, made.id)
    assert not await store.registered_devices.delete(project, owner, made.id)
    assert await of(store, alice) == []


@pytest.mark.parametrize("limit", [1, 2, 500])
async def test_purge_deletes_devices_with_their_session(
    store: Store, given: Given, limit: int
) -> None:
    project = await given.project()
    expired = [await given.session(project) for _ in range(3)]
    active = await given.session(project, expires_at=NOW + DAYS + ACCESS_SECONDS)
    for session in expired:
        for token in "ab":
            await added(given, await device(given, session, token))
    kept = await added(given, await device(given, active))
    for _ in range(8):
        await store.purge(NOW + DAYS, 0, limit)
    rows = await whole_tables(store)
    assert len(rows["sessions"]) == 1
    assert len(rows["registered_devices"]) == 1
    assert await of(store, active) == [kept.id]
