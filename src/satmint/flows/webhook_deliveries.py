"""What was sent to a project's webhooks, and to send it again or try a webhook out."""

import asyncio
from typing import Final, Protocol
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.flows.webhooks import SECRET_LOST, open_secret, webhook_of
from satmint.model.deliveries import AttemptResult, DeliveryRecord, DeliveryState
from satmint.model.events import Origin
from satmint.model.listing import Page, Window
from satmint.model.refusals import NotFound
from satmint.model.webhooks import OutgoingMessage, body_of_test
from satmint.store.contract import Store

_UNANSWERED_SECONDS: Final = 1.0
"""A test without any response takes at least so long, whatever the reason is: neither names nor
addresses of the server's network show by the time that it takes."""


class MessageSender(Protocol):
    """The way to customers' URLs; see `satmint.webhooks`."""

    async def send(self, message: OutgoingMessage, secret: bytes, now: int) -> AttemptResult:
        """Send a message once, within a deadline."""
        ...


async def list_deliveries(
    store: Store, project: UUID, webhook: UUID, state: DeliveryState | None, window: Window
) -> Page[DeliveryRecord]:
    """One page of a webhook's deliveries, all or those in one state.

    Raises:
        NotFound: the project has no such webhook.
    """
    await webhook_of(store, project, webhook)
    return await store.webhooks.list_deliveries(project, webhook, state, window)


async def retry_delivery(
    services: ServiceContext, project: UUID, webhook: UUID, delivery: UUID
) -> DeliveryRecord:
    """Send a message now, or again, with the same `webhook-id`.

    If an operator has paused the webhook, it is sent when the webhook is resumed.

    Raises:
        NotFound: the project has no such webhook, or that no such delivery, or its event was
            purged.
    """
    now = services.clock.now()
    found = await services.store.webhooks.retry(project, webhook, delivery, now)
    if found is None:
        raise NotFound("delivery")
    return found


async def test_webhook(
    services: ServiceContext, sender: MessageSender, project: UUID, webhook: UUID, origin: Origin
) -> AttemptResult:
    """Send a signed message of the type `test` now, and wait for what comes of it.

    It is no delivery: it is not repeated, not listed, and changes nothing of what is known of the
    endpoint.

    Raises:
        NotFound: the project has no such webhook.
        RateLimited: the project has tested too often.
    """
    found = await webhook_of(services.store, project, webhook)
    services.limits.count_webhook_test(project)
    secret = open_secret(services.secret_box, found)
    if secret is None:
        return AttemptResult(SECRET_LOST)
    await services.store.webhooks.use_secret(found)
    now, message_id = services.clock.now(), services.new_id()
    message = OutgoingMessage(
        *(project, found.url, message_id), body_of_test(message_id, project, now, origin)
    )
    time = asyncio.get_running_loop().time
    begin = time()
    result = await sender.send(message, secret, now)
    if result.status is None and not services.policy.private_webhooks:
        await asyncio.sleep(begin + _UNANSWERED_SECONDS - time())
    return result
