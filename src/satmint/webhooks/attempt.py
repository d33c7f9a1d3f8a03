"""One attempt to deliver a message: a request, and whether the response says that it arrived."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import httpcore

from satmint.model.deliveries import AttemptResult
from satmint.model.webhooks import OutgoingMessage, signature
from satmint.webhooks.failure import (
    CONNECTION_REFUSED,
    INVALID_RESPONSE,
    NAME_NOT_RESOLVED,
    TIMEOUT,
    TLS_FAILED,
    UNREACHABLE,
)
from satmint.webhooks.network import (
    ConnectionWasRefused,
    NameNotResolved,
    closing_connections,
    has_cause,
)
from satmint.webhooks.resolver import PROJECT
from satmint.webhooks.response_text import READ_BYTES, response_text
from satmint.webhooks.slots import DispatchLimits


async def attempt(
    network: httpcore.AsyncConnectionPool,
    message: OutgoingMessage,
    secret: bytes,
    now: int,
    limits: DispatchLimits,
) -> AttemptResult:
    """Send a message once.

    The deadline is one for the whole attempt, so that it holds for an endpoint that sends a byte
    of its headers every second. What is read of the response's body, in `body_seconds` at most,
    does not change whether the message has arrived. Then the connection is closed.

    Args:
        network: The way out.
        message: The message.
        secret: The secret of its webhook.
        now: Unix seconds.
        limits: The deadlines.
    """
    time = asyncio.get_running_loop().time
    begin, status, latency, start = time(), None, None, bytearray()
    PROJECT.set(message.project)
    try:
        async with (
            closing_connections(),
            asyncio.timeout(limits.delivery_seconds) as deadline,
            network.stream(
                "POST",
                message.url,
                headers=_headers(message, secret, now),
                content=message.body,
                extensions={"timeout": {"connect": limits.connect_seconds}},
            ) as response,
        ):
            status, latency = response.status, round(1000 * (time() - begin))
            if _may_have_body(response):
                deadline.reschedule(time() + limits.body_seconds)
                await _read(response, start)
    except Exception as error:  # noqa: BLE001 - any failure of the network or the receiver
        if status is None:
            return _failure(error)
    return AttemptResult(
        error="" if 200 <= status < 300 else f"status_{status}",
        status=status,
        latency_ms=latency,
        response=response_text(bytes(start), secret) if start else "",
    )


def _headers(message: OutgoingMessage, secret: bytes, now: int) -> list[tuple[str, str]]:
    message_id = str(message.id)
    return [
        ("content-type", "application/json"),
        ("content-length", str(len(message.body))),
        ("user-agent", "satmint"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(now)),
        ("webhook-signature", signature(secret, message_id, now, message.body)),
    ]


def _may_have_body(response: httpcore.Response) -> bool:
    """Whether there is something to read; most endpoints answer with nothing."""
    is_empty = any(
        name.lower() == b"content-length" and value == b"0" for name, value in response.headers
    )
    return response.status != 204 and not is_empty


async def _read(response: httpcore.Response, start: bytearray) -> None:
    """Add the start of the body to `start`."""
    stream = cast("AsyncGenerator[bytes, None]", response.aiter_stream())
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            start += chunk[: READ_BYTES - len(start)]
            if len(start) == READ_BYTES:
                break


def _failure(error: Exception) -> AttemptResult:
    """The result of an attempt without a response."""
    detail = type(error).__name__
    if isinstance(error, (TimeoutError, httpcore.TimeoutException)):
        return AttemptResult(TIMEOUT, detail)
    if isinstance(error, NameNotResolved):
        return AttemptResult(NAME_NOT_RESOLVED, detail)
    if isinstance(error, ConnectionWasRefused):
        return AttemptResult(CONNECTION_REFUSED, detail)
    if not isinstance(error, httpcore.ConnectError):
        return AttemptResult(INVALID_RESPONSE, detail)
    has_connection = has_cause(error, ssl.SSLError)
    return AttemptResult(TLS_FAILED if has_connection else UNREACHABLE, detail)
