"""One session: its life as a picture, what ended it, its live sockets and events; revoke it."""

from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.request import ConsoleRequest
from satmint.console.session_picture import picture_of
from satmint.flows.revoke import revoke_session
from satmint.flows.session_ends import ended_by
from satmint.flows.session_queries import get_session, list_events, list_presence
from satmint.model.event_filter import EventFilter
from satmint.model.events import REFRESH_EVENTS, Event, EventKind
from satmint.model.listing import Window
from satmint.model.refusals import NotFound

_SHOWN: Final = 100
"""Events of each of the two searches."""
_LIFE: Final = frozenset(EventKind) - REFRESH_EVENTS
"""The events of a session that an index finds. Refreshes are searched among the newest of all."""


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    services, project = context.services, request.project.id
    session = await get_session(services.store, project, request.path_id("session"))
    end = (await ended_by(services, project, [session])).get(session.id)
    events: list[Event] = []
    is_complete = True
    for kinds in (_LIFE, REFRESH_EVENTS):
        wanted = EventFilter(kinds, session=session.id, since=session.created_at)
        page = await list_events(services.store, project, wanted, Window(_SHOWN, descending=True))
        events += page.items
        is_complete = is_complete and not page.more_after
    events.sort(key=lambda event: event.id, reverse=True)
    try:
        online = await list_presence(services, project, session.subscriber)
    except NotFound:
        online = ()
    sockets = [one for one in online if one.session == session.id]
    data = {
        "session": session,
        "end": end,
        "events": events,
        "is_complete": is_complete,
        "picture": picture_of(session, end, events, services.clock.now(), sockets),
        "sockets": sockets,
    }
    return View("session.html", data, f"Session {str(session.id)[:8]}")


async def _ask_revoke(context: ConsoleContext, request: ConsoleRequest) -> View:
    session = await get_session(
        context.services.store, request.project.id, request.path_id("session")
    )
    return confirmation(
        Confirmation(
            title="Revoke this session?",
            text="1 session will be revoked.",
            points=(
                "Its refresh token and all its SATs become invalid at once.",
                "Its live sockets are closed. Invites that it made end as well.",
                "The subscriber stays, with its other sessions.",
            ),
            button="Revoke session",
            cancel=request.project_path("sessions", str(session.id)),
        )
    )


async def _revoke(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    session = request.path_id("session")
    await revoke_session(context.services, request.project.id, session, request.origin)
    return Redirect(request.project_path("sessions", str(session)), "The session was revoked.")


PAGE = Page(
    path="/projects/{project}/sessions/{session}",
    title="Session",
    show=_show,
    actions=(Action("revoke", _revoke, _ask_revoke),),
)
