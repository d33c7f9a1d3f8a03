"""One API token: change its name and permissions, or revoke it."""

from collections.abc import Sequence

from satmint.console.context import ConsoleContext
from satmint.console.forms import (
    Control,
    Entered,
    Form,
    FormField,
    changes,
    entered,
    form_page,
    given,
    read,
)
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.pages.api_tokens import PERMISSIONS
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.console.times import relative_hour
from satmint.console.viewer import Manager
from satmint.flows.credentials import delete_api_token, get_api_token, update_api_token
from satmint.http.resources.project_tokens import UPDATE
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken
from satmint.model.refusals import Unprocessable


async def _token(context: ConsoleContext, request: ConsoleRequest) -> ApiToken:
    wanted = request.path_id("api_token")
    return await get_api_token(context.services.store, request.project.id, wanted)


def _is_own(request: ConsoleRequest, token: ApiToken) -> bool:
    """Whether the viewer has signed in with this token."""
    viewer = request.viewer
    return isinstance(viewer, Manager) and viewer.api_token == token.id


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    token = await _token(context, request)
    data = {
        "token": token,
        "is_own": _is_own(request, token),
        "all_permissions": len(Permission),
    }
    return View("api_token.html", data, token.name or "Unnamed API token")


def _form(request: ConsoleRequest, token: ApiToken) -> Form:
    return Form(
        title="Change API token",
        button="Save changes",
        is_new=False,
        cancel=request.project_path("api-tokens", str(token.id)),
        back="API token",
        lead="The token’s text stays the same. The change takes effect within a second.",
        fields=(
            FormField(name="name", label="Name", required=True),
            FormField(
                name="permissions",
                label="Permissions",
                control=Control.CHECKS,
                required=True,
                options=PERMISSIONS,
                help="With management, it can do everything, also sign in to this console.",
            ),
        ),
    )


def _present(token: ApiToken) -> Entered:
    return {"name": token.name, "permissions": sorted(token.permissions)}


async def _ask_change(context: ConsoleContext, request: ConsoleRequest) -> View:
    token = await _token(context, request)
    return form_page(_form(request, token), _present(token))


async def _change(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    token = await _token(context, request)
    form = _form(request, token)
    differing = changes(given(form, request), _present(token))
    if not differing:
        return Redirect(form.cancel, "Nothing was changed.")
    project = request.project.id
    try:
        change = read(context, UPDATE, differing)
        changed = await update_api_token(
            context.services, project, token.id, change.name, change.permissions, request.origin
        )
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    context.callers.evict(project)
    return Redirect(form.cancel, f"API token {quoted(changed.name)} was changed.")


async def _ask_revoke(context: ConsoleContext, request: ConsoleRequest) -> View:
    token = await _token(context, request)
    return confirmation(
        Confirmation(
            title="Revoke this API token?",
            text=(
                f"API token {quoted(token.name or 'unnamed')} will stop working within a second."
                " This cannot be undone."
            ),
            points=_consequences(request, token),
            button="Revoke API token",
            cancel=request.project_path("api-tokens", str(token.id)),
        )
    )


def _consequences(request: ConsoleRequest, token: ApiToken) -> Sequence[str]:
    used = "It was never used, or not since uses are recorded."
    if token.last_used_at is not None:
        used = f"It was last used {relative_hour(token.last_used_at, request.now)}."
    points = [used, "Sessions that were opened with it stay active."]
    if Permission.MANAGEMENT in token.permissions:
        points.append("Managers who have signed in to this console with it are signed out.")
    if _is_own(request, token):
        points.append("You have signed in with it: you will be signed out.")
    return points


async def _revoke(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    token = await _token(context, request)
    await delete_api_token(context.services, request.project.id, token.id, request.origin)
    context.callers.evict(request.project.id)
    message = f"API token {quoted(token.name or 'unnamed')} was revoked."
    return Redirect(request.project_path("api-tokens"), message)


PAGE = Page(
    path="/projects/{project}/api-tokens/{api_token}",
    title="API token",
    show=_show,
    actions=(
        Action("change", _change, _ask_change),
        Action("revoke", _revoke, _ask_revoke),
    ),
)
