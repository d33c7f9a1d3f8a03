"""Create, find, list, update and delete subscribers."""

from dataclasses import dataclass, field
from uuid import UUID

from satmint.flows.issue import not_unique_error
from satmint.flows.passwords import hash_password
from satmint.flows.service_context import ServiceContext
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.records import Subscriber
from satmint.model.refusals import NotFound, Unprocessable
from satmint.store.contract import NewSubscriber, NotUnique, Store, SubscriberChange


@dataclass(frozen=True, slots=True)
class SubscriberFields:
    """The properties of a subscriber to set."""

    fields: dict[str, str | None] = field(default_factory=dict)
    """Values by the names of `Profile`, and `email`."""
    password: str | None = field(default=None, repr=False)
    """Empty or None: unchanged."""


@dataclass(frozen=True, slots=True)
class NewSubscriberRequest:
    """A request to create a subscriber."""

    email: str
    """The e-mail address, which is also the reference."""
    properties: SubscriberFields = field(default_factory=SubscriberFields)


async def create_subscriber(
    services: ServiceContext, project: UUID, request: NewSubscriberRequest
) -> Subscriber:
    """Create a subscriber whose reference is its e-mail address.

    Without a password in the request, the subscriber gets a random one.

    Raises:
        Unprocessable: the project has a subscriber with that reference or e-mail address.
    """
    email, properties = request.email, request.properties
    password = properties.password or services.entropy.take(24).hex()
    new_id, address_id = services.new_resource_id(), services.new_id()
    new = NewSubscriber(new_id, address_id, reference=email, email=email)
    change = SubscriberChange(properties.fields, await hash_password(password))
    now = services.clock.now()
    try:
        return await services.store.subscribers.create(new, project, change, now, services.keyed)
    except NotUnique as taken:
        raise Unprocessable(not_unique_error("email")) from taken


async def update_subscriber(
    services: ServiceContext, project: UUID, subscriber: UUID, properties: SubscriberFields
) -> Subscriber:
    """Set the given fields and leave the others.

    Raises:
        NotFound: the project has no such subscriber.
        Unprocessable: another subscriber has the new e-mail address.
    """
    password_hash = await hash_password(properties.password) if properties.password else None
    change = SubscriberChange(properties.fields, password_hash)
    try:
        updated = await services.store.subscribers.update(
            project, subscriber, change, services.clock.now()
        )
    except NotUnique as taken:
        raise Unprocessable(not_unique_error(taken.attribute)) from taken
    if updated is None:
        raise NotFound("subscriber")
    return updated


async def get_subscriber(store: Store, project: UUID, subscriber: UUID) -> Subscriber:
    """One permanent subscriber.

    Raises:
        NotFound: the project has no permanent subscriber with that id.
    """
    found = await store.subscribers.get(project, subscriber)
    if found is None or found.reference is None:
        raise NotFound("subscriber")
    return found


async def list_subscribers(store: Store, project: UUID, window: Window) -> Page[Subscriber]:
    """One page of the project's permanent subscribers, oldest first."""
    return await store.subscribers.list(project, window)


async def delete_subscriber(
    services: ServiceContext, project: UUID, subscriber: UUID, origin: Origin
) -> None:
    """Delete a subscriber, its addresses and all of its sessions.

    Raises:
        NotFound: the project has no such subscriber.
    """
    now = services.clock.now()
    event = services.new_event(
        EventKind.SUBSCRIBER_DELETED, project, origin, now, subscriber=subscriber
    )
    if not await services.store.subscribers.delete(project, subscriber, now, event):
        raise NotFound("subscriber")
