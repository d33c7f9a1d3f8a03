"""`satmint events`: list and follow the audit trail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.text import Text

from satmint.cli.command import CommandContext, Limit, ProjectOption, command, resolve_project
from satmint.cli.plain import group
from satmint.cli.report import escape_unprintable
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_events
from satmint.model.events import Event, first_id_at
from satmint.model.listing import Anchor, Window
from satmint.model.times import iso
from satmint.model.webhooks import ALERTS

app = group("events")

_POLL_SECONDS: Final = 0.5
_LOOKBACK_SECONDS: Final = 10
"""Events of the last seconds are read again: ids are not in strict order if clocks differ."""
_BATCH_SIZE: Final = 1000


@command(app, "list")
async def list_(ctx: CommandContext, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List events, newest first."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_events(services.store, chosen.id, Window(limit, descending=True))
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
    known: dict[bytes, int] = {}
    now = services.clock.now()
    if last:
        page = await list_events(services.store, project, Window(last, descending=True))
        for event in reversed(page.items):
            known[event.id] = event.at
            yield event
    begin = now + 1 if last == 0 else now
    while True:
        back = max(services.clock.now() - _LOOKBACK_SECONDS, begin)
        anchor: Anchor | None = Anchor(back, UUID(bytes=first_id_at(back)))
        while anchor is not None:
            page = await list_events(services.store, project, Window(_BATCH_SIZE, anchor=anchor))
            anchor = None
            for event in page.items:
                if event.id not in known:
                    known[event.id] = event.at
                    yield event
            if page.more_after:
                newest = page.items[-1]
                anchor = Anchor(newest.at, UUID(bytes=newest.id))
        known = {key: at for key, at in known.items() if at >= back}
        await asyncio.sleep(_POLL_SECONDS)


def _event_line(event: Event) -> Text:
    """An event as one line."""
    details = {
        "session": event.session,
        "subscriber": event.subscriber,
        "generation": event.generation,
        "cause": event.cause,
        "address": event.origin.address,
    }
    text = " ".join(f"{name}={value}" for name, value in details.items() if value not in (None, ""))
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
