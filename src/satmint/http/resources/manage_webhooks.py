"""Webhooks, for those who manage a project."""

from typing import Final

from satmint.flows.webhooks import create_webhook, delete_webhook, list_webhooks, url_faults
from satmint.http.answers import ListOf
from satmint.http.fields import web_url
from satmint.http.messages import Call, Response
from satmint.http.operations import NO_CONTENT, Admits, Desk, Operation
from satmint.http.oversight_answers import NewWebhookAnswer, WebhookAnswer, show_webhook
from satmint.http.paging import PAGING_QUERY, page_of, read_window
from satmint.http.shapes import Shape
from satmint.model.refusals import Code, Fault

_PATH: Final = "/api/satmint/webhooks"

CREATE: Final = Shape(
    "WebhookRequest",
    {"url": web_url("Where to send messages; https.", required=True)},
)


async def _create(desk: Desk, call: Call) -> NewWebhookAnswer:
    project, url = call.caller.project, call.form["url"]
    webhook, secret = await create_webhook(desk.mint, project, url, call.origin)
    shown = show_webhook(webhook)
    return NewWebhookAnswer(shown.id, shown.url, shown.created_at, secret=secret.reveal())


async def _url_faults(desk: Desk, call: Call) -> list[Fault]:
    return url_faults(desk.mint, call.form["url"]) if "url" in call.form else []


async def _list(desk: Desk, call: Call) -> object:
    query = call.query()
    page = await list_webhooks(desk.mint, call.caller.project, read_window(query))
    url = f"{desk.public_url}{_PATH}"
    return page_of(page, query, url, show_webhook, lambda found: (found.created_at, found.id))


async def _delete(desk: Desk, call: Call) -> Response:
    await delete_webhook(desk.mint, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="list-webhooks",
        method="GET",
        path=_PATH,
        tag="Management",
        summary="List webhooks",
        admits=Admits.MANAGER,
        handler=_list,
        answer=ListOf[WebhookAnswer],
        query=PAGING_QUERY,
    ),
    Operation(
        id="create-webhook",
        method="POST",
        path=_PATH,
        tag="Management",
        summary="Have alerts sent to a URL",
        description=(
            "Messages follow Standard Webhooks: `webhook-id`, `webhook-timestamp` and"
            " `webhook-signature`, an HMAC-SHA-256 with the secret of this answer, which is never"
            " shown again. They tell of reuse detected, a key mismatch, a refused downgrade,"
            " every revocation and every subscriber that is deleted, at least once each, and no"
            " token is in them."
        ),
        admits=Admits.MANAGER,
        shape=CREATE,
        more_faults=_url_faults,
        handler=_create,
        status=201,
        answer=NewWebhookAnswer,
        secret=True,
    ),
    Operation(
        id="delete-webhook",
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        tag="Management",
        summary="Delete a webhook, with what it was still to be told",
        admits=Admits.MANAGER,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
