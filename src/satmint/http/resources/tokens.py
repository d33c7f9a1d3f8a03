"""The five token endpoints (seeds 0 to 3)."""

from typing import Final

from satmint.flows.issue import (
    GuestTokenRequest,
    SubscriberTokenRequest,
    SubscriberTokens,
    address_faults,
    c2c_faults,
    embed_token,
    guest_tokens,
    invitation_faults,
    invite_token,
    subscriber_tokens,
)
from satmint.flows.mint import Pair
from satmint.flows.refresh import format_faults, refresh
from satmint.http.answers import TokenAnswer
from satmint.http.fields import (
    AddressIds,
    ClusterHost,
    Expiry,
    Id,
    Password,
    Region,
    SelfRefresh,
    Text,
    TokenText,
    fingerprint,
)
from satmint.http.messages import Call
from satmint.http.operations import Admits, Desk, Operation
from satmint.http.shapes import Shape
from satmint.model.refusals import Code, Fault, Refusal
from satmint.model.rotation import Rotated

_PROFILE: Final = {
    "first_name": Text(doc="Set or update the first name."),
    "last_name": Text(doc="Set or update the last name."),
    "display_name": Text(doc="Set or update the display name."),
    "job_title": Text(doc="Set or update the job title."),
    "time_zone": Text(doc="Set or update the time zone."),
    "country": Text(doc="Set or update the country."),
    "company_name": Text(doc="Set or update the company name."),
}

SUBSCRIBER_TOKEN: Final = Shape(
    "SubscriberTokenRequest",
    {
        "reference": Text(
            doc="The backend's own name for the subscriber, often an e-mail address.",
            required=True,
            may_be_empty=False,
        ),
        "expire_at": Expiry(doc="Unix seconds at which the SAT dies; by default in two hours."),
        "application_id": Id(doc="The application that the token is for."),
        "password": Password(doc="Set or update the password, 8 to 72 bytes; empty leaves it."),
        **_PROFILE,
        "region": Region(doc="The regional cluster that the browser SDK connects to."),
        "fingerprint": fingerprint("RFC 7638 thumbprint of the key that the session is bound to."),
        "scope": SelfRefresh(doc="`sat:refresh` lets the holder refresh by itself, with its key."),
    },
)

REFRESH: Final = Shape(
    "SubscriberRefreshTokenRequest",
    {"refresh_token": TokenText(doc="The refresh token of the last answer.", required=True)},
)

GUEST_TOKEN: Final = Shape(
    "GuestTokenRequest",
    {
        "allowed_addresses": AddressIds(
            doc="One to ten addresses that the guest may reach.", required=True
        ),
        "expire_at": Expiry(doc="Unix seconds at which the SAT dies; by default in two hours."),
        "region": Region(doc="The regional cluster that the browser SDK connects to."),
        "ch": ClusterHost(doc="The same, as a region or a cluster host; goes before `region`."),
    },
)

INVITE_TOKEN: Final = Shape(
    "InviteTokenRequest",
    {
        "address_id": Id(doc="The address that the invitee may reach.", required=True),
        "expires_at": Expiry(doc="Unix seconds at which the SAT dies; by default in two hours."),
    },
)

EMBED_TOKEN: Final = Shape(
    "EmbedTokenRequest",
    {"token": TokenText(doc="The Click-to-Call token, `c2c_…`.", required=True)},
)


async def _issue(desk: Desk, call: Call) -> SubscriberTokens:
    form = call.form
    request = SubscriberTokenRequest(
        reference=form["reference"],
        expire_at=form.get("expire_at"),
        application_id=form.get("application_id"),
        password=form.get("password"),
        fields={name: form[name] for name in _PROFILE if name in form},
        region=form.get("region"),
        fingerprint=form.get("fingerprint"),
        self_refresh=form.get("scope", False),
    )
    return await subscriber_tokens(desk.mint, call.caller, request, call.origin)


async def _refresh(desk: Desk, call: Call) -> Pair:
    outcomes = desk.metrics.refreshes
    try:
        pair, verdict = await refresh(
            desk.mint, call.caller, call.form["refresh_token"], call.origin
        )
    except Refusal as refusal:
        outcomes[refusal.cause] += 1
        raise
    if isinstance(verdict, Rotated):
        outcomes["rotated"] += 1
    else:
        outcomes["replayed"] += 1
        desk.mint.forgive_call(call.caller.project)
    return pair


