"""Revoke sessions by token, session, device key, subscriber and project.

Each function commits before it returns. From then on, every endpoint refuses the revoked tokens,
and no rotation of the session succeeds, because both lock the same row.
"""

from typing import Final
from uuid import UUID

from satmint.flows.introspect import open_any_type
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_project_sessions
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Anchor, Window
from satmint.model.refusals import NotFound
from satmint.model.session_filter import SessionFilter

_BATCH_SIZE: Final = 200
"""How many sessions a transaction revokes at most."""


async def revoke_session(
    services: ServiceContext, project: UUID, session: UUID, origin: Origin
) -> None:
    """Revoke one session: its refresh token and all of its SATs. The call is idempotent.

    Raises:
        NotFound: the project has no such session.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.SESSION_REVOKED, project, origin, now, session=session)
    if not await services.store.sessions.revoke(project, session, now, event):
        raise NotFound("session")


async def revoke_token(services: ServiceContext, project: UUID, token: str, origin: Origin) -> bool:
    """Revoke the session of a SAT or a refresh token (RFC 7009, section 2.1).

    An expired token still identifies its session. A token of another project, or an unknown token,
    is no error (RFC 7009, section 2.2).

    Returns:
        Whether the token identified a session.
    """
    found = open_any_type(services.cipher, token)
    if found is None or found.opened.claims.prj != project:
        return False
    try:
        await revoke_session(services, project, found.opened.claims.sid, origin)
    except NotFound:
        return False
    return True


async def revoke_subscriber(
    services: ServiceContext, project: UUID, subscriber: UUID, origin: Origin
) -> int:
    """Revoke all sessions of a subscriber; return how many were not yet revoked.

    Raises:
        NotFound: the project has no such subscriber.
    """
    now = services.clock.now()
    event = services.new_event(
        EventKind.SUBSCRIBER_REVOKED, project, origin, now, subscriber=subscriber
    )
    count = await services.store.sessions.revoke_subscriber(project, subscriber, now, event)
    if count is None:
        raise NotFound("subscriber")
    return count


async def revoke_key(
    services: ServiceContext, project: UUID, subscriber: UUID, jkt: str, origin: Origin
) -> int:
    """Revoke a subscriber's sessions of one key; return how many were not yet revoked.

    Raises:
        NotFound: the project has no such subscriber.
    """
    if await services.store.subscribers.get(project, subscriber) is None:
        raise NotFound("subscriber")
    now = services.clock.now()
    event = services.new_event(
        EventKind.SESSION_REVOKED, project, origin, now, subscriber=subscriber
    )
    return await services.store.sessions.revoke_key(project, subscriber, jkt, now, event)


async def revoke_matching(
    services: ServiceContext, project: UUID, wanted: SessionFilter, origin: Origin
) -> int:
    """Revoke the active sessions that match a filter; return how many were active.

    It works in batches, from the newest session to the oldest, so that no refresh waits for more
    than one of them: each batch is one transaction, and each session of it gets its own event. A
    session that is opened meanwhile is not revoked. If it raises, what was revoked stays revoked.
    """
    active, anchor, count = wanted.active(), None, 0
    if active is None:
        return 0
    while True:
        window = Window(_BATCH_SIZE, anchor=anchor, descending=True)
        page = await list_project_sessions(services, project, active, window)
        if page.items:
            now = services.clock.now()
            events = {
                one.id: services.new_event(
                    EventKind.SESSION_REVOKED, project, origin, now, session=one.id
                )
                for one in page.items
            }
            count += await services.store.sessions.revoke_each(project, now, events)
        if not page.more_after:
            return count
        anchor = Anchor(*(page.continue_after or (page.items[-1].created_at, page.items[-1].id)))


async def revoke_project(services: ServiceContext, project: UUID, origin: Origin) -> None:
    """Revoke every session of a project. New sessions can be opened.

    The project's API tokens and Click-to-Call tokens remain valid: delete them one by one.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.PROJECT_REVOKED, project, origin, now)
    await services.store.sessions.revoke_project(project, now, event)
