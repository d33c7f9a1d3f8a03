"""The webhooks of a project: their state; create one."""

from satmint.console.context import ConsoleContext
from satmint.console.forms import Form, FormField, entered, form_page, given, read
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.webhooks import create_webhook, list_webhooks
from satmint.http.paging import by_creation
from satmint.http.resources.manage_webhooks import CREATE
from satmint.model.refusals import Unprocessable


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    found = await list_webhooks(context.services.store, request.project.id, window_of(request))
    pager = pager_of(request, found, by_creation)
    return View("webhooks.html", {"webhooks": found.items, "pager": pager})


def _form(request: ConsoleRequest) -> Form:
    return Form(
        title="New webhook",
        lead=(
            "It is told of alerts: reuse of a refresh token, a wrong key, a refused downgrade,"
            " revocations, deleted subscribers."
        ),
        button="Create webhook",
        cancel=request.project_path("webhooks"),
        back="Webhooks",
        fields=(
            FormField(
                name="url",
                label="URL",
                required=True,
                help="The https URL to send messages to, by Standard Webhooks.",
            ),
        ),
    )


async def _ask(_context: ConsoleContext, request: ConsoleRequest) -> View:
    return form_page(_form(request), {})


async def _create(context: ConsoleContext, request: ConsoleRequest) -> View:
    form = _form(request)
    try:
        url = read(context, CREATE, given(form, request).members)
        webhook, secret = await create_webhook(
            context.services, request.project.id, url, request.origin
        )
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    data = {
        "secret": secret.reveal(),
        "what": "signing secret",
        "facts": (("URL", webhook.url), ("Id", str(webhook.id))),
        "back": request.project_path("webhooks", str(webhook.id)),
        "back_title": "the webhook",
    }
    return View("made.html", data, "Webhook created")


PAGE = Page(
    path="/projects/{project}/webhooks",
    title="Webhooks",
    show=_show,
    navigation=NavigationItem(Section.DELIVERY, 30, "webhooks"),
    actions=(Action("create", _create, _ask),),
)
