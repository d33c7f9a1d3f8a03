"""The store's contract for resources: conference rooms, and lists of rooms and subscribers."""

from typing import Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import Page, Window
from satmint.model.records import Address
from satmint.model.rooms import Resource, ResourceFilter, Room, RoomChange


class ResourceStore(Protocol):
    """Conference rooms; and all resources of a project as one list."""

    async def list(
        self, project: UUID, resource_filter: ResourceFilter, window: Window
    ) -> Page[Resource]:
        """A project's rooms and permanent subscribers.

        The display name of a subscriber without one is its reference.
        """
        ...

    async def create_room(
        self, room: Room, address: Address, keyed: KeyedRequest | None = None
    ) -> None:
        """Store a new room and its address.

        Raises:
            NotUnique: `name` is in use by another room, or by an address in the same context.
        """
        ...

    async def room(self, project: UUID, room: UUID) -> Room | None:
        """One room."""
        ...

    async def update_room(
        self, project: UUID, room: UUID, change: RoomChange, now: int
    ) -> Room | None:
        """Set the given properties; None if the room does not exist.

        Its address follows with each name that it shares with the room.

        Raises:
            NotUnique: the new `name` is in use by another room, or by an address in the context of
                the room's address.
        """
        ...

    async def delete_room(self, room: Room, event: Event, address_event: Event) -> bool:
        """Delete a room and its address. Returns whether the room existed.

        Records `event`, and `address_event` if the address still existed: see
        `AddressStore.delete` for what ends with it.
        """
        ...
