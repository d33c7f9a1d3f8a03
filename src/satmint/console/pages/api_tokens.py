"""The API tokens of a project: masked, with permissions and last use; create one."""

from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.forms import Control, Form, FormField, entered, form_page, given, read
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.credentials import create_api_token, list_api_tokens
from satmint.http.paging import by_creation
from satmint.http.resources.project_tokens import CREATE
from satmint.model.permissions import Permission
from satmint.model.refusals import Unprocessable

PERMISSIONS: Final = tuple((one.value, one.value) for one in Permission)
"""The boxes of a form."""


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    tokens = await list_api_tokens(context.services.store, request.project.id, window_of(request))
    pager = pager_of(request, tokens, by_creation)
    data = {"tokens": tokens.items, "pager": pager, "all_permissions": len(Permission)}
    return View("api_tokens.html", data)


def _form(request: ConsoleRequest) -> Form:
    return Form(
        title="New API token",
        lead="With an API token, a backend calls the API of this project.",
        button="Create API token",
        cancel=request.project_path("api-tokens"),
        back="API tokens",
        fields=(
            FormField(
                name="name",
                label="Name",
                required=True,
                help="What will use it, such as the name of a service.",
            ),
            FormField(
                name="permissions",
                label="Permissions",
                control=Control.CHECKS,
                required=True,
                options=PERMISSIONS,
                help=(
                    "To issue tokens: one of calling, messaging, fax and video. With management, it"
                    " can do everything, also sign in to this console."
                ),
            ),
        ),
    )


async def _ask(_context: ConsoleContext, request: ConsoleRequest) -> View:
    return form_page(_form(request), {"permissions": [Permission.CALLING.value]})


async def _create(context: ConsoleContext, request: ConsoleRequest) -> View:
    form = _form(request)
    try:
        wanted = read(context, CREATE, given(form, request).members)
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    token, secret = await create_api_token(
        context.services, request.project.id, wanted.name, wanted.permissions, request.origin
    )
    facts = (
        ("Name", token.name),
        ("Permissions", ", ".join(sorted(token.permissions))),
        ("User for Basic", str(request.project.id)),
    )
    data = {
        "secret": secret.reveal(),
        "what": "API token",
        "facts": facts,
        "back": form.cancel,
        "back_title": form.back,
    }
    return View("made.html", data, "API token created")


PAGE = Page(
    path="/projects/{project}/api-tokens",
    title="API tokens",
    show=_show,
    navigation=NavigationItem(Section.SECURITY, 10, "token"),
    actions=(Action("create", _create, _ask),),
)
