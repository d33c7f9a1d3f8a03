"""What ended sessions."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.model.events import Event
from satmint.model.lifetimes import expired
from satmint.model.records import Session
from satmint.model.session_filter import EXPIRED, REVOKED, SessionEnd


async def ended_by(
    services: ServiceContext, project: UUID, sessions: Sequence[Session]
) -> Mapping[UUID, SessionEnd]:
    """What ended those of some sessions that are not active, by session.

    Takes one statement for each hundred of them.
    """
    now = services.clock.now()
    revoked = [one for one in sessions if one.revoked_at is not None]
    ends = {
        one.id: SessionEnd(EXPIRED, one.lives_until)
        for one in sessions
        if one.revoked_at is None and expired(one.lives_until, now)
    }
    if revoked:
        events = await services.store.events.of_revocations(project, revoked)
        ends |= {one.id: _end(one, events) for one in revoked}
    return ends


def _end(session: Session, events: Iterable[Event]) -> SessionEnd:
    """The end of a revoked session: the event at that time that says most about it."""
    at = session.revoked_at or 0
    found = [(rank, event) for event in events if (rank := _rank(session, event)) is not None]
    rank, event = min(found, key=lambda one: one[0], default=(0, None))
    if event is None:
        return SessionEnd(REVOKED, at)
    return SessionEnd(event.kind.value, at, event.cause, event.origin.address)


def _rank(session: Session, event: Event) -> int | None:
    """How directly an event ended a session, the lower the more; None: it did not."""
    inviter = session.inviter
    if event.at != session.revoked_at:
        return None
    for rank, (of_session, of_subscriber) in enumerate(
        (
            (session.id, None),
            (None, session.subscriber),
            (None if inviter is None else inviter.session, None),
            (None, None if inviter is None else inviter.subscriber),
        )
    ):
        if of_session is not None and event.session == of_session:
            return rank
        if (
            of_subscriber is not None
            and event.session is None
            and event.subscriber == of_subscriber
        ):
            return rank
    return 4 if event.session is None and event.subscriber is None else None
