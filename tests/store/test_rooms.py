"""Conference rooms, and the list of all resources."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter
from satmint.model.rooms import Layout, ResourceFilter, ResourceType, RoomChange, VideoQuality
from satmint.store.contract import NotUnique, Store
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

SETTINGS: dict[str, Any] = {
    "description": "Büro, 1. Stock",
    "max_members": 300,
    "quality": VideoQuality.FULL_HD,
    "join_from": NOW,
    "join_until": NOW + 3600,
    "remove_at": NOW + 7200,
    "remove_after_seconds_elapsed": 0,
    "layout": Layout.FIVE_UP,
    "record_on_start": True,
    "tone_on_entry_and_exit": True,
    "room_join_video_off": True,
    "user_join_video_off": True,
    "enable_room_previews": True,
    "sync_audio_video": False,
    "meta": {"a": [1 << 70, -0.5, None, {"ä": "\n"}]},
}


async def test_a_room_is_kept_as_it_was_given_with_its_address(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    room, address = given.new_room(project)
    room = replace(room, settings=replace(room.settings, **SETTINGS))
    await store.resources.create_room(room, address)
    assert await store.resources.room(project, room.id) == room
    assert await store.addresses.get(project, room.address) == address
    assert await store.resources.room(other, room.id) is None
    assert await store.resources.room(project, room.address) is None
    listed = await store.resources.list(project, ResourceFilter(), ALL)
    assert list(listed.items) == [room]


async def test_a_name_is_taken_by_a_room_or_by_a_public_address(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    await given.room(project, "lobby")
    await given.address(project, name="desk")
    await given.address(project, name="hall", context="private")
    for name in ("lobby", "desk"):
        room, address = given.new_room(project, name)
        with pytest.raises(NotUnique) as refused:
            await store.resources.create_room(room, address)
        assert refused.value.attribute == "name"
        assert await store.resources.room(project, room.id) is None
        assert await store.addresses.get(project, address.id) is None
    await given.room(other, "lobby")
    await given.room(project, "hall")
    with pytest.raises(NotUnique):
        await given.address(project, name="hall")


async def test_of_many_who_take_one_name_at_once_one_succeeds(store: Store, given: Given) -> None:
    project = await given.project()
    outcomes = await asyncio.gather(
        *(given.room(project, "lobby") for _ in range(10)),
        *(given.address(project, name="lobby") for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NotUnique) for outcome in outcomes) == 19
    assert len((await store.addresses.list(project, AddressFilter(), ALL)).items) == 1


async def test_update_sets_what_is_given_and_the_address_follows(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    room = await given.room(project, "lobby")
    beside = await given.room(project, "beside")
    store_rooms = store.resources
    assert await store_rooms.update_room(project, room.id, RoomChange(), NOW + 1) == room
    assert await store_rooms.update_room(other, room.id, RoomChange("x"), NOW + 1) is None
    assert await store_rooms.update_room(project, given.id(), RoomChange("x"), NOW + 1) is None
    settings = replace(room.settings, **SETTINGS)
    changed = await store_rooms.update_room(
        project, room.id, RoomChange(settings=SETTINGS), NOW + 1
    )
    assert changed == replace(room, settings=settings, updated_at=NOW + 1)
    renamed = await store_rooms.update_room(project, room.id, RoomChange("hall", "Hall"), NOW + 2)
    assert renamed == replace(
        room, name="hall", display_name="Hall", settings=settings, updated_at=NOW + 2
    )
    assert await store_rooms.room(project, room.id) == renamed
    address = await store.addresses.get(project, room.address)
    assert address is not None
    assert (address.name, address.display_name) == ("hall", "Hall")
    assert await store_rooms.room(project, beside.id) == beside


async def test_address_that_has_a_name_of_its_own_keeps_it(store: Store, given: Given) -> None:
    project = await given.project()
    room = await given.room(project, "lobby")
    own = {"name": "other", "display_name": "Other"}
    await store.addresses.update(project, room.address, own)
    await store.resources.update_room(project, room.id, RoomChange("hall", "Hall"), NOW)
    address = await store.addresses.get(project, room.address)
    assert address is not None
    assert (address.name, address.display_name) == ("other", "Other")


async def test_update_to_a_name_in_use_changes_nothing(store: Store, given: Given) -> None:
    project = await given.project()
    room = await given.room(project, "lobby")
    await given.room(project, "hall")
    await given.address(project, name="desk")
    for name in ("hall", "desk"):
        with pytest.raises(NotUnique) as refused:
            await store.resources.update_room(project, room.id, RoomChange(name), NOW + 1)
        assert refused.value.attribute == "name"
    assert await store.resources.room(project, room.id) == room
    address = await store.addresses.get(project, room.address)
    assert address is not None
    assert address.name == "lobby"


async def test_concurrent_updates_do_not_undo_each_other(store: Store, given: Given) -> None:
    project = await given.project()
    room = await given.room(project)
    await asyncio.gather(
        *(
            store.resources.update_room(project, room.id, RoomChange(settings={name: value}), NOW)
            for name, value in SETTINGS.items()
        )
    )
    found = await store.resources.room(project, room.id)
    assert found is not None
    assert msgspec.structs.asdict(found.settings) == SETTINGS


async def test_room_is_deleted_with_its_address_and_recorded(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    room, bare = await given.room(project), await given.room(project)
    assert await given.delete_room(replace(room, project=other)) is False
    assert await given.delete_room(room) is True
    assert await given.delete_room(room) is False
    assert await store.resources.room(project, room.id) is None
    assert await store.addresses.get(project, room.address) is None
    assert await given.delete_address(project, bare.address) is True
    assert await store.resources.room(project, bare.id) == bare
    assert await given.delete_room(bare) is True
    trail = [(event.kind, event.subject) for event in (await store.events.list(project, ALL)).items]
    assert trail == [
        (EventKind.ROOM_DELETED, room.id),
        (EventKind.ADDRESS_DELETED, room.address),
        (EventKind.ADDRESS_DELETED, bare.address),
        (EventKind.ROOM_DELETED, bare.id),
    ]


async def test_resources_are_filtered_by_type_and_display_name(store: Store, given: Given) -> None:
    project = await given.project()
    named = await given.subscriber(project, "a@example.com", fields={"display_name": "Lobby"})
    bare = await given.subscriber(project, "lobby", at=NOW + 1, fields={"display_name": ""})
    room = await given.room(project, "lobby", at=NOW + 2)  # displayed as «Lobby»

    async def found(
        type: ResourceType | None = None,  # noqa: A002 - as in the filter
        display_name: str | None = None,
    ) -> list[object]:
        page = await store.resources.list(project, ResourceFilter(type, display_name), ALL)
        return [item.id for item in page.items]

    assert await found() == [named, bare, room.id]
    assert await found(type=ResourceType.SUBSCRIBER) == [named, bare]
    assert await found(type=ResourceType.ROOM) == [room.id]
    assert await found(type=ResourceType.AI_AGENT) == []
    assert await found(display_name="Lobby") == [named, room.id]
    assert await found(display_name="lobby") == [bare]
    assert await found(display_name="' OR 1=1 --") == []
    assert await found(type=ResourceType.ROOM, display_name="Lobby") == [room.id]
    page = await store.resources.list(project, ResourceFilter(ResourceType.SUBSCRIBER), ALL)
    assert page.items[0] == await store.subscribers.get(project, named)
