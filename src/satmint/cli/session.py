"""`satmint session`: list and revoke sessions."""

from collections.abc import Sequence
from typing import Annotated

import typer

from satmint.cli.command import (
    CommandContext,
    Limit,
    ProjectOption,
    command,
    parse_id,
    resolve_project,
)
from satmint.cli.confirm import Yes, confirm
from satmint.cli.plain import group
from satmint.cli.report import UsageError
from satmint.flows.lookup import find_subscriber
from satmint.flows.projects import COUNT_LIMIT, count_contents
from satmint.flows.registered_devices import registered_devices
from satmint.flows.revoke import revoke_key, revoke_project, revoke_session, revoke_subscriber
from satmint.flows.session_queries import list_devices, list_sessions
from satmint.model.lifetimes import expired
from satmint.model.listing import Window
from satmint.model.naming import is_fingerprint
from satmint.model.records import RegisteredDevice, Session
from satmint.model.times import iso, iso_or_none

app = group("session")

SubscriberText = Annotated[
    str, typer.Argument(metavar="SUBSCRIBER", help="The id or the reference of a subscriber.")
]


@command(app, "list")
async def list_(
    ctx: CommandContext,
    subscriber: SubscriberText,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List the sessions of a subscriber, oldest first. Revoked sessions are kept for a day."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        owner = (await find_subscriber(services.store, chosen.id, subscriber)).id
        page = await list_sessions(services.store, chosen.id, owner, Window(limit))
        registered = await registered_devices(services, chosen.id, page.items)
    now = ctx.clock.now()
    ctx.report.write_table(
        (
            "id",
            "state",
            "generation",
            "created_at",
            "last_refresh_at",
            "address",
            "agent",
            "key",
            "devices",
        ),
        [_as_dict(session, registered.get(session.id, ()), now) for session in page.items],
        none="No sessions.",
        more=page.more_after,
    )


@command(app, "devices", table=True)
async def devices(
    ctx: CommandContext, subscriber: SubscriberText, project: ProjectOption = None
) -> None:
    """List the keys that a subscriber's sessions are bound to, most recently used first."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        owner = (await find_subscriber(services.store, chosen.id, subscriber)).id
        found = await list_devices(services, chosen.id, owner)
    ctx.report.write_table(
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


@command(app, "revoke", changes=True)
async def revoke(
    ctx: CommandContext,
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="The ids of sessions.")
    ] = None,
    subscriber: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="All sessions of this subscriber: an id or a reference."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="With --subscriber: only sessions bound to this RFC 7638 key thumbprint.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sessions of the project.")] = False,
    yes: Yes = False,
    project: ProjectOption = None,
) -> None:
    """Revoke sessions. Their refresh tokens and SATs stop working immediately."""
    if [bool(sessions), subscriber is not None, everything].count(True) != 1:
        raise UsageError("pass session ids, --subscriber or --all")
    if fingerprint is not None and (subscriber is None or not is_fingerprint(fingerprint)):
        raise UsageError("--fingerprint requires --subscriber and must be an RFC 7638 thumbprint")
    named = [parse_id(text, "SESSION") for text in sessions or ()]
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        if everything:
            count = (await count_contents(services, chosen.id))["active_sessions"]
            at_least = " or more" if count >= COUNT_LIMIT else ""
            question = f"Revoke all sessions of {chosen.name} ({count}{at_least} active)?"
            confirm(ctx.report, question, yes=yes)
            await revoke_project(services, chosen.id, ctx.origin)
            ctx.report.write_json({"revoked_project": chosen.id})
            ctx.report.write_line(f"Revoked every session of {chosen.name}.")
            return
        if subscriber is None:
            for session in named:
                await revoke_session(services, chosen.id, session, ctx.origin)
            count = len(named)
        else:
            owner = (await find_subscriber(services.store, chosen.id, subscriber)).id
            if fingerprint is None:
                count = await revoke_subscriber(services, chosen.id, owner, ctx.origin)
            else:
                count = await revoke_key(services, chosen.id, owner, fingerprint, ctx.origin)
    ctx.report.write_json({"revoked_sessions": count})
    ctx.report.write_line(f"{count} session{'' if count == 1 else 's'} revoked.")


def _as_dict(session: Session, devices: Sequence[RegisteredDevice], now: int) -> dict[str, object]:
    if session.revoked_at is not None:
        state = "revoked"
    else:
        state = "expired" if expired(session.lives_until, now) else "active"
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
        "devices": tuple(device.type.value for device in devices),
    }
