"""The Click-to-Call tokens of a project: origins, address, use in the last day; create one."""

from collections.abc import Mapping
from typing import Final

from satmint.console.c2c_uses import count_uses
from satmint.console.context import ConsoleContext
from satmint.console.forms import Control, Form, FormField, entered, form_page, given, read
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.addresses import list_addresses
from satmint.flows.credentials import create_c2c_token, list_c2c_tokens
from satmint.flows.lookup import find_addresses
from satmint.http.paging import by_creation
from satmint.http.resources.manage_addresses import CREATE_C2C
from satmint.model.ids import as_uuid
from satmint.model.listing import AddressFilter, Window
from satmint.model.records import Address
from satmint.model.refusals import Code, FieldError, Unprocessable

_SUGGESTED: Final = 50
"""How many of the newest addresses a form suggests."""


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    services, project = context.services, request.project.id
    tokens = await list_c2c_tokens(services.store, project, window_of(request))
    wanted = {token.address for token in tokens.items}
    addresses = await services.store.addresses.get_many(project, list(wanted))
    data = {
        "tokens": tokens.items,
        "addresses": {address.id: address for address in addresses},
        "uses": await count_uses(services, project) if tokens.items else None,
        "pager": pager_of(request, tokens, by_creation),
    }
    return View("click_to_call.html", data)


async def _form(context: ConsoleContext, request: ConsoleRequest) -> Form:
    newest = await list_addresses(
        context.services.store,
        request.project.id,
        AddressFilter(),
        Window(_SUGGESTED, descending=True),
    )
    return Form(
        title="New Click-to-Call token",
        lead=(
            "A Click-to-Call token stands in a web page. Its visitors exchange it for a token that"
            " is good for one address."
        ),
        button="Create Click-to-Call token",
        cancel=request.project_path("click-to-call"),
        back="Click-to-Call",
        fields=(
            FormField(
                name="address_id",
                label="Address",
                required=True,
                help="Its path, such as /public/support, or its id.",
                options=[(_path(one), one.display_name) for one in newest.items],
            ),
            FormField(name="name", label="Name", help="Where it is used, such as a page."),
            FormField(
                name="origins",
                label="Origins",
                control=Control.LINES,
                help=(
                    "Pages that may use it, one in each line: https://www.example.com. Empty:"
                    " every page."
                ),
            ),
        ),
    )


def _path(address: Address) -> str:
    return f"/{address.context}/{address.name}"


async def _ask(context: ConsoleContext, request: ConsoleRequest) -> View:
    form = await _form(context, request)
    return form_page(form, {"address_id": request.query.get("address", "")})


async def _create(context: ConsoleContext, request: ConsoleRequest) -> View:
    form = await _form(context, request)
    try:
        members = await _with_address_id(context, request, given(form, request).members)
        wanted = read(context, CREATE_C2C, members)
        token, secret = await create_c2c_token(
            context.services, request.project.id, wanted, request.origin
        )
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    address = await context.services.store.addresses.get(request.project.id, token.address)
    facts = (
        ("Name", token.name),
        ("Address", str(token.address) if address is None else _path(address)),
        ("Origins", ", ".join(token.origins) or "every page"),
    )
    data = {
        "secret": secret.reveal(),
        "what": "Click-to-Call token",
        "facts": facts,
        "back": form.cancel,
        "back_title": form.back,
    }
    return View("made.html", data, "Click-to-Call token created")


async def _with_address_id(
    context: ConsoleContext, request: ConsoleRequest, members: Mapping[str, object]
) -> Mapping[str, object]:
    """The members with the id of an address that was named by its path or its name.

    Raises:
        Unprocessable: no address has that name, or several have.
    """
    text = str(members.get("address_id", ""))
    if not text or as_uuid(text) is not None:
        return members
    found = await find_addresses(context.services.store, request.project.id, text)
    if len(found) == 1:
        return {**members, "address_id": str(found[0].id)}
    if not found:
        code, message = Code.MUST_BELONG_TO_PROJECT, "The address must belong to the project"
    else:
        code = Code.INVALID_PARAMETER
        message = "Several addresses have this name: give the path, /context/name"
    raise Unprocessable(FieldError(code, message, "address_id"))


PAGE = Page(
    path="/projects/{project}/click-to-call",
    title="Click-to-Call",
    show=_show,
    navigation=NavigationItem(Section.SECURITY, 20, "click"),
    actions=(Action("create", _create, _ask),),
)
