"""Create, find, update and delete conference rooms."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from satmint.flows.issue import not_unique_error
from satmint.flows.service_context import ServiceContext
from satmint.model.events import EventKind, Origin
from satmint.model.records import Address, AddressType, Channel
from satmint.model.refusals import NotFound, Unprocessable
from satmint.model.rooms import ROOM_CONTEXT, Room, RoomChange, RoomSettings
from satmint.store.contract import NotUnique, Store


@dataclass(frozen=True, slots=True)
class NewRoom:
    """The properties of a room to create."""

    name: str
    display_name: str | None = None
    """None or empty: `name`."""
    settings: dict[str, Any] = field(default_factory=dict)
    """By the names of `RoomSettings`; the default for those that are not named."""


async def create_room(services: ServiceContext, project: UUID, new: NewRoom) -> Room:
    """Create a room and its address `/public/<name>`.

    Raises:
        Unprocessable: the name is taken by another room, or by a public address.
    """
    now = services.clock.now()
    room = Room(
        id=services.new_resource_id(),
        project=project,
        address=services.new_id(),
        name=new.name,
        display_name=new.display_name or new.name,
        settings=RoomSettings(**new.settings),
        created_at=now,
        updated_at=now,
    )
    address = Address(
        id=room.address,
        project=project,
        context=ROOM_CONTEXT,
        name=room.name,
        display_name=room.display_name,
        type=AddressType.ROOM,
        channels=frozenset(Channel),
        created_at=now,
    )
    try:
        await services.store.resources.create_room(room, address, services.keyed)
    except NotUnique as taken:
        raise Unprocessable(not_unique_error(taken.attribute)) from taken
    return room


async def get_room(store: Store, project: UUID, room: UUID) -> Room:
    """One room.

    Raises:
        NotFound: the project has no such room.
    """
    found = await store.resources.room(project, room)
    if found is None:
        raise NotFound("room")
    return found


async def update_room(
    services: ServiceContext, project: UUID, room: UUID, change: RoomChange
) -> Room:
    """Set the given properties and leave the others.

    Raises:
        NotFound: the project has no such room.
        Unprocessable: the new name is taken by another room, or by a public address.
    """
    now = services.clock.now()
    try:
        updated = await services.store.resources.update_room(project, room, change, now)
    except NotUnique as taken:
        raise Unprocessable(not_unique_error(taken.attribute)) from taken
    if updated is None:
        raise NotFound("room")
    return updated


async def delete_room(services: ServiceContext, project: UUID, room: UUID, origin: Origin) -> None:
    """Delete a room and its address.

    Ends the guest and embed tokens that were good for that address alone.

    Raises:
        NotFound: the project has no such room.
    """
    found = await get_room(services.store, project, room)
    now = services.clock.now()
    events = (
        services.new_event(kind, project, origin, now, subject=subject)
        for kind, subject in (
            (EventKind.ROOM_DELETED, found.id),
            (EventKind.ADDRESS_DELETED, found.address),
        )
    )
    if not await services.store.resources.delete_room(found, *events):
        raise NotFound("room")
