"""`satmint events`: list and follow the audit trail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.text import Text

from satmint.cli.cells import escape_unprintable
from satmint.cli.command import (
    CommandContext,
    Limit,
    ProjectOption,
    command,
    parse_id,
    resolve_project,
)
from satmint.cli.filters import Since, Until, parse_choices, parse_time, search, subscriber_id
from satmint.cli.plain import group
from satmint.flows.event_feed import event_feed
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_events
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event, EventKind
from satmint.model.listing import Page, Window
from satmint.model.times import iso
from satmint.model.webhooks import ALERTS

app = group("events")

_POLL_SECONDS: Final = 0.5


_Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind", metavar="KIND", help="Only these kinds, separated by commas or given repeatedly."
    ),
]
_Subscriber = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Only of this subscriber: an id or a reference."),
]
_Session = Annotated[str | None, typer.Option(metavar="ID", help="Only of this session.")]


@command(app, "list")
async def list_(
    ctx: CommandContext,
    kind: _Kinds = None,
    subscriber: _Subscriber = None,
    session: _Session = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List events, newest first."""
    read_filter = _filter_of(ctx, kind, subscriber, session, since, until)
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        wanted = await read_filter(services, chosen.id)

        async def read(window: Window) -> Page[Event]:
            return await list_events(services.store, chosen.id, wanted, window)

        found, more = await search(read, limit)
    ctx.report.write_table(
        (
            *("at", "kind", "reference", "session_id"),
            *("generation", "cause", "address", "agent"),
        ),
        [event_as_dict(event) for event in found],
        none="No events.",
        more=more,
        gives_way=("agent", "generation", "reference", "address", "session_id"),
    )


@command(app, "follow")
async def follow(
    ctx: CommandContext,
    last: Annotated[
        int,
        typer.Option(min=0, max=1000, metavar="N", help="The number of past events to show first."),
    ] = 10,
    kind: _Kinds = None,
    subscriber: _Subscriber = None,
    session: _Session = None,
    project: ProjectOption = None,
) -> None:
    """Print new events until interrupted; with --json, one line for each event."""
    read_filter = _filter_of(ctx, kind, subscriber, session)
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        wanted = await read_filter(services, chosen.id)
        async for event in _follow(services, chosen.id, wanted, last):
            ctx.report.write_json(event_as_dict(event))
            ctx.report.write_line(_event_line(event))


def _filter_of(
    ctx: CommandContext,
    kinds: Sequence[str] | None,
    subscriber: str | None,
    session: str | None,
    since: str | None = None,
    until: str | None = None,
) -> Callable[[ServiceContext, UUID], Awaitable[EventFilter]]:
    """Check the options of a filter; return what reads the filter for a project.

    Raises:
        UsageError: one of the options is invalid.
    """
    now = ctx.clock.now()
    wanted = EventFilter(
        kinds=parse_choices(kinds, "--kind", EventKind),
        session=None if session is None else parse_id(session, "--session"),
        since=parse_time(since, "--since", now),
        until=parse_time(until, "--until", now),
    )

    async def read(services: ServiceContext, project: UUID) -> EventFilter:
        if subscriber is None:
            return wanted
        return replace(wanted, subscriber=await subscriber_id(services, project, subscriber))

    return read


async def _follow(
    services: ServiceContext, project: UUID, wanted: EventFilter, last: int
) -> AsyncIterator[Event]:
    """The last events, oldest first, then each new event."""
    feed = event_feed(services, project, asyncio.get_running_loop().time, wanted)
    await feed.poll()
    shown: frozenset[bytes] = frozenset()
    if last:

        async def read(window: Window) -> Page[Event]:
            return await list_events(services.store, project, wanted, window)

        found, _ = await search(read, last)
        shown = frozenset(event.id for event in found)
        for event in reversed(found):
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
        "subscriber": event.subscriber if event.reference is None else event.reference,
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


def event_as_dict(event: Event) -> dict[str, object]:
    """The properties of an event."""
    return {
        "id": UUID(bytes=event.id),
        "kind": event.kind.value,
        "at": iso(event.at),
        "subscriber_id": event.subscriber,
        "reference": event.reference,
        "session_id": event.session,
        "subject_id": event.subject,
        "generation": event.generation,
        "cause": event.cause,
        "request_id": event.origin.request_id,
        "address": event.origin.address,
        "agent": event.origin.agent,
    }
