"""The group of `client.satmint` for webhooks and the messages to them."""

from __future__ import annotations

from typing import Final

from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, pages
from satmint_sdk.rest.types import (
    Delivery,
    DeliveryState,
    NewWebhook,
    Nothing,
    Page,
    Webhook,
    WebhookTest,
)

_WEBHOOKS: Final = ("api", "satmint", "webhooks")


class ManagedWebhooks(Resource[D]):
    """Webhooks, which a server sends its alerts to."""

    @api_method
    def list(
        self,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Webhook]]:
        """Read one page of the webhooks, without their secrets.

        Args:
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_WEBHOOKS),
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )

    @pages(list)
    def paginate(self) -> None:
        """Go through all items, page after page. Arguments as in `list`."""

    @api_method
    def create(
        self,
        *,
        url: str,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[NewWebhook]:
        """Create a webhook. Only this response contains its secret.

        Args:
            url: The https URL that messages are sent to.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of(*_WEBHOOKS),
            body=members({"url": url}, extras),
            options=request_options,
        )

    @api_method
    def get(
        self,
        webhook_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Webhook]:
        """Read one webhook, without its secret."""
        return Call(
            "GET",
            path_of(*_WEBHOOKS, webhook_id),
            query=members({}, extras),
            options=request_options,
        )

    @api_method
    def pause(
        self,
        webhook_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Webhook]:
        """Send nothing to a webhook until it is resumed. Its messages wait, three days at most."""
        return _change(webhook_id, extras, request_options, paused=True)

    @api_method
    def resume(
        self,
        webhook_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Webhook]:
        """Resume a paused webhook, also one that is paused after failures."""
        return _change(webhook_id, extras, request_options, paused=False)

    @api_method
    def test(
        self,
        webhook_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[WebhookTest]:
        """Send a signed test message now, once, and wait up to eleven seconds for the result."""
        return Call(
            "POST",
            path_of(*_WEBHOOKS, webhook_id, "test"),
            query=members({}, extras),
            options=request_options,
        )

    @api_method
    def list_deliveries(
        self,
        webhook_id: str,
        *,
        state: DeliveryState | None = None,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Delivery]]:
        """Read one page of the messages to a webhook, newest event first.

        Args:
            webhook_id: UUID of the webhook.
            state: Only messages in this state.
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_WEBHOOKS, webhook_id, "deliveries"),
            extras,
            request_options,
            state=state,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )

    @pages(list_deliveries)
    def paginate_deliveries(self) -> None:
        """Go through all items, page after page. Arguments as in `list_deliveries`."""

    @api_method
    def retry_delivery(
        self,
        webhook_id: str,
        delivery_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Delivery]:
        """Send a pending message now, or one that has ended again, with the same `webhook-id`."""
        return Call(
            "POST",
            path_of(*_WEBHOOKS, webhook_id, "deliveries", delivery_id, "retry"),
            query=members({}, extras),
            options=request_options,
            repeatable=True,
        )

    @api_method
    def delete(
        self,
        webhook_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete a webhook and its deliveries."""
        return delete_call(path_of(*_WEBHOOKS, webhook_id), extras, request_options)


def _change(
    webhook_id: str,
    extras: Extras | None,
    request_options: RequestOptions | None,
    *,
    paused: bool,
) -> Call[Webhook]:
    return Call(
        "PATCH",
        path_of(*_WEBHOOKS, webhook_id),
        body=members({"paused": paused}, extras),
        options=request_options,
    )
