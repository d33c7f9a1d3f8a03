"""One attempt to deliver a message: a request, and whether the response says that it arrived."""

import asyncio
from uuid import UUID

import httpcore

from satmint.model.webhooks import Delivery, body_of, signature
from satmint.webhooks.failure import INVALID_RESPONSE, TIMEOUT, UNREACHABLE, Failure
from satmint.webhooks.network import closing_connections
from satmint.webhooks.resolver import PROJECT
from satmint.webhooks.slots import DispatchLimits


async def attempt(
    network: httpcore.AsyncConnectionPool,
    delivery: Delivery,
    secret: bytes,
    now: int,
    limits: DispatchLimits,
) -> Failure | None:
    """Send a message once; why it has not arrived, or None if it has.

    The deadline is one for the whole attempt, so that it holds for an endpoint that sends a byte
    of its headers every second. The response's body is not read: the connection is closed.

    Args:
        network: The way out.
        delivery: The delivery.
        secret: The secret of its webhook.
        now: Unix seconds.
        limits: The deadlines.
    """
    event = delivery.event
    body, message_id = body_of(event), str(UUID(bytes=event.id))
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("user-agent", "satmint"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(now)),
        ("webhook-signature", signature(secret, message_id, now, body)),
    ]
    PROJECT.set(event.project)
    try:
        async with (
            closing_connections(),
            asyncio.timeout(limits.delivery_seconds),
            network.stream(
                "POST",
                delivery.webhook.url,
                headers=headers,
                content=body,
                extensions={"timeout": {"connect": limits.connect_seconds}},
            ) as response,
        ):
            status: int = response.status
    except (TimeoutError, httpcore.TimeoutException) as error:
        return Failure(TIMEOUT, type(error).__name__)
    except Exception as error:  # noqa: BLE001 - any failure of the network or the receiver
        reached = not isinstance(error, httpcore.ConnectError)
        return Failure(INVALID_RESPONSE if reached else UNREACHABLE, type(error).__name__)
    return None if 200 <= status < 300 else Failure(f"status_{status}")
