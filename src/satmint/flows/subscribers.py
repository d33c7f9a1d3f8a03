"""Subscribers as a resource: create, change, delete."""

from dataclasses import dataclass, field
from uuid import UUID

from satmint.flows.issue import not_unique
from satmint.flows.mint import Mint
from satmint.flows.passwords import hash_password
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.records import Subscriber
from satmint.model.refusals import NotFound, Unprocessable
from satmint.store.contract import NewSubscriber, NotUnique, SubscriberChange


@dataclass(frozen=True, slots=True)
class SubscriberFields:
    """What a backend sets on a subscriber."""

    fields: dict[str, str | None] = field(default_factory=dict)
    """By the names of `Profile`, and `email`."""
    password: str | None = field(default=None, repr=False)
    """Empty and None leave it as it is."""


async def create_subscriber(
    mint: Mint, project: UUID, email: str, wanted: SubscriberFields
) -> Subscriber:
    """Create a subscriber whose reference is its e-mail address.

    Without a password it gets one that nobody knows.

    Raises:
        Unprocessable: the project has a subscriber of that reference or e-mail address.
    """
    password = wanted.password or mint.entropy.take(24).hex()
    new = NewSubscriber(mint.new_id(), mint.new_id(), reference=email, email=email)
    change = SubscriberChange(wanted.fields, await hash_password(password))
    try:
        return await mint.store.subscribers.create(new, project, change, mint.clock.now())
    except NotUnique as taken:
        raise Unprocessable(not_unique("email")) from taken


async def update_subscriber(
    mint: Mint, project: UUID, subscriber: UUID, wanted: SubscriberFields
) -> Subscriber:
    """Set the given fields and leave the others.

    Raises:
        NotFound: the project has no such subscriber.
        Unprocessable: the new e-mail address is another subscriber's.
    """
    hashed = await hash_password(wanted.password) if wanted.password else None
    change = SubscriberChange(wanted.fields, hashed)
    try:
        updated = await mint.store.subscribers.update(project, subscriber, change, mint.clock.now())
    except NotUnique as taken:
        raise Unprocessable(not_unique(taken.attribute)) from taken
    if updated is None:
        raise NotFound("subscriber")
    return updated


async def subscriber_of(mint: Mint, project: UUID, subscriber: UUID) -> Subscriber:
    """One subscriber proper.

    Raises:
        NotFound: the project has none of that id; a guest's temporary one does not count.
    """
    found = await mint.store.subscribers.get(project, subscriber)
    if found is None or found.reference is None:
        raise NotFound("subscriber")
    return found


async def list_subscribers(mint: Mint, project: UUID, window: Window) -> Page[Subscriber]:
    """Subscribers proper, by age."""
    return await mint.store.subscribers.list(project, window)


async def delete_subscriber(mint: Mint, project: UUID, subscriber: UUID, origin: Origin) -> None:
    """Delete a subscriber, its addresses and, for good, all of its sessions.

    Raises:
        NotFound: the project has no such subscriber.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.SUBSCRIBER_DELETED, project, origin, now, subscriber=subscriber)
    if not await mint.store.subscribers.delete(project, subscriber, now, event):
        raise NotFound("subscriber")
