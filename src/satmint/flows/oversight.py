"""Looking at what happened: sessions, the audit trail, and whether the service is ready."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final
from uuid import UUID

from satmint.flows.mint import Mint
from satmint.model.events import Event
from satmint.model.lifetimes import expired
from satmint.model.listing import Anchor, Page, Window
from satmint.model.records import Device, Presence, Session
from satmint.model.refusals import NotFound, StoreUnavailable
from satmint.store.contract import SchemaUnknown

_PAGE: Final = 1000


async def list_sessions(
    mint: Mint, project: UUID, subscriber: UUID, window: Window
) -> Page[Session]:
    """The sessions of a subscriber, temporary or not.

    Raises:
        NotFound: the project has no such subscriber.
    """
    if await mint.store.subscribers.get(project, subscriber) is None:
        raise NotFound("subscriber")
    return await mint.store.sessions.list(project, subscriber, window)


async def list_devices(mint: Mint, project: UUID, subscriber: UUID) -> Sequence[Device]:
    """The keys that a subscriber's sessions are bound to, the one used last in front.

    Raises:
        NotFound: the project has no such subscriber.
    """
    now, anchor = mint.clock.now(), None
    bound: dict[str, list[Session]] = {}
    while True:
        page = await list_sessions(mint, project, subscriber, Window(_PAGE, anchor=anchor))
        for found in page.items:
            alive = found.revoked_at is None and not expired(found.lives_until, now)
            if alive and found.jkt is not None:
                bound.setdefault(found.jkt, []).append(found)
            anchor = Anchor(found.created_at, found.id)
        if not page.more_after:
            break
    devices = [
        Device(jkt, len(sessions), sessions[0].created_at, max(sessions, key=attrgetter("used_at")))
        for jkt, sessions in bound.items()
    ]
    return sorted(devices, key=attrgetter("last.used_at"), reverse=True)


async def list_presence(mint: Mint, project: UUID, subscriber: UUID) -> Sequence[Presence]:
    """Where a subscriber is online, longest first.

    Raises:
        NotFound: the project has no such subscriber.
    """
    if await mint.store.subscribers.get(project, subscriber) is None:
        raise NotFound("subscriber")
    return await mint.store.presence.list(project, subscriber, mint.clock.now())


async def session_of(mint: Mint, project: UUID, session: UUID) -> Session:
    """One session.

    Raises:
        NotFound: the project has none of that id.
    """
    standing = await mint.store.sessions.standing(project, session)
    if standing is None:
        raise NotFound("session")
    return standing.session


async def list_events(mint: Mint, project: UUID, window: Window) -> Page[Event]:
    """A project's audit trail."""
    return await mint.store.events.list(project, window)


async def ready(mint: Mint) -> None:
    """Return where requests can be served.

    Raises:
        StoreUnavailable: the database does not answer, or its schema is not current.
    """
    try:
        await mint.store.ready()
    except SchemaUnknown as error:
        raise StoreUnavailable("schema_unknown") from error
