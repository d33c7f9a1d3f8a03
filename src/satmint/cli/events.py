"""`satmint events`: list and follow the audit trail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.text import Text

from satmint.cli.cells import escape_unprintable
from satmint.cli.command import CommandContext, Limit, ProjectOption, command, resolve_project
from satmint.cli.plain import group
from satmint.flows.event_feed import event_feed
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_events
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event
from satmint.model.listing import Window
from satmint.model.times import iso
from satmint.model.webhooks import ALERTS

app = group("events")

_POLL_SECONDS: Final = 0.5


@command(app, "list")
async def list_(ctx: CommandContext, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List events, newest first."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_events(
            services.store, chosen.id, EventFilter(), Window(limit, descending=True)
        )
    ctx.report.write_table(
        ("at", "kind", "session_id", "generation", "cause", "address", "agent"),
        [_as_dict(event) for event in page.items],
        none="No events.",
        more=page.more_after,
    )


@command(app, "follow")
async def follow(
    ctx: CommandContext,
    last: Annotated[
        int,
        typer.Option(min=0, max=1000, metavar="N", help="The number of past events to show first."),
    ] = 10,
    project: ProjectOption = None,
) -> None:
    """Print new events until interrupted; with --json, one line for each event."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        async for event in _follow(services, chosen.id, last):
            ctx.report.write_json(_as_dict(event))
            ctx.report.write_line(_event_line(event))


async def _follow(services: ServiceContext, project: UUID, last: int) -> AsyncIterator[Event]:
    """The last events, oldest first, then each new event."""
    feed = event_feed(services, project, asyncio.get_running_loop().time)
    await feed.poll()
    shown: frozenset[bytes] = frozenset()
    if last:
        page = await list_events(
            services.store, project, EventFilter(), Window(last, descending=True)
        )
        shown = frozenset(event.id for event in page.items)
        for event in reversed(page.items):
            yield event
    while True:
        for event in await feed.poll():
            if event.id not in shown:
                yield event
        await asyncio.sleep(_POLL_SECONDS)


def _event_line(event: Event) -> Text:
    """An event as one line."""
    details: dict[str, Any] = {
        "session": event.session,
        "subscriber": event.subscriber,
        "generation": event.generation,
        "cause": event.cause,
        "address": event.origin.address,
    }
    text = " ".join(
        # A cause may be a name and a value by itself.
        value if name == "cause" and "=" in value else f"{name}={value}"
        for name, value in details.items()
        if value not in (None, "")
    )
    style = "bold red" if event.kind in ALERTS else "bold"
    return Text.assemble(
        (iso(event.at), "dim"), " ", (event.kind.value, style), " ", escape_unprintable(text)
    )


def _as_dict(event: Event) -> dict[str, object]:
    return {
        "id": UUID(bytes=event.id),
        "kind": event.kind.value,
        "at": iso(event.at),
        "subscriber_id": event.subscriber,
        "session_id": event.session,
        "subject_id": event.subject,
        "generation": event.generation,
        "cause": event.cause,
        "request_id": event.origin.request_id,
        "address": event.origin.address,
        "agent": event.origin.agent,
    }
