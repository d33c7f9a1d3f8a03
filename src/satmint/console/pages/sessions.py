"""The sessions of a project: newest first, searched and filtered; revoke some or all found."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.console.context import ConsoleContext
from satmint.console.counting import counted
from satmint.console.listing import pager_of, window_of
from satmint.console.page import (
    Action,
    Confirmation,
    NavigationItem,
    Page,
    Redirect,
    Section,
    View,
    confirmation,
)
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest, link
from satmint.console.session_search import SessionSearch, read_search
from satmint.flows.revoke import revoke_matching, revoke_project, revoke_session
from satmint.flows.session_ends import ended_by
from satmint.flows.session_queries import count_matching, get_session, list_project_sessions
from satmint.http.paging import by_creation
from satmint.model import listing
from satmint.model.claims import Kind
from satmint.model.ids import as_uuid
from satmint.model.listing import BoundedCount
from satmint.model.records import Session
from satmint.model.refusals import NotFound
from satmint.model.session_filter import SessionStatus

_OPTIONS: Final = {
    "states": (("", "Any state"), *((one.value, one.value) for one in SessionStatus)),
    "kinds": (("", "Any kind"), *((one.value, one.value) for one in Kind)),
    "bindings": (("", "Bound or not"), ("true", "bound to a key"), ("false", "not bound")),
    "periods": (("", "Any time"), ("1h", "last hour"), ("24h", "last day"), ("7d", "last week")),
}
_TYPED: Final = "revoke"
_MAX_CHOSEN: Final = 100


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    services, project = context.services, request.project.id
    search = await read_search(context, request, request.query)
    if search.session is not None:
        return Redirect(request.project_path("sessions", str(search.session)))
    found: listing.Page[Session] = listing.Page((), more_before=False, more_after=False)
    if not search.problem:
        window = window_of(request)
        found = await list_project_sessions(services, project, search.wanted, window)
    data = {
        "search": search,
        "sessions": found.items,
        "ends": await ended_by(services, project, found.items),
        "pager": pager_of(request, found, by_creation),
        "continues": found.more_after,
        "revoke_all": link(f"{request.path}/revoke", **search.query),
        **_OPTIONS,
    }
    return View("sessions.html", data)


def _chosen(values: Sequence[str]) -> Sequence[UUID]:
    """The sessions whose boxes are checked.

    Raises:
        NotFound: a value is no id, or there are more than a page has.
    """
    found = dict.fromkeys(as_uuid(value) for value in values)
    ids = [one for one in found if one is not None]
    if None in found or len(ids) > _MAX_CHOSEN:
        raise NotFound("not_an_id")
    return ids


async def _ask_revoke(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    chosen = _chosen(request.repeated.get("session", ()))
    if chosen:
        return _ask_chosen(request, chosen)
    if "chosen" in request.query:
        return Redirect(request.project_path("sessions"), "Choose sessions first.", "bad")
    search = await read_search(context, request, request.query)
    if search.session is not None:
        return _ask_chosen(request, [search.session])
    count = BoundedCount(0, is_exact=True)
    if search.active is not None:
        count = await count_matching(context.services, request.project.id, search.active)
    text = counted(count)
    back = link(request.project_path("sessions"), **search.query)
    return confirmation(
        Confirmation(
            title="Revoke all that the filter finds?",
            text=f"{text} of {_which(search)} will be revoked.",
            points=(
                "Their refresh tokens and all their SATs become invalid at once.",
                "Their live sockets are closed.",
                "API tokens and Click-to-Call tokens stay: new sessions can be opened with them.",
            ),
            button=f"Revoke {text[0].lower()}{text[1:]}",
            cancel=back,
            fields={**search.query, "all": "yes"},
            typed=_TYPED,
        )
    )


def _ask_chosen(request: ConsoleRequest, chosen: Sequence[UUID]) -> View:
    what = "1 session" if len(chosen) == 1 else f"{len(chosen)} sessions"
    return confirmation(
        Confirmation(
            title=f"Revoke {what}?",
            text=f"{what[0].upper()}{what[1:]} will be revoked.",
            points=(
                "The refresh token and all SATs of each become invalid at once.",
                "Live sockets are closed.",
            ),
            button=f"Revoke {what}",
            cancel=request.project_path("sessions"),
            fields={"session": [str(one) for one in chosen]},
        )
    )


def _which(search: SessionSearch) -> str:
    if search.is_everything:
        return "the whole project"
    texts = [
        quoted(value) if name == "search" else f"{name} {value}"
        for name, value in search.query.items()
    ]
    return ", ".join(texts)


async def _revoke(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    services, project, path = context.services, request.project.id, request.project_path("sessions")
    chosen = _chosen(request.texts("session"))
    if chosen:
        sessions = [await get_session(services.store, project, one) for one in chosen]
        active = [one for one in sessions if one.is_active(services.clock.now())]
        for one in active:
            await revoke_session(services, project, one.id, request.origin)
        return Redirect(path, _revoked(len(active)))
    entered = {name: request.text(name) for name in request.form}
    search = await read_search(context, request, entered)
    back = link(path, **search.query)
    if request.text("all") != "yes" or request.text("typed") != _TYPED:
        return Redirect(back, f"Nothing was revoked: {_TYPED} was not typed.", "bad")
    if search.active is None or search.session is not None:
        return Redirect(back, "Nothing was revoked: no session matches.", "bad")
    if search.is_everything:
        await revoke_project(services, project, request.origin)
        return Redirect(back, "All sessions of the project were revoked.")
    count = await revoke_matching(services, project, search.wanted, request.origin)
    return Redirect(back, _revoked(count))


def _revoked(count: int) -> str:
    return "1 session was revoked." if count == 1 else f"{count or 'No'} sessions were revoked."


PAGE = Page(
    path="/projects/{project}/sessions",
    title="Sessions",
    show=_show,
    navigation=NavigationItem(Section.PROJECT, 20, "sessions"),
    actions=(Action("revoke", _revoke, _ask_revoke),),
)