async def _guest(desk: Desk, call: Call) -> Pair:
    form, policy = call.form, desk.mint.policy
    cluster_host = form.get("ch") or policy.cluster_host_of(form.get("region"))
    request = GuestTokenRequest(form["allowed_addresses"], form.get("expire_at"), cluster_host)
    return await guest_tokens(desk.mint, call.caller, request, call.origin)


async def _guest_faults(desk: Desk, call: Call) -> list[Fault]:
    addresses = call.form.get("allowed_addresses")
    return [] if addresses is None else await address_faults(desk.mint, call.caller, addresses)


async def _invite(desk: Desk, call: Call) -> TokenAnswer:
    inviter = call.caller_or_holder
    expires_at = call.form.get("expires_at")
    return TokenAnswer(
        await invite_token(desk.mint, inviter, call.form["address_id"], expires_at, call.origin)
    )


async def _invite_faults(desk: Desk, call: Call) -> list[Fault]:
    address = call.form.get("address_id")
    if address is None:
        return []
    return await invitation_faults(desk.mint, call.caller_or_holder, address)


async def _refresh_faults(desk: Desk, call: Call) -> list[Fault]:  # noqa: ARG001 - see MoreFaults
    token = call.form.get("refresh_token")
    return [] if token is None else format_faults(token)


async def _embed_faults(desk: Desk, call: Call) -> list[Fault]:  # noqa: ARG001 - see MoreFaults
    token = call.form.get("token")
    return [] if token is None else c2c_faults(token)


async def _embed(desk: Desk, call: Call) -> TokenAnswer:
    c2c_token = call.form["token"]
    return TokenAnswer(await embed_token(desk.mint, c2c_token, call.web_origin, call.origin))


def _embed_at(path: str, operation_id: str, summary: str) -> Operation:
    return Operation(
        id=operation_id,
        method="POST",
        path=path,
        tag="Tokens",
        summary=summary,
        description="For any visitor of a page; limited per Click-to-Call token and address.",
        admits=Admits.ANYONE,
        shape=EMBED_TOKEN,
        more_faults=_embed_faults,
        handler=_embed,
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
            "Opens a session for the subscriber named by `reference`, who is created if there is"
            " none. The SAT lives two hours unless `expire_at` says otherwise, the refresh token"
            " five minutes longer."
        ),
        admits=Admits.BACKEND,
        shape=SUBSCRIBER_TOKEN,
        handler=_issue,
        answer=SubscriberTokens,
        refusals=frozenset({Code.UNSUPPORTED_REGION, Code.NOT_UNIQUE_WITHIN_PROJECT}),
        secret=True,
    ),
    Operation(
        id="refresh-subscriber-token",
        method="POST",
        path="/api/fabric/subscribers/tokens/refresh",
        tag="Tokens",
        summary="Exchange a refresh token for a new subscriber access token",
        description=(
            "The new SAT lives two hours, the new refresh token two hours and five minutes. Safe to"
            " repeat after a lost answer: until the new tokens are used, the old refresh token is"
            " answered with an equivalent pair. Later it is taken for stolen and ends the session."
        ),
        admits=Admits.BACKEND,
        shape=REFRESH,
        more_faults=_refresh_faults,
        handler=_refresh,
        status=201,
        answer=Pair,
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
        description="For somebody who is no subscriber, good for up to ten addresses.",
        admits=Admits.BACKEND,
        shape=GUEST_TOKEN,
        more_faults=_guest_faults,
        handler=_guest,
        status=201,
        answer=Pair,
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
        path="/api/fabric/subscriber/invites",
        tag="Tokens",
        summary="Create an invite token",
        description=(
            "A subscriber invites somebody to one of its own addresses. A backend may do so too,"
            " for any subscriber's address of its project."
        ),
        admits=Admits.HOLDER_OR_BACKEND,
        shape=INVITE_TOKEN,
        more_faults=_invite_faults,
        handler=_invite,
        status=201,
        answer=TokenAnswer,
        refusals=frozenset({Code.FORBIDDEN, Code.MUST_BELONG_TO_PROJECT}),
        secret=True,
    ),
    _embed_at(
        "/api/fabric/embeds/tokens",
        "create-embed-token",
        "Exchange a Click-to-Call token for an embed token",
    ),
    _embed_at("/api/embeds/tokens", "create-embed-token-alias", "The same, at its shorter path"),
)
