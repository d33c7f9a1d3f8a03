"""One webhook: its state and deliveries; test, pause, resume, retry, delete."""

from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.request import ConsoleRequest
from satmint.flows.webhook_deliveries import list_deliveries, retry_delivery, test_webhook
from satmint.flows.webhooks import delete_webhook, pause_webhook, resume_webhook, webhook_of
from satmint.http.resources.manage_deliveries import delivery_key
from satmint.model.deliveries import AttemptResult, DeliveryState
from satmint.model.refusals import RateLimited
from satmint.model.webhooks import PausedBy

_STATES: Final = (("", "Any state"), *((one.value, one.value) for one in DeliveryState))


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    store, project = context.services.store, request.project.id
    webhook = await webhook_of(store, project, request.path_id("webhook"))
    text = request.query.get("state", "")
    state = DeliveryState(text) if text in set(DeliveryState) else None
    found = await list_deliveries(store, project, webhook.id, state, window_of(request))
    data = {
        "webhook": webhook,
        "deliveries": found.items,
        "due": {one.id: one.due_at(webhook) for one in found.items},
        "now": context.services.clock.now(),
        "pager": pager_of(request, found, delivery_key),
        "states": _STATES,
        "state": "" if state is None else state.value,
    }
    return View("webhook.html", data)


def _own_path(request: ConsoleRequest) -> str:
    return request.project_path("webhooks", str(request.path_id("webhook")))


async def _test(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    wanted = request.project.id, request.path_id("webhook"), request.origin
    try:
        result = await test_webhook(context.services, context.sender, *wanted)
    except RateLimited as limited:
        text = f"Too many tests: try again in {limited.retry_after} seconds."
        return Redirect(_own_path(request), text, "bad")
    return Redirect(_own_path(request), _told(result), "bad" if result.error else "good")


def _told(result: AttemptResult) -> str:
    """What came of a test. The endpoint has chosen the response: it is shown as text."""
    if result.status is None:
        return f"The test message has not arrived: {result.error.replace('_', ' ')}."
    answer = f" “{result.response[:200]}”" if result.response else ""
    return f"The endpoint answered {result.status} after {result.latency_ms} ms.{answer}"


async def _pause(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    wanted = request.project.id, request.path_id("webhook"), request.origin
    await pause_webhook(context.services, *wanted)
    return Redirect(_own_path(request), "The webhook is paused: its messages wait.")


async def _resume(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    wanted = request.project.id, request.path_id("webhook"), request.origin
    await resume_webhook(context.services, *wanted)
    return Redirect(_own_path(request), "The webhook is resumed: its messages are sent now.")


async def _retry(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    webhook, delivery = request.path_id("webhook"), request.form_id("delivery")
    await retry_delivery(context.services, request.project.id, webhook, delivery)
    found = await webhook_of(context.services.store, request.project.id, webhook)
    waits = found.paused_by is PausedBy.OPERATOR
    text = "is sent when the webhook is resumed" if waits else "is sent again"
    return Redirect(_own_path(request), f"The message {text}.")


async def _ask_delete(context: ConsoleContext, request: ConsoleRequest) -> View:
    webhook = await webhook_of(
        context.services.store, request.project.id, request.path_id("webhook")
    )
    return confirmation(
        Confirmation(
            title="Delete this webhook?",
            text="1 webhook will be deleted, with its secret and its pending messages.",
            points=(f"It goes to {webhook.url}.", "Alerts from now on are not sent there."),
            button="Delete webhook",
            cancel=_own_path(request),
        )
    )


async def _delete(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    wanted = request.project.id, request.path_id("webhook"), request.origin
    await delete_webhook(context.services, *wanted)
    return Redirect(request.project_path("webhooks"), "The webhook was deleted.")


PAGE = Page(
    path="/projects/{project}/webhooks/{webhook}",
    title="Webhook",
    show=_show,
    actions=(
        Action("test", _test),
        Action("pause", _pause),
        Action("resume", _resume),
        Action("retry", _retry),
        Action("delete", _delete, _ask_delete),
    ),
)
