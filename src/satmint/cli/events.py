"""`satmint events`: the audit trail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.text import Text

from satmint.cli.command import Limit, ProjectOption, Work, command, project_named
from satmint.cli.plain import group
from satmint.cli.report import visible
from satmint.flows.mint import Mint
from satmint.flows.oversight import list_events
from satmint.model.events import Event, before_all_ids_of
from satmint.model.listing import Anchor, Window
from satmint.model.times import iso
from satmint.model.webhooks import ALERTS

app = group("events")

_LOOK_EVERY_SECONDS: Final = 0.5
_LOOK_BACK_SECONDS: Final = 10
"""Servers whose clocks differ write ids that are in no strict order."""
_AT_ONCE: Final = 1000


@command(app, "list")
async def list_(work: Work, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List what happened, newest first."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        page = await list_events(mint, chosen.id, Window(limit, descending=True))
    work.report.rows(
        ("at", "kind", "session_id", "generation", "cause", "address", "agent"),
        [_shown(event) for event in page.items],
        none="Nothing has happened yet.",
        more=page.more_after,
    )


@command(app, "follow")
async def follow(
    work: Work,
    last: Annotated[
        int, typer.Option(min=0, max=1000, metavar="N", help="How many to begin with.")
    ] = 10,
    project: ProjectOption = None,
) -> None:
    """Show what happens as it happens, until interrupted; with --json, one line for each event."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        async for event in _happening(mint, chosen.id, last):
            work.report.value(_shown(event))
            work.report.line(_line(event))


async def _happening(mint: Mint, project: UUID, last: int) -> AsyncIterator[Event]:
    """The last events that there are, oldest first, then each new one."""
    known: dict[bytes, int] = {}
    now = mint.clock.now()
    if last:
        page = await list_events(mint, project, Window(last, descending=True))
        for event in reversed(page.items):
            known[event.id] = event.at
            yield event
    begin = now + 1 if last == 0 else now
    while True:
        back = max(mint.clock.now() - _LOOK_BACK_SECONDS, begin)
        anchor: Anchor | None = Anchor(back, UUID(bytes=before_all_ids_of(back)))
        while anchor is not None:
            page = await list_events(mint, project, Window(_AT_ONCE, anchor=anchor))
            anchor = None
            for event in page.items:
                if event.id not in known:
                    known[event.id] = event.at
                    yield event
            if page.more_after:
                newest = page.items[-1]
                anchor = Anchor(newest.at, UUID(bytes=newest.id))
        known = {key: at for key, at in known.items() if at >= back}
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _line(event: Event) -> Text:
    """One event on one line."""
    details = {
        "session": event.session,
        "subscriber": event.subscriber,
        "generation": event.generation,
        "cause": event.cause,
        "address": event.origin.address,
    }
    told = " ".join(f"{name}={value}" for name, value in details.items() if value not in (None, ""))
    style = "bold red" if event.kind in ALERTS else "bold"
    return Text.assemble((iso(event.at), "dim"), " ", (event.kind.value, style), " ", visible(told))


def _shown(event: Event) -> dict[str, object]:
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
