"""Management operations for the messages to webhooks: list them, send them again, send a test."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from satmint.flows.webhook_deliveries import list_deliveries, retry_delivery, test_webhook
from satmint.flows.webhooks import webhook_of
from satmint.http.answers import ListOf
from satmint.http.call import Call
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, page_of, read_window
from satmint.http.webhook_answers import (
    DeliveryAnswer,
    WebhookTestAnswer,
    show_delivery,
    show_test,
)
from satmint.model.deliveries import DeliveryRecord, DeliveryState
from satmint.model.refusals import Code, FieldError

_WEBHOOK: Final = "/api/satmint/webhooks/{id}"
_DELIVERIES: Final = f"{_WEBHOOK}/deliveries"

_STATE_QUERY: Final = {
    "state": {
        "type": "string",
        "enum": [state.value for state in DeliveryState],
        "description": "Only messages in this state.",
    }
}


async def _list(context: HandlerContext, call: Call) -> object:
    query, project, webhook = call.query(), call.caller.project, call.path_id("id")
    state, errors = _read_state(query)
    window = read_window(query, descending=True, other_errors=errors)
    store = context.services.store
    found = await webhook_of(store, project, webhook)
    page = await list_deliveries(store, project, webhook, state, window)
    url = context.public_url + _DELIVERIES.format(id=webhook)
    return page_of(page, query, url, lambda one: show_delivery(one, found), delivery_key)


def _read_state(query: dict[str, str]) -> tuple[DeliveryState | None, list[FieldError]]:
    text = query.get("state")
    if text is None or text in set(DeliveryState):
        return None if text is None else DeliveryState(text), []
    message = f"State must be one of: {', '.join(DeliveryState)}"
    return None, [FieldError(Code.INVALID_PARAMETER, message, "state")]


def delivery_key(record: DeliveryRecord) -> tuple[int, UUID]:
    """The place of a delivery in the list."""
    return record.at, record.id


async def _retry(context: HandlerContext, call: Call) -> DeliveryAnswer:
    services, project = context.services, call.caller.project
    webhook, delivery = call.path_id("id"), call.path_id("delivery_id")
    found = await webhook_of(services.store, project, webhook)
    record = await retry_delivery(services, project, webhook, delivery)
    return show_delivery(record, replace(found, next_at=0))  # a pause after failures has ended


async def _test(context: HandlerContext, call: Call) -> WebhookTestAnswer:
    if context.sender is None:
        raise TypeError("this listener sends no messages")
    project, webhook = call.caller.project, call.path_id("id")
    return show_test(
        await test_webhook(context.services, context.sender, project, webhook, call.origin)
    )


OPERATIONS: Final = (
    Operation(
        id="list-webhook-deliveries",
        method="GET",
        path=_DELIVERIES,
        tag="Management",
        summary="List the messages to a webhook, newest event first",
        description=(
            "Pending messages, and those that were delivered or given up: the newest 1,000 of each,"
            " for seven days after their events."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[DeliveryAnswer],
        query={**_STATE_QUERY, **PAGING_QUERY},
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="retry-webhook-delivery",
        method="POST",
        path=f"{_DELIVERIES}/{{delivery_id}}/retry",
        tag="Management",
        summary="Send a message now, or again",
        description=(
            "A pending message becomes due now, also during a pause after failures. One that was"
            " delivered or given up is sent again, with the same `webhook-id`, by which receivers"
            " recognise it. If an operator has paused the webhook, the message is sent when it is"
            " resumed. The response does not wait for the attempt."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_retry,
        answer=DeliveryAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="test-webhook",
        method="POST",
        path=f"{_WEBHOOK}/test",
        tag="Management",
        summary="Send a test message to a webhook",
        description=(
            "Sends a signed message of the type `test` now, once, also to a paused webhook, and"
            " responds with the result, after eleven seconds at most. At most ten tests a minute"
            " for each project."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_test,
        answer=WebhookTestAnswer,
        refusals=frozenset({Code.NOT_FOUND, Code.RATE_LIMIT_EXCEEDED}),
    ),
)
