"""Client Bound SAT: the two endpoints of the browser SDK (RFC 9449)."""

from typing import Final

from satmint.flows.devices import (
    DEVICE_SECONDS,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    DeviceToken,
    DeviceTokenRequest,
    device_token,
)
from satmint.http.fields import Seconds, TokenText
from satmint.http.messages import NO_STORE, Call, Response, json_response
from satmint.http.operations import Admits, Desk, Handler, Operation
from satmint.http.shapes import Shape
from satmint.model.refusals import Code, Refusal, Unproven

_METHOD: Final = "POST"
_STATUS: Final = 201

DEVICE_TOKEN: Final = Shape(
    "DeviceTokenRequest",
    {
        "dpop_token": TokenText(
            doc=(
                "The proof of possession: a `dpop+jwt` made for this request. It may stand in a"
                " `DPoP` header instead, and never in both."
            )
        ),
        "expire_in": Seconds(
            doc=(
                f"How long the SAT is to live, in seconds; by default {DEVICE_SECONDS}. What is"
                f" outside of {SHORTEST_SECONDS} to {LONGEST_SECONDS} is taken as the nearer end."
            )
        ),
    },
)


def _at(path: str, *, renewing: bool) -> Handler:
    async def handle(desk: Desk, call: Call) -> Response:
        form = call.form
        proofs = call.all_of(b"dpop")
        if "dpop_token" in form:
            proofs.append(form["dpop_token"])
        request = DeviceTokenRequest(
            method=_METHOD,
            path=path,
            urls=frozenset(f"{url}{path}" for url in desk.external_urls),
            proofs=proofs,
            expire_in=form.get("expire_in"),
            renewing=renewing,
        )
        metrics = desk.metrics
        try:
            granted = await device_token(desk.mint, call.holder, request, call.origin)
        except Refusal as refusal:
            metrics.device_tokens[refusal.cause] += 1
            if isinstance(refusal, Unproven):
                metrics.proof_refusals[refusal.cause] += 1
                if refusal.skew is not None:
                    metrics.proof_ages.observe(-refusal.skew)
            raise
        metrics.device_tokens["again" if granted.accepted.again else "granted"] += 1
        if granted.accepted.again:
            desk.mint.forgive_call(call.holder.counted_as)
        metrics.proof_ages.observe(granted.proof_age)
        headers = [NO_STORE]
        if granted.nonce is not None:
            headers.append((b"dpop-nonce", granted.nonce.encode()))
        return json_response(_STATUS, granted.answer, headers)

    return handle


def _operation(
    name: str, path: str, summary: str, description: str, admits: Admits, *, renewing: bool
) -> Operation:
    return Operation(
        id=name,
        method=_METHOD,
        path=path,
        tag="Client Bound SAT",
        summary=summary,
        description=description,
        admits=admits,
        shape=DEVICE_TOKEN,
        handler=_at(path, renewing=renewing),
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
            "The SAT must have the scope `sat:refresh`. If its session names no key yet, the first"
            " proof that is good binds it to its key for good. A request that got no answer can be"
            " sent again as it is: it is answered equivalently, up to five times."
        ),
        Admits.KEY_HOLDER,
        renewing=False,
    ),
    _operation(
        "refresh-device-token",
        "/api/fabric/subscriber/devices/refresh",
        "Get the next Client Bound SAT for the same key",
        (
            "The SAT that is shown is not spent: possession of the key is what counts. The proof"
            " must name it (`ath`). A SAT that names its key is taken for some minutes after it has"
            " expired."
        ),
        Admits.LATE_KEY_HOLDER,
        renewing=True,
    ),
)
