"""Revocation: by token, session, device key, subscriber and project.

Each commits before it returns; from then on every endpoint refuses what it names, and no rotation
of it succeeds, because both contend for the same row.
"""

from uuid import UUID

from satmint.flows.introspect import open_either
from satmint.flows.mint import Mint
from satmint.model.events import EventKind, Origin
from satmint.model.refusals import NotFound


async def revoke_session(mint: Mint, project: UUID, session: UUID, origin: Origin) -> None:
    """End one session: its refresh token and all of its SATs. Twice is as good as once.

    Raises:
        NotFound: the project has no such session.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.SESSION_REVOKED, project, origin, now, session=session)
    if not await mint.store.sessions.revoke(project, session, now, event):
        raise NotFound("session")


async def revoke_token(mint: Mint, project: UUID, token: str, origin: Origin) -> bool:
    """End the session that a token of either type is of (RFC 7009, section 2.1).

    An expired token still names its session. What is no token of this project is passed over, as
    RFC 7009, section 2.2, wants it.

    Returns:
        Whether it named a session.
    """
    opened = open_either(mint, token)
    if opened is None or opened.claims.prj != project:
        return False
    try:
        await revoke_session(mint, project, opened.claims.sid, origin)
    except NotFound:
        return False
    return True


async def revoke_subscriber(mint: Mint, project: UUID, subscriber: UUID, origin: Origin) -> int:
    """End everything that was issued to a subscriber so far; returns how many sessions were live.

    Raises:
        NotFound: the project has no such subscriber.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.SUBSCRIBER_REVOKED, project, origin, now, subscriber=subscriber)
    count = await mint.store.sessions.revoke_subscriber(project, subscriber, now, event)
    if count is None:
        raise NotFound("subscriber")
    return count


async def revoke_key(mint: Mint, project: UUID, subscriber: UUID, jkt: str, origin: Origin) -> int:
    """End a subscriber's sessions that are bound to one key; returns how many were live.

    Raises:
        NotFound: the project has no such subscriber.
    """
    if await mint.store.subscribers.get(project, subscriber) is None:
        raise NotFound("subscriber")
    now = mint.clock.now()
    event = mint.event(EventKind.SESSION_REVOKED, project, origin, now, subscriber=subscriber)
    return await mint.store.sessions.revoke_key(project, subscriber, jkt, now, event)


async def revoke_project(mint: Mint, project: UUID, origin: Origin) -> None:
    """End every session of a project; sessions opened from now on are good.

    Its API tokens and Click-to-Call tokens stay: those are deleted one by one.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.PROJECT_REVOKED, project, origin, now)
    await mint.store.sessions.revoke_project(project, now, event)
