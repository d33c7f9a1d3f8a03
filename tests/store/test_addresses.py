"""Addresses."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from satmint.model.listing import AddressFilter, SortBy, Window
from satmint.model.records import AddressType, Channel
from satmint.store.contract import MAX_OWN_ADDRESSES, UPDATABLE_FIELDS, NotUnique, Store
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given


async def test_an_address_is_kept_as_it_was_given(store: Store, given: Given) -> None:
    project = await given.project()
    owner = await given.subscriber(project)
    full = await given.address(
        project,
        display_name="Büro 1",
        type=AddressType.APP,
        channels=frozenset({Channel.MESSAGING}),
        subscriber=owner,
        locked=True,
        cover_url="https://example.com/cover.png",
        preview_url="https://example.com/preview.png",
    )
    bare = await given.address(project, channels=frozenset())
    assert await store.addresses.get(project, full.id) == full
    assert await store.addresses.get(project, bare.id) == bare
    assert await store.addresses.get(project, given.id()) is None


async def test_a_name_is_taken_within_its_project_and_context_only(
    store: Store, given: Given
) -> None:
    mine, other = await given.project(), await given.project()
    first = await given.address(mine, name="support")
    await given.address(mine, name="support", context="private")
    await given.address(other, name="support")
    second = given.new_address(mine, name="support")
    with pytest.raises(NotUnique) as refused:
        await store.addresses.create(second)
    assert refused.value.attribute == "name"
    assert await store.addresses.get(mine, second.id) is None
    assert await store.addresses.get(mine, first.id) == first


async def test_of_many_who_take_one_name_at_once_one_succeeds(store: Store, given: Given) -> None:
    project = await given.project()
    outcomes = await asyncio.gather(
        *(given.address(project, name="support") for _ in range(20)), return_exceptions=True
    )
    created = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(created) == 1
    assert sum(isinstance(outcome, NotUnique) for outcome in outcomes) == 19
    assert list((await store.addresses.list(project, AddressFilter(), ALL)).items) == created


async def test_addresses_are_listed_by_what_is_wanted(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    owner = await given.subscriber(project, "ann")
    (own,) = (await store.addresses.list(project, AddressFilter(subscriber=owner), ALL)).items
    room = await given.address(project, name="room", display_name="Same")
    app = await given.address(project, name="app", display_name="Same", type=AddressType.APP)
    await given.address(other, name="room", display_name="Same")

    async def found(wanted: AddressFilter) -> set[str]:
        page = await store.addresses.list(project, wanted, ALL)
        return {address.name for address in page.items}

    assert await found(AddressFilter()) == {own.name, room.name, app.name}
    assert await found(AddressFilter(type=AddressType.APP)) == {"app"}
    assert await found(AddressFilter(name="room")) == {"room"}
    assert await found(AddressFilter(display_name="Same")) == {"room", "app"}
    assert await found(AddressFilter(display_name="Same", type=AddressType.ROOM)) == {"room"}
    assert await found(AddressFilter(only=frozenset({app.id, given.id()}))) == {"app"}
    assert await found(AddressFilter(only=frozenset())) == set()
    assert await found(AddressFilter(only=frozenset({app.id}), name="room")) == set()
    assert await found(AddressFilter(subscriber=given.id())) == set()


async def test_addresses_can_be_ordered_by_name_and_by_age(store: Store, given: Given) -> None:
    project = await given.project()
    for name, age in (("b", 2), ("c", 1), ("a", 3)):
        await given.address(project, name=name, created_at=NOW + age)

    async def names(window: Window) -> str:
        page = await store.addresses.list(project, AddressFilter(), window)
        return "".join(address.name for address in page.items)

    assert await names(Window(9)) == "cba"
    assert await names(Window(9, descending=True)) == "abc"
    assert await names(Window(9, sort_by=SortBy.NAME)) == "abc"
    assert await names(Window(9, sort_by=SortBy.NAME, descending=True)) == "cba"


async def test_of_the_addresses_that_are_named_those_of_the_project_are_found(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    mine = [await given.address(project, created_at=NOW - number) for number in range(3)]
    foreign = await given.address(other)
    asked = [mine[0].id, foreign.id, given.id(), mine[2].id, mine[0].id]
    assert list(await store.addresses.get_many(project, asked)) == [mine[2], mine[0]]
    assert list(await store.addresses.get_many(project, [])) == []


async def test_a_subscribers_own_addresses_are_its_oldest(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    owner, neighbour = [await given.subscriber(project, name) for name in ("ann", "bob")]
    (first,) = await store.addresses.of_subscriber(project, owner)
    older = [
        await given.address(project, subscriber=owner, created_at=NOW - number - 1)
        for number in range(MAX_OWN_ADDRESSES)
    ]
    await given.address(project)
    found = await store.addresses.of_subscriber(project, owner)
    assert list(found) == older[::-1]
    assert first not in found
    assert len(await store.addresses.of_subscriber(project, neighbour)) == 1
    assert list(await store.addresses.of_subscriber(other, owner)) == []


async def test_what_is_looked_for_at_the_same_time_is_kept_apart(
    store: Store, given: Given
) -> None:
    projects = [await given.project() for _ in range(3)]
    owners = [(project, await given.subscriber(project)) for project in projects for _ in range(5)]
    own = [await store.addresses.of_subscriber(*owner) for owner in owners]
    assert len({found.id for (found,) in own}) == 15
    wanted = [*owners, (projects[0], given.id()), (projects[1], owners[0][1]), owners[3]]
    at_once = await asyncio.gather(*(store.addresses.of_subscriber(*one) for one in wanted))
    assert at_once == [*own, [], [], own[3]]
    people = await asyncio.gather(*(store.subscribers.get(*one) for one in wanted))
    ids = [None if one is None else (one.project, one.id) for one in people]
    assert ids == [*owners, None, None, owners[3]]
    named = [(project, found.id) for (project, _), (found,) in zip(owners, own, strict=True)]
    addresses = await asyncio.gather(*(store.addresses.get(*one) for one in named))
    assert addresses == [found for (found,) in own]


async def test_an_update_sets_what_is_given_and_leaves_the_rest(store: Store, given: Given) -> None:
    project = await given.project()
    owner = await given.subscriber(project)
    address = await given.address(project, subscriber=owner)
    bystander = await given.address(project)
    fields: dict[str, Any] = {
        "context": "private",
        "name": "renamed",
        "display_name": "Renamed",
        "type": AddressType.CALL,
        "channels": frozenset({Channel.VIDEO}),
        "locked": True,
        "cover_url": "https://example.com/1",
        "preview_url": "https://example.com/2",
    }
    assert fields.keys() == UPDATABLE_FIELDS
    for name, value in fields.items():
        address = replace(address, **{name: value})
        assert await store.addresses.update(project, address.id, {name: value}) == address
        assert await store.addresses.get(project, address.id) == address
    assert await store.addresses.update(project, address.id, {"cover_url": None}) == replace(
        address, cover_url=None
    )
    assert await store.addresses.update(project, address.id, fields) == address
    assert await store.addresses.update(project, address.id, {}) == address
    assert await store.addresses.get(project, bystander.id) == bystander


async def test_of_many_who_set_different_fields_at_once_none_undoes_anothers(
    store: Store, given: Given
) -> None:
    project = await given.project()
    address = await given.address(project)
    fields: dict[str, Any] = {
        "context": "private",
        "name": "renamed",
        "display_name": "Renamed",
        "locked": True,
        "cover_url": "https://example.com/1",
        "preview_url": "https://example.com/2",
    }
    await asyncio.gather(
        *(store.addresses.update(project, address.id, {name: fields[name]}) for name in fields)
    )
    assert await store.addresses.get(project, address.id) == replace(address, **fields)


@pytest.mark.parametrize("name", ["id", "project", "subscriber", "created_at", "name = '' --"])
async def test_nothing_else_of_an_address_can_be_set(store: Store, given: Given, name: str) -> None:
    project = await given.project()
    address = await given.address(project)
    with pytest.raises(ValueError, match="a field of an address that cannot be changed"):
        await store.addresses.update(project, address.id, {name: given.id()})
    assert await store.addresses.get(project, address.id) == address


async def test_renaming_to_a_taken_name_is_refused_and_changes_nothing(
    store: Store, given: Given
) -> None:
    project = await given.project()
    first, second = await given.address(project), await given.address(project)
    with pytest.raises(NotUnique) as refused:
        await store.addresses.update(project, second.id, {"name": first.name, "locked": True})
    assert refused.value.attribute == "name"
    assert await store.addresses.get(project, second.id) == second
    locked = await store.addresses.update(project, second.id, {"locked": True})
    assert locked == replace(second, locked=True)


async def test_an_address_is_unknown_in_another_project(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    address = await given.address(mine)
    assert await store.addresses.get(other, address.id) is None
    assert await store.addresses.update(other, address.id, {"locked": True}) is None
    assert await store.addresses.update(other, address.id, {}) is None
    assert await given.delete_address(other, address.id) is False
    assert (await store.addresses.list(other, AddressFilter(), ALL)).items == ()
    assert await store.addresses.get(mine, address.id) == address


async def test_a_deleted_address_is_gone_and_its_name_is_free(store: Store, given: Given) -> None:
    project = await given.project()
    address = await given.address(project, name="support")
    assert await given.delete_address(project, address.id) is True
    assert await given.delete_address(project, address.id) is False
    assert await store.addresses.get(project, address.id) is None
    resent = await given.address(project, name="support")
    assert await store.addresses.get(project, resent.id) == resent
