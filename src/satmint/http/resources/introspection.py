"""Operations for services that verify tokens: introspection, and the feed of revocations."""

from collections.abc import Mapping, Sequence
from typing import Final

from satmint.flows.introspect import (
    MAX_TOKENS,
    Introspection,
    IntrospectionBatch,
    introspect,
    introspect_many,
)
from satmint.flows.policy import Policy
from satmint.http.body_schema import BodySchema, JsonSchema, Members
from satmint.http.call import Call, Response
from satmint.http.event_stream import event_stream
from satmint.http.fields import TokenText, TokenTexts
from satmint.http.operations import (
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.revocation_events import RevocationEvents
from satmint.model.permissions import INTROSPECTION
from satmint.model.refusals import (
    Code,
    FieldError,
    NotFound,
    RateLimited,
    StoreUnavailable,
    Unauthorized,
)

_BODY_LIMIT: Final = 256 * 1024
"""Room for `MAX_TOKENS` tokens with ten addresses each."""

_TOKEN: Final = TokenText(name="token", doc="A SAT or a refresh token.")
_TOKENS: Final = TokenTexts(
    name="tokens",
    doc="SATs and refresh tokens, in place of `token`. The answer has one entry for each.",
    most=MAX_TOKENS,
)


class _TokenOrTokens(BodySchema[str | Sequence[str]]):
    """Exactly one of `token` and `tokens`."""

    def combination_errors(self, given: Mapping[str, object], _read: Members) -> list[FieldError]:
        """See `BodySchema.combination_errors`."""
        if _TOKEN.name in given and _TOKENS.name in given:
            message = "Tokens must not be given together with token"
            return [FieldError(Code.INVALID_PARAMETER, message, _TOKENS.name)]
        if _TOKEN.name in given or _TOKENS.name in given:
            return []
        message = "Required parameter is missing"
        return [FieldError(Code.MISSING_REQUIRED_PARAMETER, message, _TOKEN.name)]

    def schema(self, policy: Policy | None = None) -> JsonSchema:
        """See `BodySchema.schema`."""
        schema = super().schema(policy or Policy())
        alternatives = [
            {"required": [name], "properties": {name: {"type": field.schema()["type"]}}}
            for name, field in self.fields.items()
        ]
        return {**schema, "oneOf": alternatives}


def _requested(members: Members) -> str | Sequence[str]:
    tokens = members.get(_TOKENS)
    return members[_TOKEN] if tokens is None else tokens


REQUEST: Final = _TokenOrTokens("IntrospectionRequest", (_TOKEN, _TOKENS), _requested)


async def _introspect(
    context: HandlerContext, call: Call, requested: str | Sequence[str]
) -> Introspection | IntrospectionBatch:
    services, project = context.services, call.caller.project
    outcomes = context.metrics.introspections
    if isinstance(requested, str):
        answer = await introspect(services, project, requested)
        outcomes["active" if answer.active else "inactive"] += 1
        return answer
    batch = await introspect_many(services, project, requested)
    for one in batch.tokens:
        outcomes["active" if one.active else "inactive"] += 1
    return batch


async def _listen(context: HandlerContext, call: Call) -> Response:
    hub, caller = context.revocations, call.caller
    if hub is None:
        raise NotFound("revocations")
    # A browser's `EventSource` connects again with the same URL, and sends what it has read last.
    cursor = call.headers.get(b"last-event-id", b"").decode("latin-1") or call.query().get("after")
    address = call.origin.address
    listener = await hub.listen(caller.project, caller.api_token, cursor or None, address)

    async def is_authorized() -> bool:
        try:
            await context.callers.authenticate_api_token(
                call.headers.get(b"authorization", b""), INTROSPECTION, call.origin.address
            )
        except (Unauthorized, RateLimited):
            return False
        except StoreUnavailable:
            pass  # the feed is silent meanwhile
        return True

    return event_stream(RevocationEvents(listener, is_authorized), heartbeat_seconds=None)


OPERATIONS: Final = (
    Operation(
        id="introspect-token",
        method="POST",
        path="/api/satmint/tokens/introspect",
        tag="Management",
        summary="Introspect a token (RFC 7662), or up to 100",
        description=(
            "With `tokens`, the answer is `{tokens: […]}`, in the order of the request. A token"
            " that is expired, revoked, of another project or unknown is `{active: false}`."
        ),
        authentication=Authentication.API_TOKEN_INTROSPECT,
        handler=BodyHandler(REQUEST, _introspect),
        refusals=frozenset({Code.MISSING_REQUIRED_PARAMETER, Code.INVALID_PARAMETER}),
        answer=(Introspection, IntrospectionBatch),
        body_limit=_BODY_LIMIT,
        secret=True,
        reads_only=True,
    ),
    Operation(
        id="stream-revocations",
        method="GET",
        path="/api/satmint/revocations",
        tag="Management",
        summary="Listen to what ends tokens",
        description=(
            "Server-sent events: `start`, `resumed` or `reset` first, then `revoked` within a"
            " second of each revocation, and `heartbeat` every 3 seconds. `id` is a cursor, good"
            " for a day: send the last one as `after` or as `Last-Event-ID` to go on from there."
            " After `reset`, and after `start`, forget every answer from before. Some events come"
            " twice; none is left out."
        ),
        authentication=Authentication.API_TOKEN_INTROSPECT,
        handler=_listen,
        media_type="text/event-stream",
        query={
            "after": {
                "type": "string",
                "description": "The last cursor. Default: from now on.",
            }
        },
    ),
)
