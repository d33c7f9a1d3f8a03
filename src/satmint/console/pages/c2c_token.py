"""One Click-to-Call token: disable, delete."""

from satmint.console.c2c_uses import count_uses
from satmint.console.context import ConsoleContext
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.credentials import delete_c2c_token, disable_c2c_token, get_c2c_token
from satmint.model.records import C2cToken

_ISSUED = "Tokens that visitors already have are good until they expire, two hours at most."


async def _token(context: ConsoleContext, request: ConsoleRequest) -> C2cToken:
    wanted = request.path_id("c2c_token")
    return await get_c2c_token(context.services.store, request.project.id, wanted)


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    token = await _token(context, request)
    services, project = context.services, request.project.id
    data = {
        "token": token,
        "address": await services.store.addresses.get(project, token.address),
        "uses": await count_uses(services, project),
    }
    return View("c2c_token.html", data, token.name or "Unnamed Click-to-Call token")


def _name(token: C2cToken) -> str:
    return quoted(token.name or "unnamed")


def _own_path(request: ConsoleRequest, token: C2cToken) -> str:
    return request.project_path("click-to-call", str(token.id))


async def _ask_disable(context: ConsoleContext, request: ConsoleRequest) -> View:
    token = await _token(context, request)
    return confirmation(
        Confirmation(
            title="Disable this Click-to-Call token?",
            text=(
                f"Pages with Click-to-Call token {_name(token)} will be refused. It cannot be"
                " enabled again: create another."
            ),
            points=(_ISSUED, "The token stays in the list."),
            button="Disable Click-to-Call token",
            cancel=_own_path(request, token),
        )
    )


async def _disable(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    token = await disable_c2c_token(
        context.services, request.project.id, request.path_id("c2c_token"), request.origin
    )
    return Redirect(_own_path(request, token), f"Click-to-Call token {_name(token)} was disabled.")


async def _ask_delete(context: ConsoleContext, request: ConsoleRequest) -> View:
    token = await _token(context, request)
    return confirmation(
        Confirmation(
            title="Delete this Click-to-Call token?",
            text=(
                f"Click-to-Call token {_name(token)} will be deleted, and pages with it will be"
                " refused. This cannot be undone."
            ),
            points=(_ISSUED,),
            button="Delete Click-to-Call token",
            cancel=_own_path(request, token),
        )
    )


async def _delete(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    token = await _token(context, request)
    await delete_c2c_token(context.services, request.project.id, token.id, request.origin)
    message = f"Click-to-Call token {_name(token)} was deleted."
    return Redirect(request.project_path("click-to-call"), message)


PAGE = Page(
    path="/projects/{project}/click-to-call/{c2c_token}",
    title="Click-to-Call token",
    show=_show,
    actions=(
        Action("disable", _disable, _ask_disable),
        Action("delete", _delete, _ask_delete),
    ),
)
