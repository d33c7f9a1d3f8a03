"""Operations for Client Bound SATs, which the browser SDK calls (RFC 9449)."""

from dataclasses import dataclass, field
from typing import Final

from satmint.flows.devices import (
    DEFAULT_LIFETIME_SECONDS,
    MAX_LIFETIME_SECONDS,
    MIN_LIFETIME_SECONDS,
    DeviceToken,
    DeviceTokenRequest,
    device_token,
)
from satmint.http.body_schema import BodySchema
from satmint.http.call import NO_STORE, Call, Response, json_response
from satmint.http.fields import Seconds, TokenText
from satmint.http.operations import Authentication, BodyHandler, HandlerContext, Operation
from satmint.model.refusals import Code, Refusal, Unproven

_METHOD: Final = "POST"
_STATUS: Final = 201

_DPOP_TOKEN: Final = TokenText(
    name="dpop_token",
    doc=(
        "The proof of possession: a `dpop+jwt` for this request. Send it here or in the `DPoP`"
        " header, not in both."
    ),
)
_EXPIRE_IN: Final = Seconds(
    name="expire_in",
    doc=(
        f"The lifetime of the SAT in seconds; by default {DEFAULT_LIFETIME_SECONDS}. Values outside"
        f" {MIN_LIFETIME_SECONDS} to {MAX_LIFETIME_SECONDS} are clamped to that range."
    ),
)


@dataclass(frozen=True, slots=True)
class _DeviceTokenBody:
    proof: str | None = field(repr=False)
    expire_in: int | None
    """Seconds."""


DEVICE_TOKEN: Final = BodySchema(
    "DeviceTokenRequest",
    (_DPOP_TOKEN, _EXPIRE_IN),
    lambda members: _DeviceTokenBody(members.get(_DPOP_TOKEN), members.get(_EXPIRE_IN)),
)


def _body_handler(path: str, *, is_refresh: bool) -> BodyHandler[_DeviceTokenBody]:
    async def handle(context: HandlerContext, call: Call, body: _DeviceTokenBody) -> Response:
        proofs = call.header_values(b"dpop")
        if body.proof is not None:
            proofs.append(body.proof)
        request = DeviceTokenRequest(
            method=_METHOD,
            path=path,
            urls=frozenset(f"{url}{path}" for url in context.external_urls),
            proofs=proofs,
            expire_in=body.expire_in,
            is_refresh=is_refresh,
        )
        metrics = context.metrics
        try:
            granted = await device_token(context.services, call.holder, request, call.origin)
        except Refusal as refusal:
            metrics.device_tokens[refusal.cause] += 1
            if isinstance(refusal, Unproven):
                metrics.count_proof_refusal(refusal)
            raise
        metrics.device_tokens["again" if granted.accepted.resent else "granted"] += 1
        if granted.accepted.resent:
            context.services.limits.refund_call(call.holder.rate_limit_key)
        metrics.proof_ages.observe(granted.proof_age)
        headers = [NO_STORE]
        if granted.nonce is not None:
            headers.append((b"dpop-nonce", granted.nonce.encode()))
        return json_response(_STATUS, granted.response, headers)

    return BodyHandler(DEVICE_TOKEN, handle)


def _operation(
    name: str,
    path: str,
    summary: str,
    description: str,
    authentication: Authentication,
    *,
    is_refresh: bool,
) -> Operation:
    return Operation(
        id=name,
        method=_METHOD,
        path=path,
        tag="Client Bound SAT",
        summary=summary,
        description=description,
        authentication=authentication,
        handler=_body_handler(path, is_refresh=is_refresh),
        status=_STATUS,
        answer=DeviceToken,
        refusals=frozenset({Code.FORBIDDEN}),
        secret=True,
    )


OPERATIONS: Final = (
    _operation(
        "create-device-token",
        "/api/fabric/subscriber/devices/token",
        "Exchange a SAT for a Client Bound SAT",
        (
            "The SAT must have the scope `sat:refresh`. If the session is not bound to a key yet,"
            " the first valid proof binds it permanently to the proof's key. After a lost response,"
            " send the same request again: up to five repeats return an equivalent response."
        ),
        Authentication.BOUND_TOKEN,
        is_refresh=False,
    ),
    _operation(
        "refresh-device-token",
        "/api/fabric/subscriber/devices/refresh",
        "Refresh a Client Bound SAT with its key",
        (
            "The request does not consume the SAT: possession of the key authorizes it. The proof"
            " must contain the hash of the SAT (`ath`). A bound SAT is accepted for"
            " `device_slack_seconds` after it expires."
        ),
        Authentication.BOUND_TOKEN_GRACE,
        is_refresh=True,
    ),
)
