"""Request bodies of the token operations (seeds 0 to 3)."""

from typing import Final

from satmint.flows.invites import InviteTokenRequest
from satmint.flows.issue import GuestTokenRequest, SubscriberTokenRequest
from satmint.http.body_schema import BodySchema, Members
from satmint.http.fields import (
    AddressIds,
    ClusterHost,
    Expiry,
    Id,
    InviteExpiry,
    Password,
    ReferenceText,
    Region,
    SelfRefresh,
    Text,
    TokenText,
    fingerprint,
)

_REFERENCE: Final = ReferenceText(
    name="reference",
    doc="The application's identifier for the subscriber, often an e-mail address. Compared after"
    " Unicode normalization (NFC), and without regard to case if it is an e-mail address. It does"
    " not begin or end with a blank, and contains no control, zero-width or bidirectional"
    " characters. An e-mail address also becomes the e-mail address of a new subscriber, unless"
    " another subscriber has it.",
    required=True,
)
_EXPIRE_AT: Final = Expiry(
    name="expire_at", doc="When the SAT expires, Unix seconds; by default in two hours."
)
_APPLICATION_ID: Final = Id(
    name="application_id", doc="The application that the token is issued for."
)
_PASSWORD: Final = Password(
    name="password", doc="Set or update the password, 8 to 72 bytes; empty: no change."
)
_PROFILE: Final = (
    Text(name="first_name", doc="Set or update the first name."),
    Text(name="last_name", doc="Set or update the last name."),
    Text(name="display_name", doc="Set or update the display name."),
    Text(name="job_title", doc="Set or update the job title."),
    Text(name="time_zone", doc="Set or update the time zone."),
    Text(name="country", doc="Set or update the country."),
    Text(name="company_name", doc="Set or update the company name."),
)
_REGION: Final = Region(name="region", doc="The regional cluster that the browser SDK connects to.")
_FINGERPRINT: Final = fingerprint(
    "fingerprint", "RFC 7638 thumbprint of the key to bind the session to."
)
_SCOPE: Final = SelfRefresh(
    name="scope", doc="`sat:refresh` lets the client refresh with its own key."
)


def _subscriber_token_request(members: Members) -> SubscriberTokenRequest:
    profile = {field.name: members.get(field) for field in _PROFILE}
    return SubscriberTokenRequest(
        reference=members[_REFERENCE],
        expire_at=members.get(_EXPIRE_AT),
        application_id=members.get(_APPLICATION_ID),
        password=members.get(_PASSWORD),
        fields={name: value for name, value in profile.items() if value is not None},
        region=members.get(_REGION),
        fingerprint=members.get(_FINGERPRINT),
        self_refresh=members.get(_SCOPE) or False,
    )


SUBSCRIBER_TOKEN: Final = BodySchema(
    "SubscriberTokenRequest",
    (
        _REFERENCE,
        _EXPIRE_AT,
        _APPLICATION_ID,
        _PASSWORD,
        *_PROFILE,
        _REGION,
        _FINGERPRINT,
        _SCOPE,
    ),
    _subscriber_token_request,
)

REFRESH_TOKEN: Final = TokenText(
    name="refresh_token",
    doc="The refresh token of the last response.",
    required=True,
    format="jwt",
)
REFRESH: Final = BodySchema(
    "SubscriberRefreshTokenRequest", (REFRESH_TOKEN,), lambda members: members[REFRESH_TOKEN]
)

ALLOWED_ADDRESSES: Final = AddressIds(
    name="allowed_addresses", doc="One to ten addresses that the guest may reach.", required=True
)
_CH: Final = ClusterHost(
    name="ch", doc="A region or a cluster host; takes precedence over `region`."
)
GUEST_TOKEN: Final = BodySchema(
    "GuestTokenRequest",
    (ALLOWED_ADDRESSES, _EXPIRE_AT, _REGION, _CH),
    lambda members: GuestTokenRequest(
        addresses=members[ALLOWED_ADDRESSES],
        expire_at=members.get(_EXPIRE_AT),
        cluster_host=members.get(_CH),
        region=members.get(_REGION),
    ),
)

ADDRESS_ID: Final = Id(
    name="address_id", doc="The address that the invitee may reach.", required=True
)
_EXPIRES_AT: Final = InviteExpiry(
    name="expires_at",
    doc=(
        "When the SAT expires, Unix seconds; by default in two hours, at most in"
        " `max_invite_seconds`."
    ),
)
INVITE_TOKEN: Final = BodySchema(
    "InviteTokenRequest",
    (ADDRESS_ID, _EXPIRES_AT),
    lambda members: InviteTokenRequest(members[ADDRESS_ID], members.get(_EXPIRES_AT)),
)

C2C_TOKEN: Final = TokenText(name="token", doc="The Click-to-Call token, `c2c_…`.", required=True)
EMBED_TOKEN: Final = BodySchema(
    "EmbedTokenRequest", (C2C_TOKEN,), lambda members: members[C2C_TOKEN]
)
