"""One conference room: change, delete."""

from satmint.console.context import ConsoleContext
from satmint.console.forms import Entered, Form, changes, entered, form_page, given, read
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.pages.rooms import fields
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.rooms import delete_room, get_room, update_room
from satmint.http.resources.conference_rooms import UPDATE
from satmint.model.refusals import Unprocessable
from satmint.model.rooms import Room


async def _room(context: ConsoleContext, request: ConsoleRequest) -> Room:
    return await get_room(context.services.store, request.project.id, request.path_id("room"))


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    room = await _room(context, request)
    addresses = context.services.store.addresses
    address = await addresses.get(request.project.id, room.address)
    return View("room.html", {"room": room, "address": address}, room.name)


def _form(request: ConsoleRequest, room: Room) -> Form:
    return Form(
        title="Change room",
        lead="Its address follows with each name that it shares with the room.",
        button="Save changes",
        is_new=False,
        cancel=request.project_path("rooms", str(room.id)),
        back=room.name,
        fields=fields(),
    )


def _present(room: Room) -> Entered:
    return {
        "name": room.name,
        "display_name": room.display_name,
        "description": room.settings.description,
    }


async def _ask_change(context: ConsoleContext, request: ConsoleRequest) -> View:
    room = await _room(context, request)
    return form_page(_form(request, room), _present(room))


async def _change(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    room = await _room(context, request)
    form = _form(request, room)
    differing = changes(given(form, request), _present(room))
    if not differing:
        return Redirect(form.cancel, "Nothing was changed.")
    try:
        change = read(context, UPDATE, differing)
        changed = await update_room(context.services, request.project.id, room.id, change)
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    return Redirect(form.cancel, f"Room {quoted(changed.name)} was changed.")


async def _ask_delete(context: ConsoleContext, request: ConsoleRequest) -> View:
    room = await _room(context, request)
    return confirmation(
        Confirmation(
            title="Delete this room?",
            text=(
                f"Room {quoted(room.name)} and its address will be deleted. This cannot be undone."
            ),
            points=(
                "Guest and embed tokens that are good for that address alone end at once.",
                "Click-to-Call tokens that lead to it are refused from then on.",
            ),
            button="Delete room",
            cancel=request.project_path("rooms", str(room.id)),
        )
    )


async def _delete(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    room = await _room(context, request)
    await delete_room(context.services, request.project.id, room.id, request.origin)
    return Redirect(request.project_path("rooms"), f"Room {quoted(room.name)} was deleted.")


PAGE = Page(
    path="/projects/{project}/rooms/{room}",
    title="Room",
    show=_show,
    actions=(
        Action("change", _change, _ask_change),
        Action("delete", _delete, _ask_delete),
    ),
)
