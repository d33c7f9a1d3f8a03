"""Open a session: its lifetime, its first claims and, if necessary, its temporary subscriber."""

from typing import NamedTuple
from uuid import UUID

from satmint.flows.policy import Policy
from satmint.flows.repetitions import result_unavailable
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import Claims, Confirmation, Kind, TokenType, token_id
from satmint.model.events import Event, EventKind, Origin
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_TOKEN_GRACE_SECONDS, expired
from satmint.model.refusals import Code, FieldError, Unprocessable
from satmint.model.rotation import is_concurrent
from satmint.store.contract import NewSession, OpenedSession


def lifetime_error(
    policy: Policy, requested: int, now: int, kind_max_seconds: int | None = None
) -> str | None:
    """The error in a requested expiry (Unix seconds), as the predicate of a message.

    Args:
        policy: The operator's rules, with the maximum lifetime of every token.
        requested: Unix seconds.
        now: Unix seconds.
        kind_max_seconds: The maximum lifetime of a token of this kind. None: it has none.
    """
    max_seconds = _shorter(policy.max_token_seconds, kind_max_seconds)
    if expired(requested, now):
        return f"must be greater than {now}"
    if max_seconds is not None and requested > now + max_seconds:
        return f"must not be greater than {now + max_seconds}"
    return None


def expiry(
    policy: Policy,
    attribute: str,
    requested: int | None,
    now: int,
    kind_max_seconds: int | None = None,
) -> int:
    """The expiry of a session's first SAT, in Unix seconds. See `lifetime_error` for the arguments.

    Raises:
        Unprocessable: the expiry requested in `attribute` is in the past or too late.
    """
    if requested is None:
        seconds = min(ACCESS_SECONDS, kind_max_seconds or ACCESS_SECONDS)
        return now + policy.token_seconds(seconds)
    field_error = lifetime_error(policy, requested, now, kind_max_seconds)
    if field_error is not None:
        label = attribute.replace("_", " ").title()
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, f"{label} {field_error}", attribute))
    return requested


def _shorter(one: int | None, other: int | None) -> int | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)


def new_session(
    services: ServiceContext,
    expires_at: int,
    now: int,
    jkt: str | None = None,
    c2c_token: UUID | None = None,
) -> NewSession:
    """A session whose first SAT expires at `expires_at`, or earlier because of the deadline."""
    deadline = services.issuer.session_deadline(now)
    return NewSession(
        id=services.new_resource_id(),
        expires_at=min(expires_at, deadline - REFRESH_TOKEN_GRACE_SECONDS),
        deadline=deadline,
        jkt=jkt,
        c2c_token=c2c_token,
    )


async def open_temporary(
    services: ServiceContext,
    project: UUID,
    kind: Kind,
    session: NewSession,
    addresses: tuple[UUID, ...],
    now: int,
    origin: Origin,
    on_behalf_of: UUID | None = None,
) -> Claims:
    """Open `session` for a new temporary subscriber; return the first claims.

    The audit trail records `on_behalf_of`: the Click-to-Call token of a visitor.
    """
    opened = await services.store.sessions.open_temporary(
        project,
        services.new_id(),
        kind,
        session,
        now,
        issued_event(services, project, session, now, origin, on_behalf_of),
        services.keyed,
    )
    return first_claims(services.policy, project, opened, session, now, kind=kind, addr=addresses)


def issued_event(
    services: ServiceContext,
    project: UUID,
    session: NewSession,
    now: int,
    origin: Origin,
    on_behalf_of: UUID | None = None,
) -> Event:
    """The event of a session's first tokens; the store adds the subscriber."""
    return services.new_event(
        EventKind.ISSUED,
        project,
        origin,
        now,
        session=session.id,
        subject=on_behalf_of,
        generation=0,
    )


class FirstIssue(NamedTuple):
    """What the first tokens of a session are made from."""

    opened: OpenedSession
    session: NewSession
    since: int
    """Unix seconds at which it was opened: `iat` of the tokens."""


async def first_issue(
    services: ServiceContext, project: UUID, session: UUID, jkt: str | None = None
) -> FirstIssue:
    """What the first tokens of a session were made from, to issue equivalent ones.

    Only while it is as it was opened, as for a refresh: the response was lost, or the requests came
    at the same time. Then nobody has another token of the session, and its life is not extended.

    Args:
        services: The context of this process.
        project: The project.
        session: The session.
        jkt: The key that the request asked to bind it to.

    Raises:
        Unprocessable: a token of the session was used, or the session has ended.
    """
    sessions = services.store.sessions
    # Before the read: a mark that is written meanwhile is in the row.
    is_marked = sessions.has_pending_mark(project, session)
    found = await sessions.get(project, session)
    now = services.clock.now()
    epoch = None if found is None else found.subscriber_epoch
    if found is None or epoch is None or found.state.refusal_of_epoch(epoch) is not None:
        raise result_unavailable("ended")
    known, head = found.session, found.session.head
    if expired(head.expires_at, now):
        raise result_unavailable("ended")
    is_changed = head.generation > 0 or head.jkt != jkt or known.device_token_at is not None
    is_seen = is_marked or found.state.seen
    is_used = is_seen and not is_concurrent(now - known.created_at)
    if is_changed or is_used:
        raise result_unavailable("used")
    opened = OpenedSession(known.subscriber, epoch)
    first = NewSession(session, head.expires_at, known.deadline, head.jkt)
    return FirstIssue(opened, first, head.since)


def first_claims(
    policy: Policy,
    project: UUID,
    opened: OpenedSession,
    session: NewSession,
    now: int,
    *,
    kind: Kind,
    scope: tuple[str, ...] = (),
    addr: tuple[UUID, ...] | None = None,
    app: UUID | None = None,
) -> Claims:
    """The claims of a session's SAT of generation 0."""
    return Claims(
        iss=policy.issuer,
        sub=opened.subscriber,
        prj=project,
        sid=session.id,
        gen=0,
        jti=token_id(session.id, 0, TokenType.SAT),
        iat=now,
        exp=session.expires_at,
        epo=opened.epoch,
        kind=kind,
        scope=scope,
        cnf=None if session.jkt is None else Confirmation(session.jkt),
        addr=addr,
        app=app,
    )
