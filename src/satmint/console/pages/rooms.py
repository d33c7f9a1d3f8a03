"""The conference rooms of a project: find and create."""

from satmint.console.context import ConsoleContext
from satmint.console.forms import Control, Form, FormField, entered, form_page, given, read
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, NavigationItem, Page, Redirect, Section, View
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.resources import list_resources
from satmint.flows.rooms import create_room
from satmint.http.paging import by_creation
from satmint.http.resources.conference_rooms import CREATE
from satmint.model.refusals import Unprocessable
from satmint.model.rooms import ResourceFilter, ResourceType


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    search = request.query.get("search", "").strip()
    rooms = await list_resources(
        context.services.store,
        request.project.id,
        ResourceFilter(ResourceType.ROOM, search or None),
        window_of(request),
    )
    pager = pager_of(request, rooms, by_creation)
    return View("rooms.html", {"rooms": rooms.items, "pager": pager, "search": search})


def fields() -> tuple[FormField, ...]:
    """The fields of the form of a room."""
    return (
        FormField(
            name="name",
            label="Name",
            required=True,
            help="Letters, digits, _ and -. Its address is /public/name.",
        ),
        FormField(
            name="display_name",
            label="Display name",
            help="Guests and visitors read it. The name by default.",
        ),
        FormField(name="description", label="Description", control=Control.TEXTAREA),
    )


def _form(request: ConsoleRequest) -> Form:
    return Form(
        title="New room",
        lead="A room is a name and an address that tokens may be good for.",
        button="Create room",
        cancel=request.project_path("rooms"),
        back="Rooms",
        fields=fields(),
    )


async def _ask(_context: ConsoleContext, request: ConsoleRequest) -> View:
    return form_page(_form(request), {})


async def _create(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    form = _form(request)
    try:
        new = read(context, CREATE, given(form, request).members)
        room = await create_room(context.services, request.project.id, new)
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    path = request.project_path("rooms", str(room.id))
    return Redirect(path, f"Room {quoted(room.name)} was created.")


PAGE = Page(
    path="/projects/{project}/rooms",
    title="Rooms",
    show=_show,
    navigation=NavigationItem(Section.PROJECT, 50, "rooms"),
    actions=(Action("create", _create, _ask),),
)
