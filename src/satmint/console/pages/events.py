"""The audit trail of a project, newest first: found, exported, and followed as it happens."""

import re
from dataclasses import replace
from typing import Final
from uuid import UUID

from satmint.console.context import ConsoleContext
from satmint.console.event_export import ExportFormat, event_file
from satmint.console.event_search import EventSearch, read_search
from satmint.console.event_tail import ExaminedEvents
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Answer, NavigationItem, Page, Section, Stream, View
from satmint.console.request import ConsoleRequest, link
from satmint.console.sign_in import is_signed_in
from satmint.flows.session_queries import list_events
from satmint.http.event_stream import event_stream
from satmint.http.resources.manage_events import in_tokens, with_position
from satmint.model.events import EventCursor, EventKind
from satmint.model.listing import Window
from satmint.model.refusals import Unprocessable

_LIVE: Final = "live"
_POSITION: Final = re.compile(r"\d{1,18}", re.ASCII)


async def _show(context: ConsoleContext, request: ConsoleRequest) -> Answer:
    store, project = context.services.store, request.project.id
    search = await read_search(context, request)
    if search.errors:
        return _view(request, search, {"events": (), "pager": None, "tail": None}, 422)
    wanted_as = request.query.get("as", "")
    if wanted_as == _LIVE:
        after = request.query.get("after", "")
        position = int(after) if _POSITION.fullmatch(after) else None
        tail = await context.tails.listen(context.services, project, search.wanted, position)

        async def examine() -> bool:
            now = context.clock.now()
            return not request.session.is_over(now) and await is_signed_in(
                context, request.session, now
            )

        return event_stream(ExaminedEvents(tail, examine))
    if wanted_as in set(ExportFormat):
        name = f"events-{project}"
        kind = ExportFormat(wanted_as)
        return Stream(await event_file(store, project, search.wanted, kind, name))
    # Before the page is read, so that nothing is missing between the page and its tail.
    newest = await store.events.after(project, EventCursor(0), 0)
    window = _window(request)
    page = await list_events(store, project, search.wanted, window)
    listed, key = in_tokens(page)
    pager = pager_of(request, listed, key)
    shown = None
    if window.anchor is None and search.wanted.until is None:
        shown = {
            "url": link(request.path, **search.values, **{"as": _LIVE}),
            "after": newest.settled,
            "known": [str(UUID(bytes=event.id)) for event in page.items],
        }
    return _view(request, search, {"events": page.items, "pager": pager, "tail": shown}, 200)


def _window(request: ConsoleRequest) -> Window:
    """The part that the query asks for; the first one if its cursor is of another list."""
    window = window_of(request)
    try:
        return with_position(window)
    except Unprocessable:
        return replace(window, anchor=None)


def _view(
    request: ConsoleRequest, search: EventSearch, listed: dict[str, object], status: int
) -> View:
    kinds = sorted(kind.value for kind in EventKind)
    data = {
        **listed,
        "values": search.values,
        "errors": search.errors,
        "kinds": [("", "Any kind"), *((kind, kind.replace("_", " ")) for kind in kinds)],
        "exports": {
            kind.value: link(request.path, **search.values, **{"as": kind.value})
            for kind in ExportFormat
        },
    }
    return View("events.html", data, status=status)


PAGE = Page(
    path="/projects/{project}/events",
    title="Events",
    show=_show,
    navigation=NavigationItem(Section.DELIVERY, 10, "events"),
)
