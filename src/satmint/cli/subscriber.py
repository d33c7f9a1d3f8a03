"""`satmint subscriber`: list, show and delete subscribers."""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

import typer

from satmint.cli.command import CommandContext, Limit, ProjectOption, command, resolve_project
from satmint.cli.confirm import Yes, confirm
from satmint.cli.plain import group
from satmint.flows.lookup import find_subscriber
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_devices, list_sessions
from satmint.flows.subscribers import delete_subscriber, list_subscribers
from satmint.model.lifetimes import expired
from satmint.model.listing import Window
from satmint.model.records import Address, Device, Session, Subscriber
from satmint.model.refusals import NotFound
from satmint.model.times import iso, iso_or_none

app = group("subscriber")

_SHOWN_SESSIONS: Final = 100
_COUNTED_SESSIONS: Final = 1000

_Subscriber = Annotated[
    str,
    typer.Argument(
        metavar="SUBSCRIBER", help="The id, the reference or the e-mail address of a subscriber."
    ),
]


@command(app, "list")
async def list_(
    ctx: CommandContext,
    search: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help="Only the subscriber with this reference or e-mail address, or this id.",
        ),
    ] = None,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List subscribers, oldest first, without the temporary ones of guests and visitors."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        if search is None:
            page = await list_subscribers(services.store, chosen.id, Window(limit))
            found, more = page.items, page.more_after
        else:
            found, more = await _matching(services, chosen.id, search), False
    ctx.report.write_table(
        ("id", "reference", "email", "display_name", "created_at"),
        [_as_dict(subscriber) for subscriber in found],
        none="No subscribers.",
        more=more,
        gives_way=("display_name", "email"),
    )


@command(app, "show", table=True)
async def show(ctx: CommandContext, subscriber: _Subscriber, project: ProjectOption = None) -> None:
    """Show a subscriber: its profile, and its addresses, sessions and devices."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        found = await find_subscriber(services.store, chosen.id, subscriber)
        addresses = await services.store.addresses.of_subscriber(chosen.id, found.id)
        window = Window(_SHOWN_SESSIONS, descending=True)
        page = await list_sessions(services.store, chosen.id, found.id, window)
        devices = await list_devices(services, chosen.id, found.id)
    now = ctx.clock.now()
    described = _as_dict(found)
    parts = {
        "addresses": [_address(address) for address in addresses],
        "sessions": [_session(session, now) for session in page.items],
        "devices": [_device(device) for device in devices],
    }
    ctx.report.write_json({**described, **parts, "more_sessions": page.more_after})
    if ctx.report.as_json:
        return
    ctx.report.write_properties({name: value for name, value in described.items() if value})
    for title, rows in parts.items():
        ctx.report.write_line()
        ctx.report.write_line(title.capitalize())
        ctx.report.write_table(
            tuple(rows[0]) if rows else (),
            rows,
            none="none",
            more=title == "sessions" and page.more_after,
        )


@command(app, "delete", changes=True)
async def delete(
    ctx: CommandContext, subscriber: _Subscriber, yes: Yes = False, project: ProjectOption = None
) -> None:
    """Delete a subscriber and its addresses, and revoke all of its sessions."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        found = await find_subscriber(services.store, chosen.id, subscriber)
        addresses = await services.store.addresses.of_subscriber(chosen.id, found.id)
        sessions, more = await _active_sessions(services, found)
        confirm(
            ctx.report,
            f"Delete subscriber {found.reference or found.id}, its addresses ({len(addresses)})"
            f" and its active sessions ({'more than ' if more else ''}{sessions})?",
            yes=yes,
        )
        await delete_subscriber(services, chosen.id, found.id, ctx.origin)
    ctx.report.write_json({"id": found.id, "deleted": True})
    ctx.report.write_line(f"Deleted subscriber {found.id}.")


async def _matching(services: ServiceContext, project: UUID, text: str) -> Sequence[Subscriber]:
    try:
        return [await find_subscriber(services.store, project, text)]
    except NotFound:
        return []


async def _active_sessions(services: ServiceContext, subscriber: Subscriber) -> tuple[int, bool]:
    """How many of a subscriber's newest sessions are active, and whether it has more sessions."""
    window = Window(_COUNTED_SESSIONS, descending=True)
    page = await list_sessions(services.store, subscriber.project, subscriber.id, window)
    now = services.clock.now()
    return sum(session.is_active(now) for session in page.items), page.more_after


def _as_dict(subscriber: Subscriber) -> dict[str, object]:
    profile = subscriber.profile
    return {
        "id": subscriber.id,
        "kind": subscriber.kind.value,
        "reference": subscriber.reference,
        "email": subscriber.email,
        **{name: getattr(profile, name) for name in profile.__struct_fields__},
        "created_at": iso(subscriber.created_at),
        "updated_at": iso(subscriber.updated_at),
    }


def _address(address: Address) -> dict[str, object]:
    return {
        "id": address.id,
        "address": f"/{address.context}/{address.name}",
        "display_name": address.display_name,
        "locked": address.locked,
    }


def _session(session: Session, now: int) -> dict[str, object]:
    if session.revoked_at is not None:
        state = "revoked"
    else:
        state = "expired" if expired(session.lives_until, now) else "active"
    return {
        "id": session.id,
        "state": state,
        "created_at": iso(session.created_at),
        "last_refresh_at": iso_or_none(session.refreshed_at),
        "address": session.address,
        "agent": session.agent,
    }


def _device(device: Device) -> dict[str, object]:
    return {
        "fingerprint": device.fingerprint,
        "sessions": device.sessions,
        "last_used_at": iso(device.last.used_at),
        "address": device.last.address,
        "agent": device.last.agent,
    }
