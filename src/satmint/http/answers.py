"""Response bodies: exactly the members of the vendor's schemas, and those of our extensions."""

from collections.abc import Sequence
from typing import Annotated, Final, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from satmint.flows.callers import SubscriberCaller
from satmint.model.claims import SELF_REFRESH, Confirmation, Jwt
from satmint.model.permissions import Permission
from satmint.model.records import (
    Address,
    AddressType,
    ApiToken,
    C2cToken,
    DeviceType,
    RegisteredDevice,
    Subscriber,
)
from satmint.model.secrets import HidesFields
from satmint.model.times import iso, iso_or_none

T = TypeVar("T")

UNKNOWN_MASK: Final = "PT…"

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""ISO 8601 in UTC, with `Z`."""
Url = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]


class Links(msgspec.Struct, frozen=True, omit_defaults=True):
    """Absolute URLs of the pages of a list."""

    self: Url
    first: Url
    next: Url | None = None
    prev: Url | None = None


class ListOf(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list."""

    data: list[T]
    links: Links


class TokenAnswer(HidesFields, msgspec.Struct, frozen=True):
    """A SAT without a refresh token."""

    token: Jwt


class SubscriberDetail(msgspec.Struct, frozen=True):
    """The profile of a subscriber; an unset member is empty.

    Token requests spell `timezone` as `time_zone`.
    """

    id: UUID
    email: str
    first_name: str
    last_name: str
    display_name: str
    job_title: str
    timezone: str
    country: str
    company_name: str


class SubscriberAnswer(msgspec.Struct, frozen=True):
    """A subscriber."""

    id: UUID
    project_id: UUID
    display_name: str
    type: Literal["subscriber"]
    created_at: Instant
    updated_at: Instant
    subscriber: SubscriberDetail


class AddressChannels(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client dials, by channel."""

    audio: str | None = None
    messaging: str | None = None
    video: str | None = None


class AddressAnswer(msgspec.Struct, frozen=True):
    """An address."""

    id: UUID
    name: str
    display_name: str
    cover_url: str | None
    preview_url: str | None
    locked: bool
    channels: AddressChannels
    created_at: Instant
    type: AddressType


class ApiTokenAnswer(HidesFields, msgspec.Struct, frozen=True):
    """An API token. Only the response that creates it contains its text."""

    shown = ("id",)

    id: UUID
    name: str
    permissions: list[Permission]
    token: str
    """The text in the response that creates the token; otherwise masked: `PTd49e…2be`, or `PT…` for
    a token of an earlier version that has not been used since."""


class C2cTokenAnswer(msgspec.Struct, frozen=True):
    """A Click-to-Call token."""

    id: UUID
    address_id: UUID
    name: str
    origins: tuple[str, ...]
    created_at: Instant
    disabled_at: Instant | None


class NewC2cTokenAnswer(HidesFields, msgspec.Struct, frozen=True):
    """A new Click-to-Call token. Only this response contains its text."""

    shown = ("id",)

    id: UUID
    address_id: UUID
    name: str
    origins: tuple[str, ...]
    created_at: Instant
    disabled_at: Instant | None
    token: str


class SatClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims that the browser SDK needs; it cannot decrypt its SAT."""

    scope: tuple[str, ...]
    expires_at: int
    """Unix seconds."""
    cnf: Confirmation | None = None


class InfoAnswer(msgspec.Struct, frozen=True):
    """Who the holder of a SAT is."""

    id: UUID
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    job_title: str | None
    time_zone: str | None
    country: str | None
    region: str | None
    company_name: str | None
    push_notification_key: str | None
    fabric_addresses: list[AddressAnswer]
    sat_claims: SatClaims | msgspec.UnsetType = msgspec.UNSET


class NewDeviceAnswer(HidesFields, msgspec.Struct, frozen=True):
    """A registered device, as the vendor's SDK 3.x expects it."""

    shown = ("id",)

    id: UUID
    device_type: DeviceType
    device_token: str
    date_registered: Instant
    push_notification_key: str
    """Always empty: nothing is pushed."""


def show_subscriber(subscriber: Subscriber) -> SubscriberAnswer:
    """Return the answer for a subscriber."""
    profile = subscriber.profile
    return SubscriberAnswer(
        id=subscriber.id,
        project_id=subscriber.project,
        display_name=profile.display_name or subscriber.reference or "",
        type="subscriber",
        created_at=iso(subscriber.created_at),
        updated_at=iso(subscriber.updated_at),
        subscriber=SubscriberDetail(
            id=subscriber.id,
            email=subscriber.email or "",
            first_name=profile.first_name or "",
            last_name=profile.last_name or "",
            display_name=profile.display_name or "",
            job_title=profile.job_title or "",
            timezone=profile.time_zone or "",
            country=profile.country or "",
            company_name=profile.company_name or "",
        ),
    )


def show_address(address: Address) -> AddressAnswer:
    """Return the answer for an address."""
    path = f"/{address.context}/{address.name}"
    return AddressAnswer(
        id=address.id,
        name=address.name,
        display_name=address.display_name,
        cover_url=address.cover_url,
        preview_url=address.preview_url,
        locked=address.locked,
        channels=AddressChannels(
            **{channel: f"{path}?channel={channel}" for channel in address.channels}
        ),
        created_at=iso(address.created_at),
        type=address.type,
    )


def show_api_token(token: ApiToken, text: str | None = None) -> ApiTokenAnswer:
    """Return the answer for an API token, with its text if it is new."""
    shown = text or token.mask or UNKNOWN_MASK
    return ApiTokenAnswer(token.id, token.name, sorted(token.permissions), shown)


def show_c2c_token(token: C2cToken) -> C2cTokenAnswer:
    """Return the answer for a Click-to-Call token, without its text."""
    return C2cTokenAnswer(
        token.id,
        token.address,
        token.name,
        token.origins,
        iso(token.created_at),
        iso_or_none(token.disabled_at),
    )


def show_new_c2c_token(token: C2cToken, text: str) -> NewC2cTokenAnswer:
    """Return the answer for a new Click-to-Call token, with its text."""
    return NewC2cTokenAnswer(**msgspec.structs.asdict(show_c2c_token(token)), token=text)


def show_new_device(device: RegisteredDevice) -> NewDeviceAnswer:
    """Return the answer for a device that was registered, now or before."""
    return NewDeviceAnswer(device.id, device.type, device.token, iso(device.registered_at), "")


def show_info(
    holder: SubscriberCaller, subscriber: Subscriber, addresses: Sequence[Address]
) -> InfoAnswer:
    """Return the answer for the subscriber of a SAT.

    The browser SDK binds its token to a key if `sat_claims` is present. So it is present only if
    the SAT has the scope `sat:refresh`.
    """
    claims, profile = holder.claims, subscriber.profile
    sat_claims = SatClaims(claims.scope, claims.exp, claims.cnf)
    return InfoAnswer(
        id=subscriber.id,
        email=subscriber.email,
        first_name=profile.first_name,
        last_name=profile.last_name,
        display_name=profile.display_name,
        job_title=profile.job_title,
        time_zone=profile.time_zone,
        country=profile.country,
        region=profile.region,
        company_name=profile.company_name,
        push_notification_key=None,
        fabric_addresses=[show_address(address) for address in addresses],
        sat_claims=sat_claims if SELF_REFRESH in claims.scope else msgspec.UNSET,
    )
