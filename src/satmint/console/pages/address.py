"""One address: change, lock, unlock, delete."""

from satmint.console.context import ConsoleContext
from satmint.console.forms import (
    Entered,
    Form,
    back_path,
    changes,
    entered,
    form_page,
    given,
    read,
)
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.pages.addresses import fields
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.addresses import (
    AddressChange,
    delete_address,
    get_address,
    update_address,
)
from satmint.http.resources.manage_addresses import UPDATE
from satmint.model.records import Address
from satmint.model.refusals import Unprocessable


async def _address(context: ConsoleContext, request: ConsoleRequest) -> Address:
    wanted = request.path_id("address")
    return await get_address(context.services.store, request.project.id, wanted)


def _path(address: Address) -> str:
    return f"/{address.context}/{address.name}"


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    address = await _address(context, request)
    return View("address.html", {"address": address}, _path(address))


def _form(request: ConsoleRequest, address: Address) -> Form:
    return Form(
        title="Change address",
        lead="Tokens that are good for the address stay so: they name its id.",
        button="Save changes",
        is_new=False,
        cancel=request.project_path("addresses", str(address.id)),
        back=_path(address),
        fields=fields(new=False),
    )


def _present(address: Address) -> Entered:
    return {
        "name": address.name,
        "context": address.context,
        "type": address.type.value,
        "display_name": address.display_name,
        "channels": sorted(address.channels),
        "cover_url": address.cover_url or "",
        "preview_url": address.preview_url or "",
    }


async def _ask_change(context: ConsoleContext, request: ConsoleRequest) -> View:
    address = await _address(context, request)
    return form_page(_form(request, address), _present(address))


async def _change(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    address = await _address(context, request)
    form = _form(request, address)
    differing = changes(given(form, request), _present(address))
    if not differing:
        return Redirect(form.cancel, "Nothing was changed.")
    try:
        change = read(context, UPDATE, differing)
        store, project = context.services.store, request.project.id
        changed = await update_address(store, project, address.id, change)
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    return Redirect(form.cancel, f"Address {quoted(_path(changed))} was changed.")


async def _lock(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    return await _set_locked(context, request, locked=True)


async def _unlock(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    return await _set_locked(context, request, locked=False)


async def _set_locked(
    context: ConsoleContext, request: ConsoleRequest, *, locked: bool
) -> Redirect:
    address = await update_address(
        context.services.store,
        request.project.id,
        request.path_id("address"),
        AddressChange(locked=locked),
    )
    done = "locked" if locked else "unlocked"
    lists = request.project_path("addresses")
    page = request.project_path("addresses", str(address.id))
    return Redirect(
        back_path(request, lists, page), f"Address {quoted(_path(address))} was {done}."
    )


async def _ask_delete(context: ConsoleContext, request: ConsoleRequest) -> View:
    address = await _address(context, request)
    points = ["Guest, invite and embed tokens that are good for it alone end at once."]
    if address.subscriber is not None:
        points.append("The subscriber that it belongs to stays, without it.")
    points.append("Click-to-Call tokens that lead to it are refused from then on.")
    return confirmation(
        Confirmation(
            title="Delete this address?",
            text=f"Address {quoted(_path(address))} will be deleted. This cannot be undone.",
            points=points,
            button="Delete address",
            cancel=request.project_path("addresses", str(address.id)),
        )
    )


async def _delete(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    address = await _address(context, request)
    await delete_address(context.services, request.project.id, address.id, request.origin)
    message = f"Address {quoted(_path(address))} was deleted."
    return Redirect(request.project_path("addresses"), message)


PAGE = Page(
    path="/projects/{project}/addresses/{address}",
    title="Address",
    show=_show,
    actions=(
        Action("change", _change, _ask_change),
        Action("lock", _lock),
        Action("unlock", _unlock),
        Action("delete", _delete, _ask_delete),
    ),
)
