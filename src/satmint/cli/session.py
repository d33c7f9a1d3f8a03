"""`satmint session`: who is signed in."""

from typing import Annotated

import typer

from satmint.cli.command import Limit, ProjectOption, Work, command, id_of, project_named
from satmint.cli.plain import group
from satmint.cli.report import Misuse
from satmint.flows.finding import subscriber_called
from satmint.flows.oversight import list_devices, list_sessions
from satmint.flows.revoke import revoke_key, revoke_project, revoke_session, revoke_subscriber
from satmint.model.lifetimes import expired
from satmint.model.listing import Window
from satmint.model.naming import is_fingerprint
from satmint.model.records import Session
from satmint.model.times import iso, iso_or_none

app = group("session")

SubscriberText = Annotated[
    str, typer.Argument(metavar="SUBSCRIBER", help="An id, or your own reference.")
]


@command(app, "list")
async def list_(
    work: Work, subscriber: SubscriberText, limit: Limit = 100, project: ProjectOption = None
) -> None:
    """List a subscriber's sessions, oldest first; the revoked ones stay for a day."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        owner = (await subscriber_called(mint, chosen.id, subscriber)).id
        page = await list_sessions(mint, chosen.id, owner, Window(limit))
    now = work.clock.now()
    work.report.rows(
        ("id", "state", "generation", "created_at", "last_refresh_at", "address", "agent", "key"),
        [_shown(session, now) for session in page.items],
        none="There is no session.",
        more=page.more_after,
    )


@command(app, "devices")
async def devices(work: Work, subscriber: SubscriberText, project: ProjectOption = None) -> None:
    """List the keys that a subscriber's sessions are bound to, the one used last in front."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        owner = (await subscriber_called(mint, chosen.id, subscriber)).id
        found = await list_devices(mint, chosen.id, owner)
    work.report.rows(
        (
            "fingerprint",
            "sessions",
            "created_at",
            "last_refresh_at",
            "generation",
            "address",
            "agent",
        ),
        [
            {
                "fingerprint": one.fingerprint,
                "sessions": one.sessions,
                "created_at": iso(one.created_at),
                "last_refresh_at": iso_or_none(one.last.refreshed_at),
                "generation": one.last.head.generation,
                "agent": one.last.agent,
                "address": one.last.address,
            }
            for one in found
        ],
        none="No session is bound to a key.",
    )


@command(app, "revoke")
async def revoke(
    work: Work,
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Ids of sessions.")
    ] = None,
    subscriber: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="All that was issued to this one: an id or reference."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="With --subscriber: only what is bound to the key of this RFC 7638 thumbprint.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every session that the project has.")
    ] = False,
    project: ProjectOption = None,
) -> None:
    """Revoke sessions at once: their refresh tokens and all of their SATs are dead."""
    if [bool(sessions), subscriber is not None, everything].count(True) != 1:
        raise Misuse("give either ids of sessions, --subscriber or --all")
    if fingerprint is not None and (subscriber is None or not is_fingerprint(fingerprint)):
        raise Misuse("--fingerprint goes with --subscriber and is an RFC 7638 thumbprint")
    named = [id_of(text, "SESSION") for text in sessions or ()]
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        if everything:
            await revoke_project(mint, chosen.id, work.origin)
            work.report.value({"revoked_project": chosen.id})
            work.report.line(f"Every session of {chosen.name} is revoked.")
            return
        if subscriber is None:
            for session in named:
                await revoke_session(mint, chosen.id, session, work.origin)
            count = len(named)
        else:
            owner = (await subscriber_called(mint, chosen.id, subscriber)).id
            if fingerprint is None:
                count = await revoke_subscriber(mint, chosen.id, owner, work.origin)
            else:
                count = await revoke_key(mint, chosen.id, owner, fingerprint, work.origin)
    work.report.value({"revoked_sessions": count})
    work.report.line(f"{count} session{'' if count == 1 else 's'} revoked.")


def _shown(session: Session, now: int) -> dict[str, object]:
    if session.revoked_at is not None:
        state = "revoked"
    else:
        state = "expired" if expired(session.lives_until, now) else "live"
    return {
        "id": session.id,
        "subscriber_id": session.subscriber,
        "kind": session.kind.value,
        "state": state,
        "generation": session.head.generation,
        "created_at": iso(session.created_at),
        "last_refresh_at": iso_or_none(session.refreshed_at),
        "expires_at": iso(session.lives_until),
        "revoked_at": iso_or_none(session.revoked_at),
        "address": session.address,
        "agent": session.agent,
        "fingerprint": session.jkt,
        "key": None if session.jkt is None else session.jkt[:8],
    }
