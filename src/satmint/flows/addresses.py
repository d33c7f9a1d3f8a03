"""Create, find, list, update and delete addresses."""

from dataclasses import dataclass, fields
from uuid import UUID

from satmint.flows.issue import not_unique_error
from satmint.flows.service_context import ServiceContext
from satmint.model.events import EventKind, Origin
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.records import Address, AddressType, Channel
from satmint.model.refusals import NotFound, Unprocessable
from satmint.store.contract import NotUnique, Store


@dataclass(frozen=True, slots=True)
class NewAddress:
    """The properties of an address to create."""

    name: str
    type: AddressType
    context: str = "public"
    display_name: str | None = None
    channels: frozenset[Channel] = frozenset(Channel)
    cover_url: str | None = None
    preview_url: str | None = None


@dataclass(frozen=True, slots=True)
class AddressChange:
    """The properties of an `Address` to change. None: unchanged."""

    name: str | None = None
    type: AddressType | None = None
    locked: bool | None = None
    context: str | None = None
    display_name: str | None = None
    channels: frozenset[Channel] | None = None
    cover_url: str | None = None
    preview_url: str | None = None


async def create_address(services: ServiceContext, project: UUID, new: NewAddress) -> Address:
    """Create an address.

    Raises:
        Unprocessable: the name is taken in this project and context.
    """
    address = Address(
        id=services.new_resource_id(),
        project=project,
        context=new.context,
        name=new.name,
        display_name=new.display_name or new.name,
        type=new.type,
        channels=new.channels,
        created_at=services.clock.now(),
        cover_url=new.cover_url,
        preview_url=new.preview_url,
    )
    try:
        await services.store.addresses.create(address, services.keyed)
    except NotUnique as taken:
        raise Unprocessable(not_unique_error(taken.attribute)) from taken
    return address


async def get_address(store: Store, project: UUID, address: UUID) -> Address:
    """One address.

    Raises:
        NotFound: the project has no such address.
    """
    found = await store.addresses.get(project, address)
    if found is None:
        raise NotFound("address")
    return found


async def list_addresses(
    store: Store, project: UUID, new: AddressFilter, window: Window
) -> Page[Address]:
    """One page of the project's addresses that match the filter."""
    return await store.addresses.list(project, new, window)


async def update_address(
    store: Store, project: UUID, address: UUID, change: AddressChange
) -> Address:
    """Set the given fields and leave the others.

    Raises:
        NotFound: the project has no such address.
        Unprocessable: the new name is taken in this project and context.
    """
    given = ((field.name, getattr(change, field.name)) for field in fields(change))
    try:
        updated = await store.addresses.update(
            project, address, {name: value for name, value in given if value is not None}
        )
    except NotUnique as taken:
        raise Unprocessable(not_unique_error(taken.attribute)) from taken
    if updated is None:
        raise NotFound("address")
    return updated


async def delete_address(
    services: ServiceContext, project: UUID, address: UUID, origin: Origin
) -> None:
    """Delete an address. Ends the guest, invite and embed tokens that were good for it alone.

    Raises:
        NotFound: the project has no such address.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.ADDRESS_DELETED, project, origin, now, subject=address)
    if not await services.store.addresses.delete(project, address, event):
        raise NotFound("address")
