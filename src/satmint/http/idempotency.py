"""Handles requests with an idempotency key (draft-ietf-httpapi-idempotency-key-header-07)."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from satmint.flows.idempotency import RequestIdentity, perform_once, read_idempotency_key
from satmint.flows.service_context import ServiceContext
from satmint.http.call import Call
from satmint.http.operations import BodyHandler, HandlerContext, Operation, Repeat

KEY_HEADER: Final = b"idempotency-key"
REPLAYED: Final = (b"idempotent-replayed", b"true")
"""The header of the answer to a repetition."""


async def handle_once(
    context: HandlerContext,
    operation: Operation,
    handler: BodyHandler[Any],
    repeat: Repeat,
    call: Call,
    members: Mapping[str, Any],
) -> tuple[object, bool]:
    """Handle a request with a key: by the handler the first time, then by `repeat`.

    Returns:
        The answer, and whether it is that of a repetition.

    Raises:
        Unprocessable: the key or the body is invalid, or see `perform_once`.
    """
    key = read_idempotency_key(call.header_values(KEY_HEADER))
    request = await handler.read(context, call, members)
    identity = RequestIdentity(
        caller=call.caller_or_holder,
        method=operation.method,
        path=operation.path.format_map(call.params),
        key=key,
        members=handler.schema.given(members),
        has_proof=operation.authentication.accepts_proof and b"dpop" in call.headers,
    )

    async def make(services: ServiceContext) -> object:
        return await handler.handle(context.with_services(services), call, request)

    async def answer_again(services: ServiceContext, resource: UUID) -> object:
        return await repeat(context.with_services(services), call, request, resource)

    return await perform_once(context.services, identity, make, answer_again)
