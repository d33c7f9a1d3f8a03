"""Presence: leases, each in place of what was known of its connection."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from satmint.model.records import Presence
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.store_setup import Given


@pytest.fixture
async def lease(given: Given) -> Presence:
    project = await given.project()
    subscriber = await given.subscriber(project)
    return Presence(project, given.id(), subscriber, given.id(), NOW, NOW + 60)


async def listed(store: Store, of: Presence, at: int = NOW) -> list[Presence]:
    return list(await store.presence.list(of.project, of.subscriber, at, 3600))


async def test_announced_is_listed_until_its_lease_is_over(store: Store, lease: Presence) -> None:
    assert await listed(store, lease) == []
    await store.presence.set_online([lease], NOW)
    assert await listed(store, lease) == [lease]
    assert await listed(store, lease, NOW + 59) == [lease]
    assert await listed(store, lease, NOW + 60) == []


async def test_announced_again_takes_the_place_of_what_was_known(
    store: Store, given: Given, lease: Presence
) -> None:
    await store.presence.set_online([lease], NOW)
    renewed = replace(lease, session=given.id(), until=NOW + 120)
    await store.presence.set_online([renewed], NOW)
    assert await listed(store, lease) == [renewed]
    another = await given.subscriber(lease.project)
    moved = replace(renewed, subscriber=another)
    await store.presence.set_online([moved], NOW)
    assert await listed(store, lease) == []
    assert await listed(store, moved) == [moved]


async def test_connections_are_listed_from_the_oldest_on(
    store: Store, given: Given, lease: Presence
) -> None:
    since = (NOW + 2, NOW, NOW + 1, NOW)
    leases = [replace(lease, connection=given.id(), since=at) for at in since]
    await store.presence.set_online(leases, NOW)
    expected = sorted(leases, key=lambda one: (one.since, one.connection.bytes))
    assert await listed(store, lease) == expected


async def test_who_leaves_is_forgotten_and_nobody_else(
    store: Store, given: Given, lease: Presence
) -> None:
    stays = replace(lease, connection=given.id())
    await store.presence.set_online([lease, stays], NOW)
    await store.presence.set_offline(lease.project, [lease.connection, given.id()])
    assert await listed(store, lease) == [stays]
    await store.presence.set_offline(lease.project, [lease.connection])
    await store.presence.set_offline(lease.project, [])
    assert await listed(store, lease) == [stays]


async def test_another_project_sees_and_ends_nothing_of_it(
    store: Store, given: Given, lease: Presence
) -> None:
    other = await given.project("other")
    await store.presence.set_online([lease], NOW)
    assert not await store.presence.list(other, lease.subscriber, NOW, 3600)
    await store.presence.set_offline(other, [lease.connection])
    assert await listed(store, lease) == [lease]
    twin = replace(lease, project=other)
    await store.presence.set_online([twin], NOW)
    assert await listed(store, lease) == [lease]
    assert await listed(store, twin) == [twin]


async def test_announcing_nobody_is_nothing(store: Store, lease: Presence) -> None:
    await store.presence.set_online([], NOW)
    assert await listed(store, lease) == []


async def test_many_are_announced_and_forgotten_at_once(
    store: Store, given: Given, lease: Presence
) -> None:
    leases = [replace(lease, connection=given.id()) for _ in range(600)]
    await store.presence.set_online(leases, NOW)
    assert len(await listed(store, lease)) == 600
    await store.presence.set_offline(lease.project, [one.connection for one in leases])
    assert await listed(store, lease) == []


async def test_leases_that_are_over_are_purged_and_no_others(
    store: Store, given: Given, lease: Presence
) -> None:
    ids: list[UUID] = []
    for until in range(NOW + 58, NOW + 63):
        ids.append(given.id())
        await store.presence.set_online([replace(lease, connection=ids[-1], until=until)], NOW)
    assert (await store.purge(NOW + 60, 0, 2)).removed == 2
    assert (await store.purge(NOW + 60, 0, 2)).removed == 1
    assert (await store.purge(NOW + 60, 0, 2)).removed == 0
    left = [one.connection for one in await listed(store, lease)]
    assert set(left) == set(ids[3:])


async def test_other_processes_see_it_at_once(
    database: Open, store: Store, lease: Presence
) -> None:
    async with database() as other:
        await store.presence.set_online([lease], NOW)
        assert await listed(other, lease) == [lease]
        await other.presence.set_offline(lease.project, [lease.connection])
        assert await listed(store, lease) == []


async def test_lease_from_before_the_clock_was_set_back_is_not_current(
    store: Store, lease: Presence
) -> None:
    """Its process may have died. One that lives renews it."""
    await store.presence.set_online([lease], NOW)
    for step, current in ((-60, False), (-1, False), (0, True)):
        found = await store.presence.list(lease.project, lease.subscriber, NOW + step, 60)
        assert [*found] == ([lease] if current else [])
