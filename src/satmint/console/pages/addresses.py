"""The addresses of a project: find, create, lock and unlock."""

from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.forms import Control, Form, FormField, entered, form_page, given, read
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, NavigationItem, Page, Redirect, Section, View
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.addresses import create_address, list_addresses
from satmint.flows.lookup import find_addresses
from satmint.http.paging import by_creation
from satmint.http.resources.manage_addresses import CREATE
from satmint.model import listing
from satmint.model.ids import as_uuid
from satmint.model.listing import AddressFilter
from satmint.model.records import Address, AddressType, Channel
from satmint.model.refusals import Unprocessable

TYPES: Final = (
    ("room", "room – a conference"),
    ("app", "app – an application"),
    ("call", "call – a telephone call"),
    ("subscriber", "subscriber – a person"),
)
"""The options of a form."""
CHANNELS: Final = tuple((one.value, one.value) for one in Channel)
"""The boxes of a form."""
_SLUG: Final = "Lower-case letters, digits and inner hyphens."


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    search, kind = request.query.get("search", ""), request.query.get("type", "")
    wanted = AddressFilter(type=AddressType(kind) if kind in set(AddressType) else None)
    found = (
        await _found(context, request, search, wanted)
        if search
        else await list_addresses(
            context.services.store, request.project.id, wanted, window_of(request)
        )
    )
    data = {
        "addresses": found.items,
        "pager": pager_of(request, found, by_creation),
        "types": (("", "any"), *((one.value, one.value) for one in AddressType)),
        "search": search,
        "type": kind,
    }
    return View("addresses.html", data)


async def _found(
    context: ConsoleContext, request: ConsoleRequest, search: str, wanted: AddressFilter
) -> listing.Page[Address]:
    """The addresses with an id, a path or a name, or else with a display name."""
    store, project = context.services.store, request.project.id
    text = search.strip()
    if as_uuid(text) is not None or "/" in text:
        items = await find_addresses(store, project, text)
        if wanted.type is not None:
            items = [address for address in items if address.type is wanted.type]
        return listing.Page(items, more_before=False, more_after=False)
    window = window_of(request)
    by_name = AddressFilter(type=wanted.type, name=text)
    found = await list_addresses(store, project, by_name, window)
    if found.items or window.anchor is not None:
        return found
    labelled = AddressFilter(type=wanted.type, display_name=text)
    return await list_addresses(store, project, labelled, window)


def fields(*, new: bool) -> tuple[FormField, ...]:
    """The fields of the form of a new address, or of the change of one."""
    return (
        FormField(name="name", label="Name", required=True, help=_SLUG),
        FormField(
            name="context",
            label="Context",
            required=not new,
            help=f"The first part of the path /context/name. {'public by default.' if new else ''}",
        ),
        FormField(name="type", label="Type", control=Control.SELECT, required=True, options=TYPES),
        FormField(
            name="display_name",
            label="Display name",
            help="Guests and visitors read it." + (" The name by default." if new else ""),
        ),
        FormField(
            name="channels",
            label="Channels",
            control=Control.CHECKS,
            required=True,
            options=CHANNELS,
        ),
        FormField(name="cover_url", label="URL of a cover image"),
        FormField(name="preview_url", label="URL of a preview image"),
    )


def _form(request: ConsoleRequest) -> Form:
    return Form(
        title="New address",
        lead=(
            "An address is what guest, invite and embed tokens are good for. Subscribers and rooms"
            " have one of their own already."
        ),
        button="Create address",
        cancel=request.project_path("addresses"),
        back="Addresses",
        fields=fields(new=True),
    )


async def _ask(_context: ConsoleContext, request: ConsoleRequest) -> View:
    channels = [one.value for one in Channel]
    return form_page(_form(request), {"type": "room", "context": "public", "channels": channels})


async def _create(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    form = _form(request)
    try:
        new = read(context, CREATE, given(form, request).members)
        address = await create_address(context.services, request.project.id, new)
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    path = request.project_path("addresses", str(address.id))
    return Redirect(path, f"Address {quoted(f'/{address.context}/{address.name}')} was created.")


PAGE = Page(
    path="/projects/{project}/addresses",
    title="Addresses",
    show=_show,
    navigation=NavigationItem(Section.PROJECT, 40, "addresses"),
    actions=(Action("create", _create, _ask),),
)
