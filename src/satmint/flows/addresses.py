"""Addresses as a resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from satmint.flows.issue import not_unique
from satmint.flows.mint import Mint
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.records import Address, AddressType, Channel
from satmint.model.refusals import NotFound, Unprocessable
from satmint.store.contract import NotUnique


@dataclass(frozen=True, slots=True)
class NewAddress:
    """An address that a backend asks for."""

    name: str
    type: AddressType
    context: str = "public"
    display_name: str | None = None
    channels: frozenset[Channel] = frozenset(Channel)
    cover_url: str | None = None
    preview_url: str | None = None


async def create_address(mint: Mint, project: UUID, wanted: NewAddress) -> Address:
    """Create an address.

    Raises:
        Unprocessable: the name is taken in this project and context.
    """
    address = Address(
        id=mint.new_id(),
        project=project,
        context=wanted.context,
        name=wanted.name,
        display_name=wanted.display_name or wanted.name,
        type=wanted.type,
        channels=wanted.channels,
        created_at=mint.clock.now(),
        cover_url=wanted.cover_url,
        preview_url=wanted.preview_url,
    )
    try:
        await mint.store.addresses.create(address)
    except NotUnique as taken:
        raise Unprocessable(not_unique(taken.attribute)) from taken
    return address


async def address_of(mint: Mint, project: UUID, address: UUID) -> Address:
    """One address.

    Raises:
        NotFound: the project has none of that id.
    """
    found = await mint.store.addresses.get(project, address)
    if found is None:
        raise NotFound("address")
    return found


async def list_addresses(
    mint: Mint, project: UUID, wanted: AddressFilter, window: Window
) -> Page[Address]:
    """The addresses of a project that match."""
    return await mint.store.addresses.list(project, wanted, window)


async def update_address(
    mint: Mint, project: UUID, address: UUID, changes: Mapping[str, Any]
) -> Address:
    """Set the given fields, by the names of `Address`, and leave the others.

    Raises:
        NotFound: the project has no such address.
        Unprocessable: the new name is taken in this project and context.
    """
    try:
        updated = await mint.store.addresses.update(project, address, changes)
    except NotUnique as taken:
        raise Unprocessable(not_unique(taken.attribute)) from taken
    if updated is None:
        raise NotFound("address")
    return updated


async def delete_address(mint: Mint, project: UUID, address: UUID) -> None:
    """Delete an address.

    Raises:
        NotFound: the project has none of that id.
    """
    if not await mint.store.addresses.delete(project, address):
        raise NotFound("address")
