"""`satmint session`: list, show and revoke sessions."""

from collections.abc import Sequence
from typing import Annotated, Final

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
from satmint.cli.events import event_as_dict
from satmint.cli.filters import Since, parse_choices, parse_time, search, subscriber_id
from satmint.cli.plain import group
from satmint.cli.report import UsageError
from satmint.flows.lookup import find_subscriber
from satmint.flows.projects import COUNT_LIMIT, count_contents
from satmint.flows.registered_devices import registered_devices
from satmint.flows.revoke import revoke_key, revoke_project, revoke_session, revoke_subscriber
from satmint.flows.session_ends import ended_by
from satmint.flows.session_queries import (
    get_session,
    list_devices,
    list_events,
    list_project_sessions,
)
from satmint.model.claims import Kind
from satmint.model.event_filter import EventFilter
from satmint.model.events import REFRESH_EVENTS, EventKind
from satmint.model.listing import Page, Window
from satmint.model.naming import is_fingerprint
from satmint.model.records import RegisteredDevice, Session
from satmint.model.session_filter import SessionEnd, SessionFilter, SessionStatus
from satmint.model.times import iso, iso_or_none

app = group("session")

SubscriberText = Annotated[
    str, typer.Argument(metavar="SUBSCRIBER", help="The id or the reference of a subscriber.")
]


_LIFE: Final = frozenset(EventKind) - REFRESH_EVENTS
"""The events of a session that an index finds: all but those of its refreshes."""
_SHOWN_EVENTS: Final = 20


@command(app, "list")
async def list_(
    ctx: CommandContext,
    subscriber: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBSCRIBER",
            help="The id or the reference of a subscriber. Default: the whole project.",
        ),
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only active, revoked or expired ones.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Only those of a subscriber, guest, invite or embed."),
    ] = None,
    since: Since = None,
    bound: Annotated[
        bool | None,
        typer.Option("--bound/--unbound", help="Only those that are, or are not, bound to a key."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only those of the key with this RFC 7638 thumbprint."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="IP", help="Only those issued to this IP address.")
    ] = None,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List sessions, newest first. Ended ones stay for a day after their last token expired."""
    states = parse_choices([] if state is None else [state], "--state", SessionStatus)
    kinds = parse_choices([] if kind is None else [kind], "--kind", Kind)
    if max(len(states), len(kinds)) > 1:
        raise UsageError("--state and --kind take one value")
    if fingerprint is not None and not is_fingerprint(fingerprint):
        raise UsageError("--fingerprint must be an RFC 7638 thumbprint")
    opened_since = parse_time(since, "--since", ctx.clock.now())
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        wanted = SessionFilter(
            state=next(iter(states), None),
            kind=next(iter(kinds), None),
            subscriber=None
            if subscriber is None
            else await subscriber_id(services, chosen.id, subscriber),
            since=opened_since,
            bound=bound,
            jkt=fingerprint,
            caller_address=address,
        )

        async def read(window: Window) -> Page[Session]:
            return await list_project_sessions(services, chosen.id, wanted, window)

        found, more = await search(read, limit, lambda last: (last.created_at, last.id))
        registered = await registered_devices(services, chosen.id, found)
        ends = await ended_by(services, chosen.id, found)
    ctx.report.write_table(
        (
            "id",
            "state",
            "generation",
            "created_at",
            "reference",
            "ended_by",
            "address",
            "last_refresh_at",
            "key",
            "kind",
            "devices",
            "agent",
        ),
        [_as_dict(one, registered.get(one.id, ()), ends.get(one.id)) for one in found],
        none="No sessions.",
        more=more,
        gives_way=(
            *("agent", "devices", "kind", "key", "last_refresh_at", "generation"),
            *("address", "ended_by"),
        ),
    )


@command(app, "show", table=True)
async def show(
    ctx: CommandContext,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The id of a session.")],
    project: ProjectOption = None,
) -> None:
    """Show a session: its life, what ended it, and its latest events but those of refreshes."""
    named = parse_id(session, "SESSION")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        found = await get_session(services.store, chosen.id, named)
        registered = await registered_devices(services, chosen.id, [found])
        ends = await ended_by(services, chosen.id, [found])
        wanted = EventFilter(kinds=_LIFE, session=named)
        window = Window(_SHOWN_EVENTS, descending=True)
        page = await list_events(services.store, chosen.id, wanted, window)
    inviter = found.inviter
    described = {
        **_as_dict(found, registered.get(found.id, ()), ends.get(found.id)),
        "replays": found.replays,
        "head_used": found.seen_generation >= found.head.generation,
        "inviter_session_id": None if inviter is None else inviter.session,
        "click_to_call_token_id": found.c2c_token,
    }
    events = [event_as_dict(event) for event in page.items]
    ctx.report.write_json({**described, "events": events, "more_events": page.more_after})
    if ctx.report.as_json:
        return
    del described["key"]
    shown = {name: value for name, value in described.items() if value not in (None, "", ())}
    ctx.report.write_properties(shown)
    ctx.report.write_line()
    ctx.report.write_line("Events")
    ctx.report.write_table(
        ("at", "kind", "generation", "cause", "address", "agent"),
        events,
        none="none",
        gives_way=("agent", "generation"),
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


def _as_dict(
    session: Session, devices: Sequence[RegisteredDevice], end: SessionEnd | None
) -> dict[str, object]:
    return {
        "id": session.id,
        "reference": session.reference,
        "subscriber_id": session.subscriber,
        "kind": session.kind.value,
        "state": (SessionStatus.ACTIVE if end is None else end.status).value,
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
        "ended_by": None if end is None else end.by,
        "ended_at": None if end is None else iso(end.at),
        "ended_cause": None if end is None else end.cause,
        "ended_from": None if end is None else end.address,
    }
