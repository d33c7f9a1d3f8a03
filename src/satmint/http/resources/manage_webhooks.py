"""Management operations for webhooks."""

from typing import Final
from uuid import UUID

import msgspec

from satmint.flows.webhooks import (
    create_webhook,
    delete_webhook,
    list_webhooks,
    pause_webhook,
    repeat_webhook,
    resume_webhook,
    url_errors,
    webhook_of,
)
from satmint.http.answers import ListOf
from satmint.http.body_schema import BodySchema, Members
from satmint.http.call import Call, Response
from satmint.http.fields import Flag, web_url
from satmint.http.management_answers import NewWebhookAnswer, WebhookAnswer, show_webhook
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.model.refusals import Code, FieldError
from satmint.model.secrets import SecretText
from satmint.model.webhooks import Webhook

_PATH: Final = "/api/satmint/webhooks"

_URL: Final = web_url("url", "The https URL to send messages to.", required=True)
CREATE: Final = BodySchema("WebhookRequest", (_URL,), lambda members: members[_URL])

_PAUSED: Final = Flag(
    name="paused", doc="Whether messages wait until the webhook is resumed.", required=True
)
UPDATE: Final = BodySchema("WebhookUpdateRequest", (_PAUSED,), lambda members: members[_PAUSED])


async def _create(context: HandlerContext, call: Call, url: str) -> NewWebhookAnswer:
    project = call.caller.project
    webhook, secret = await create_webhook(context.services, project, url, call.origin)
    return _show_new(webhook, secret)


async def _create_again(
    context: HandlerContext, call: Call, _url: str, webhook: UUID
) -> NewWebhookAnswer:
    return _show_new(*await repeat_webhook(context.services, call.caller.project, webhook))


def _show_new(webhook: Webhook, secret: SecretText) -> NewWebhookAnswer:
    shown = msgspec.structs.asdict(show_webhook(webhook))
    return NewWebhookAnswer(**shown, secret=secret.reveal())


async def _url_errors(context: HandlerContext, _call: Call, members: Members) -> list[FieldError]:
    url = members.get(_URL)
    return [] if url is None else url_errors(context.services.policy, url)


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    page = await list_webhooks(context.services.store, call.caller.project, read_window(query))
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_webhook, by_creation)


async def _get(context: HandlerContext, call: Call) -> WebhookAnswer:
    project, webhook = call.caller.project, call.path_id("id")
    return show_webhook(await webhook_of(context.services.store, project, webhook))


async def _update(context: HandlerContext, call: Call, paused: bool) -> WebhookAnswer:
    change = pause_webhook if paused else resume_webhook
    project, webhook = call.caller.project, call.path_id("id")
    return show_webhook(await change(context.services, project, webhook, call.origin))


async def _delete(context: HandlerContext, call: Call) -> Response:
    await delete_webhook(context.services, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="list-webhooks",
        method="GET",
        path=_PATH,
        tag="Management",
        summary="List webhooks",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[WebhookAnswer],
        query=PAGING_QUERY,
    ),
    Operation(
        id="create-webhook",
        method="POST",
        path=_PATH,
        tag="Management",
        summary="Create a webhook",
        description=(
            "Messages follow Standard Webhooks: `webhook-id`, `webhook-timestamp` and"
            " `webhook-signature`, an HMAC-SHA-256 with the secret. Only this response contains the"
            " secret. The server sends a message at least once for each refresh token reuse, key"
            " mismatch, refused downgrade, revocation and deleted subscriber. Messages contain no"
            " tokens."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(CREATE, _create, _url_errors),
        repeat=_create_again,
        status=201,
        answer=NewWebhookAnswer,
        secret=True,
    ),
    Operation(
        id="get-webhook",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Management",
        summary="Get a webhook",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_get,
        answer=WebhookAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="update-webhook",
        method="PATCH",
        path=f"{_PATH}/{{id}}",
        tag="Management",
        summary="Pause or resume a webhook",
        description=(
            "Messages to a paused webhook wait; those of events that are older than three days are"
            " given up. To resume a webhook also ends a pause after failures: the next message is"
            " sent at once."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(UPDATE, _update),
        answer=WebhookAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="delete-webhook",
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        tag="Management",
        summary="Delete a webhook and its deliveries",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
