"""Queries of sessions, devices, presence and the audit trail, and the readiness check."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from satmint.flows.live import LEASE_SECONDS
from satmint.flows.service_context import ServiceContext
from satmint.model.event_filter import EventFilter
from satmint.model.event_page import EventPage
from satmint.model.listing import Anchor, BoundedCount, Page, Window
from satmint.model.records import Device, Presence, Session
from satmint.model.refusals import NotFound, NotReady, StoreUnavailable
from satmint.model.session_filter import SessionFilter
from satmint.store.contract import SchemaUnknown, Store

_PAGE_SIZE: Final = 1000


async def list_sessions(
    store: Store, project: UUID, subscriber: UUID, window: Window
) -> Page[Session]:
    """One page of the sessions of a permanent or temporary subscriber.

    Raises:
        NotFound: the project has no such subscriber.
    """
    if await store.subscribers.get(project, subscriber) is None:
        raise NotFound("subscriber")
    return await store.sessions.list(project, subscriber, window)


async def list_project_sessions(
    services: ServiceContext, project: UUID, wanted: SessionFilter, window: Window
) -> Page[Session]:
    """One page of a project's sessions that match a filter, with their subscribers' references."""
    now = services.clock.now()
    return await services.store.sessions.list_project(project, wanted, now, window)


async def count_matching(
    services: ServiceContext, project: UUID, wanted: SessionFilter
) -> BoundedCount:
    """How many sessions `list_project_sessions` finds."""
    return await services.store.sessions.count_project(project, wanted, services.clock.now())


async def list_devices(
    services: ServiceContext, project: UUID, subscriber: UUID
) -> Sequence[Device]:
    """The keys that a subscriber's active sessions are bound to, most recently used first.

    Raises:
        NotFound: the project has no such subscriber.
    """
    now, anchor = services.clock.now(), None
    bound: dict[str, list[Session]] = {}
    while True:
        page = await list_sessions(
            services.store, project, subscriber, Window(_PAGE_SIZE, anchor=anchor)
        )
        for found in page.items:
            if found.is_active(now) and found.jkt is not None:
                bound.setdefault(found.jkt, []).append(found)
            anchor = Anchor(found.created_at, found.id)
        if not page.more_after:
            break
    devices = [
        Device(jkt, len(sessions), sessions[0].created_at, max(sessions, key=attrgetter("used_at")))
        for jkt, sessions in bound.items()
    ]
    return sorted(devices, key=attrgetter("last.used_at"), reverse=True)


async def list_presence(
    services: ServiceContext, project: UUID, subscriber: UUID
) -> Sequence[Presence]:
    """The connections on which a subscriber is online, oldest first.

    Raises:
        NotFound: the project has no such subscriber.
    """
    if await services.store.subscribers.get(project, subscriber) is None:
        raise NotFound("subscriber")
    return await services.store.presence.list(
        project, subscriber, services.clock.now(), LEASE_SECONDS
    )


async def get_session(store: Store, project: UUID, session: UUID) -> Session:
    """One session, with its subscriber's reference.

    Raises:
        NotFound: the project has no such session.
    """
    state = await store.sessions.get(project, session)
    if state is None:
        raise NotFound("session")
    subscriber = await store.subscribers.get(project, state.session.subscriber)
    return replace(state.session, reference=None if subscriber is None else subscriber.reference)


async def list_events(
    store: Store,
    project: UUID,
    wanted: EventFilter,
    window: Window,
    *,
    settled: bool = False,
) -> EventPage:
    """One page of a project's audit trail; see `EventStore.list`."""
    return await store.events.list(project, window, wanted, settled=settled)


async def check_store(store: Store) -> float | None:
    """Check that requests can be served.

    Returns:
        Unix seconds by the database's clock; None if it is the machine's.

    Raises:
        StoreUnavailable: the database does not answer, its schema is not current, or a condition of
            writing does not hold.
    """
    try:
        return await store.ready()
    except SchemaUnknown as error:
        raise StoreUnavailable("schema_unknown") from error


async def ready(store: Store) -> None:
    """Check that requests can be served.

    Raises:
        NotReady: see `check_store`.
    """
    try:
        await check_store(store)
    except StoreUnavailable as error:
        raise NotReady(error.cause) from error
