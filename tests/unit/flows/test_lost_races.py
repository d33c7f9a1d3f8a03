"""What another request has ended meanwhile is answered as if it had ended before."""

import pytest

from satmint.flows.callers import subscriber_caller
from satmint.flows.projects import delete_project
from satmint.flows.registered_devices import (
    DeviceRegistration,
    register_device,
    registered_devices,
)
from satmint.flows.rooms import NewRoom, create_room, delete_room, get_room
from satmint.model.events import EventKind
from satmint.model.records import DeviceType
from satmint.model.refusals import NotFound, Unauthorized
from tests.kit.service import ORIGIN, Server


async def test_room_that_two_delete_is_deleted_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, project = server.services, server.tenant.id
    room = await create_room(services, project, NewRoom("lobby"))
    await delete_room(services, project, room.id, ORIGIN)

    async def still_there(*_: object) -> object:
        return room

    with monkeypatch.context() as patch:
        patch.setattr(type(services.store.resources), "room", still_there)
        with pytest.raises(NotFound, match="room"):
            await delete_room(services, project, room.id, ORIGIN)
    with pytest.raises(NotFound, match="room"):
        await get_room(services.store, project, room.id)
    ends = EventKind.ROOM_DELETED, EventKind.ADDRESS_DELETED
    assert [kind for kind in await server.events() if kind in ends] == list(ends)


async def test_device_is_not_registered_for_a_session_that_is_gone(
    server: Server,
) -> None:
    pair = await server.sign_in()
    caller = await subscriber_caller(server.services, pair["token"])
    await delete_project(server.services, caller.project, ORIGIN)
    with pytest.raises(Unauthorized, match="unknown_session"):
        await register_device(server.services, caller, DeviceRegistration(DeviceType.IOS, "c0ffee"))
    assert await registered_devices(server.services, caller.project, [caller.session]) == {}
