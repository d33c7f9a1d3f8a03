"""Find, list and delete resources of any kind, and list their addresses."""

from uuid import UUID

from satmint.flows.rooms import delete_room
from satmint.flows.service_context import ServiceContext
from satmint.flows.subscribers import delete_subscriber, get_subscriber
from satmint.model.events import Origin
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.refusals import NotFound
from satmint.model.rooms import Resource, ResourceFilter, Room
from satmint.store.contract import Store


async def list_resources(
    store: Store, project: UUID, resource_filter: ResourceFilter, window: Window
) -> Page[Resource]:
    """One page of the project's resources that match the filter."""
    return await store.resources.list(project, resource_filter, window)


async def get_resource(store: Store, project: UUID, resource: UUID) -> Resource:
    """One room or permanent subscriber.

    Raises:
        NotFound: the project has no such resource.
    """
    room = await store.resources.room(project, resource)
    return room or await get_subscriber(store, project, resource)


async def delete_resource(
    services: ServiceContext, project: UUID, resource: UUID, origin: Origin
) -> None:
    """Delete a resource as the operation of its kind does.

    Raises:
        NotFound: the project has no such resource.
    """
    try:
        await delete_room(services, project, resource, origin)
    except NotFound:
        await delete_subscriber(services, project, resource, origin)


def addresses_of(resource: Resource) -> AddressFilter:
    """A filter for the addresses of a resource."""
    if isinstance(resource, Room):
        return AddressFilter(only=frozenset({resource.address}))
    return AddressFilter(subscriber=resource.id)
