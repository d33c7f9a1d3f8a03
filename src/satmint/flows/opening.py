"""Opening a session: its lifetime, its first claims, its temporary subscriber if it needs one."""

from uuid import UUID

from satmint.flows.mint import Mint
from satmint.model.claims import Claims, Confirmation, Kind, TokenType, token_id
from satmint.model.events import EventKind, Origin
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_OVERHANG_SECONDS, expired
from satmint.model.refusals import Code, Fault, Unprocessable
from satmint.store.contract import NewSession, Opened


def lifetime_fault(mint: Mint, asked: int, now: int) -> str | None:
    """What is wrong with an expiry that was asked for, in Unix seconds: «must be …»."""
    longest = mint.policy.max_token_seconds
    if expired(asked, now):
        return f"must be greater than {now}"
    if longest is not None and asked > now + longest:
        return f"must not be greater than {now + longest}"
    return None


def expiry(mint: Mint, attribute: str, asked: int | None, now: int) -> int:
    """When the first SAT of a session dies, in Unix seconds.

    Raises:
        Unprocessable: what was asked for as `attribute` is past or too long.
    """
    if asked is None:
        return now + ACCESS_SECONDS
    fault = lifetime_fault(mint, asked, now)
    if fault is not None:
        label = attribute.replace("_", " ").title()
        raise Unprocessable(Fault(Code.INVALID_PARAMETER, f"{label} {fault}", attribute))
    return asked


def new_session(mint: Mint, expires_at: int, now: int, jkt: str | None = None) -> NewSession:
    """A session whose first SAT dies at `expires_at`, or at its deadline if that is earlier."""
    deadline = mint.deadline(now)
    return NewSession(
        id=mint.new_id(),
        expires_at=min(expires_at, deadline - REFRESH_OVERHANG_SECONDS),
        deadline=deadline,
        jkt=jkt,
    )


async def open_temporary(
    mint: Mint,
    project: UUID,
    kind: Kind,
    session: NewSession,
    addresses: tuple[UUID, ...],
    now: int,
    origin: Origin,
    on_behalf_of: UUID | None = None,
) -> Claims:
    """Open `session` for somebody who is no subscriber; returns the first claims.

    The audit trail tells `on_behalf_of` whom: the subscriber who invites, or the Click-to-Call
    token.
    """
    opened = await mint.store.sessions.open_temporary(
        project,
        mint.new_id(),
        kind,
        session,
        now,
        mint.event(
            EventKind.ISSUED,
            project,
            origin,
            now,
            session=session.id,
            subject=on_behalf_of,
            generation=0,
        ),
    )
    return first_claims(mint, project, opened, session, now, kind=kind, addr=addresses)


def first_claims(
    mint: Mint,
    project: UUID,
    opened: Opened,
    session: NewSession,
    now: int,
    *,
    kind: Kind,
    scope: tuple[str, ...] = (),
    addr: tuple[UUID, ...] | None = None,
    app: UUID | None = None,
) -> Claims:
    """The claims of the SAT of generation 0."""
    return Claims(
        iss=mint.policy.issuer,
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
