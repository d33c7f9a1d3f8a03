"""Operations that issue and refresh tokens (seeds 0 to 3)."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from satmint.flows.callers import SubscriberCaller
from satmint.flows.invites import (
    InviteProofs,
    InviteTokenRequest,
    invitation_errors,
    invite_token,
    repeat_invite_token,
)
from satmint.flows.issue import (
    GuestTokenRequest,
    SubscriberTokenRequest,
    SubscriberTokens,
    address_errors,
    c2c_errors,
    embed_token,
    guest_tokens,
    repeat_guest_tokens,
    repeat_subscriber_tokens,
    subscriber_tokens,
)
from satmint.flows.proofs import next_nonce
from satmint.flows.refresh import format_errors, refresh
from satmint.flows.token_issuer import TokenPair
from satmint.http.answers import TokenAnswer
from satmint.http.body_schema import Members
from satmint.http.call import NO_STORE, Call, Response, json_response
from satmint.http.operations import Authentication, BodyHandler, HandlerContext, Operation
from satmint.http.resources.token_bodies import (
    ADDRESS_ID,
    ALLOWED_ADDRESSES,
    C2C_TOKEN,
    EMBED_TOKEN,
    GUEST_TOKEN,
    INVITE_TOKEN,
    REFRESH,
    REFRESH_TOKEN,
    SUBSCRIBER_TOKEN,
)
from satmint.model.refusals import Code, FieldError, Refusal, Unproven
from satmint.model.rotation import Rotated

_INVITES: Final = "/api/fabric/subscriber/invites"


async def _issue(
    context: HandlerContext, call: Call, request: SubscriberTokenRequest
) -> SubscriberTokens:
    return await subscriber_tokens(context.services, call.caller, request, call.origin)


async def _issue_again(
    context: HandlerContext, call: Call, request: SubscriberTokenRequest, session: UUID
) -> SubscriberTokens:
    return await repeat_subscriber_tokens(context.services, call.caller, request, session)


async def _refresh(context: HandlerContext, call: Call, refresh_token: str) -> TokenPair:
    outcomes = context.metrics.refreshes
    try:
        pair, result = await refresh(context.services, call.caller, refresh_token, call.origin)
    except Refusal as refusal:
        outcomes[refusal.cause] += 1
        raise
    if isinstance(result, Rotated):
        outcomes["rotated"] += 1
    else:
        outcomes["replayed"] += 1
        if result.is_free:
            context.services.limits.refund_call(call.caller.rate_limit_key)
    return pair


async def _refresh_errors(
    _context: HandlerContext, _call: Call, members: Members
) -> list[FieldError]:
    token = members.get(REFRESH_TOKEN)
    return [] if token is None else format_errors(token)


async def _guest(context: HandlerContext, call: Call, request: GuestTokenRequest) -> TokenPair:
    return await guest_tokens(context.services, call.caller, request, call.origin)


async def _guest_again(
    context: HandlerContext, call: Call, request: GuestTokenRequest, session: UUID
) -> TokenPair:
    return await repeat_guest_tokens(context.services, call.caller, request, session)


async def _guest_errors(context: HandlerContext, call: Call, members: Members) -> list[FieldError]:
    addresses = members.get(ALLOWED_ADDRESSES)
    if addresses is None:
        return []
    return await address_errors(context.services.store, call.caller, addresses)


async def _invite(context: HandlerContext, call: Call, request: InviteTokenRequest) -> Response:
    async def make(proofs: InviteProofs | None) -> str:
        inviter = call.caller_or_holder
        return await invite_token(context.services, inviter, request, call.origin, proofs)

    return await _invite_response(context, call, make)


async def _invite_again(
    context: HandlerContext, call: Call, request: InviteTokenRequest, session: UUID
) -> Response:
    async def repeat(proofs: InviteProofs | None) -> str:
        services, inviter = context.services, call.caller_or_holder
        return await repeat_invite_token(services, inviter, request, session, call.origin, proofs)

    return await _invite_response(context, call, repeat)


async def _invite_response(
    context: HandlerContext, call: Call, issue: Callable[[InviteProofs | None], Awaitable[str]]
) -> Response:
    services, inviter, headers = context.services, call.caller_or_holder, [NO_STORE]
    proofs = None
    if isinstance(inviter, SubscriberCaller):
        scheme = call.headers.get(b"authorization", b"").partition(b" ")[0]
        proofs = InviteProofs(
            method="POST",
            path=_INVITES,
            urls=frozenset(f"{url}{_INVITES}" for url in context.external_urls),
            texts=call.header_values(b"dpop"),
            required=scheme.lower() == b"dpop",
        )
        nonce = next_nonce(services, inviter.project)
        if nonce is not None:
            headers.append((b"dpop-nonce", nonce.encode()))
    try:
        token = await issue(proofs)
    except Unproven as refusal:
        context.metrics.count_proof_refusal(refusal)
        raise
    return json_response(201, TokenAnswer(token), headers)


async def _invite_errors(context: HandlerContext, call: Call, members: Members) -> list[FieldError]:
    address = members.get(ADDRESS_ID)
    if address is None:
        return []
    return await invitation_errors(context.services.store, call.caller_or_holder, address)


async def _embed(context: HandlerContext, call: Call, c2c_token: str) -> TokenAnswer:
    return TokenAnswer(await embed_token(context.services, c2c_token, call.web_origin, call.origin))


async def _embed_errors(
    _context: HandlerContext, _call: Call, members: Members
) -> list[FieldError]:
    token = members.get(C2C_TOKEN)
    return [] if token is None else c2c_errors(token)


def _embed_operation(path: str, operation_id: str, summary: str) -> Operation:
    return Operation(
        id=operation_id,
        method="POST",
        path=path,
        tag="Tokens",
        summary=summary,
        description="Public. Rate-limited per Click-to-Call token and client address.",
        authentication=Authentication.PUBLIC,
        handler=BodyHandler(EMBED_TOKEN, _embed, _embed_errors),
        status=201,
        answer=TokenAnswer,
        refusals=frozenset(
            {
                Code.FORBIDDEN,
                Code.NOT_FOUND,
                Code.TOKEN_HAS_INVALID_PREFIX,
                Code.RATE_LIMIT_EXCEEDED,
            }
        ),
        secret=True,
    )


OPERATIONS: Final = (
    Operation(
        id="create-subscriber-token",
        method="POST",
        path="/api/fabric/subscribers/tokens",
        tag="Tokens",
        summary="Create a subscriber token",
        description=(
            "Opens a session for the subscriber with this `reference`, and creates the subscriber"
            " if it does not exist. The SAT expires after two hours, or at `expire_at`; the refresh"
            " token expires five minutes later."
        ),
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(SUBSCRIBER_TOKEN, _issue),
        repeat=_issue_again,
        answer=SubscriberTokens,
        refusals=frozenset({Code.UNSUPPORTED_REGION}),
        secret=True,
    ),
    Operation(
        id="refresh-subscriber-token",
        method="POST",
        path="/api/fabric/subscribers/tokens/refresh",
        tag="Tokens",
        summary="Exchange a refresh token for a new subscriber access token",
        description=(
            "The new SAT expires after two hours, the new refresh token after two hours and five"
            " minutes. Safe to repeat after a lost response: until the new tokens are used, and for"
            " ten minutes at most, the old refresh token returns an equivalent pair. After that,"
            " using the old refresh token is treated as theft and revokes the session, even if it"
            " has expired."
        ),
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(REFRESH, _refresh, _refresh_errors),
        status=201,
        answer=TokenPair,
        refusals=frozenset(
            {
                Code.NOT_FOUND,
                Code.INVALID_TOKEN_FORMAT,
                Code.NOT_A_REFRESH_TOKEN,
                Code.TOKEN_EXPIRED,
                Code.TOKEN_INVALID,
            }
        ),
        secret=True,
    ),
    Operation(
        id="create-guest-token",
        method="POST",
        path="/api/fabric/guests/tokens",
        tag="Tokens",
        summary="Create a guest token",
        description="Issues tokens for a user without an account, for up to ten addresses.",
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(GUEST_TOKEN, _guest, _guest_errors),
        repeat=_guest_again,
        status=201,
        answer=TokenPair,
        refusals=frozenset(
            {
                Code.NOT_AN_ARRAY_OF_STRINGS,
                Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED,
                Code.MUST_BELONG_TO_PROJECT,
                Code.UNSUPPORTED_REGION,
            }
        ),
        secret=True,
    ),
    Operation(
        id="create-invite-token",
        method="POST",
        path=_INVITES,
        tag="Tokens",
        summary="Create an invite token",
        description=(
            "With a SAT, the address must be one of the subscriber's own, and the invite ends with"
            " the session of the SAT: when it, or the subscriber, is revoked or deleted. With an"
            " API token, it can be the address of any subscriber of the project. An invite ends in"
            " any case when its address is deleted. With the SAT of a session that is bound to a"
            " key, send a proof of possession in the `DPoP` header, with the hash of the SAT"
            " (`ath`). Without one, the invite expires with the SAT at the latest."
        ),
        authentication=Authentication.INVITER,
        handler=BodyHandler(INVITE_TOKEN, _invite, _invite_errors),
        repeat=_invite_again,
        status=201,
        answer=TokenAnswer,
        refusals=frozenset({Code.FORBIDDEN, Code.MUST_BELONG_TO_PROJECT}),
        secret=True,
    ),
    _embed_operation(
        "/api/fabric/embeds/tokens",
        "create-embed-token",
        "Exchange a Click-to-Call token for an embed token",
    ),
    _embed_operation(
        "/api/embeds/tokens",
        "create-embed-token-alias",
        "Exchange a Click-to-Call token for an embed token (short path)",
    ),
)
