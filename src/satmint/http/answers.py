"""What answers look like: exactly the members of the vendor's schemas, and ours beside them."""

from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from satmint.flows.callers import Holder
from satmint.model.claims import SELF_REFRESH, Confirmation
from satmint.model.permissions import Permission
from satmint.model.records import (
    Address,
    AddressType,
    ApiToken,
    C2cToken,
    Subscriber,
)
from satmint.model.times import iso, iso_or_none

T = TypeVar("T")

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""ISO 8601 in UTC, with `Z`."""
Url = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]


class Links(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a list goes on; absolute URLs."""

    self: Url
    first: Url
    next: Url | None = None
    prev: Url | None = None


class ListOf(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list."""

    data: list[T]
    links: Links


class TokenAnswer(msgspec.Struct, frozen=True):
    """A SAT by itself."""

    token: str

    def __repr__(self) -> str:
        return "TokenAnswer(hidden)"


class SubscriberDetail(msgspec.Struct, frozen=True):
    """The inner half of a subscriber. Note `timezone` here, `time_zone` in token requests."""

    id: UUID
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    job_title: str | None
    timezone: str | None
    country: str | None
    region: str | None
    company_name: str | None


class SubscriberAnswer(msgspec.Struct, frozen=True):
    """A subscriber as a resource."""

    id: UUID
    project_id: UUID
    display_name: str
    type: Literal["subscriber"]
    created_at: Instant
    updated_at: Instant
    subscriber: SubscriberDetail


class AddressAnswer(msgspec.Struct, frozen=True):
    """An address."""

    id: UUID
    name: str
    display_name: str
    cover_url: str | None
    preview_url: str | None
    locked: bool
    channels: dict[str, str]
    created_at: Instant
    type: AddressType


class ApiTokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API token; its text only in the answer that makes it."""

    id: UUID
    name: str
    permissions: list[Permission]
    token: str | None = None

    def __repr__(self) -> str:
        return f"ApiTokenAnswer({self.id}, hidden)"


class C2cTokenAnswer(msgspec.Struct, frozen=True):
    """A Click-to-Call token."""

    id: UUID
    address_id: UUID
    name: str
    origins: tuple[str, ...]
    created_at: Instant
    disabled_at: Instant | None


class NewC2cTokenAnswer(msgspec.Struct, frozen=True):
    """A Click-to-Call token just made, with the text that is shown once."""

    id: UUID
    address_id: UUID
    name: str
    origins: tuple[str, ...]
    created_at: Instant
    disabled_at: Instant | None
    token: str

    def __repr__(self) -> str:
        return f"NewC2cTokenAnswer({self.id}, hidden)"


class SatClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the browser SDK has to know of its own token, which it cannot read."""

    scope: tuple[str, ...]
    expires_at: int
    """Unix seconds."""
    cnf: Confirmation | None = None


class InfoAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
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


def show_subscriber(found: Subscriber) -> SubscriberAnswer:
    """A subscriber as a resource."""
    profile = found.profile
    return SubscriberAnswer(
        id=found.id,
        project_id=found.project,
        display_name=profile.display_name or found.reference or "",
        type="subscriber",
        created_at=iso(found.created_at),
        updated_at=iso(found.updated_at),
        subscriber=SubscriberDetail(
            id=found.id,
            email=found.email,
            first_name=profile.first_name,
            last_name=profile.last_name,
            display_name=profile.display_name,
            job_title=profile.job_title,
            timezone=profile.time_zone,
            country=profile.country,
            region=profile.region,
            company_name=profile.company_name,
        ),
    )


def show_address(found: Address) -> AddressAnswer:
    """An address; each channel's value is what a client dials."""
    place = f"/{found.context}/{found.name}"
    return AddressAnswer(
        id=found.id,
        name=found.name,
        display_name=found.display_name,
        cover_url=found.cover_url,
        preview_url=found.preview_url,
        locked=found.locked,
        channels={channel: f"{place}?channel={channel}" for channel in sorted(found.channels)},
        created_at=iso(found.created_at),
        type=found.type,
    )


def show_api_token(found: ApiToken, text: str | None = None) -> ApiTokenAnswer:
    """An API token."""
    return ApiTokenAnswer(found.id, found.name, sorted(found.permissions), text)


def show_c2c_token(found: C2cToken) -> C2cTokenAnswer:
    """A Click-to-Call token."""
    return C2cTokenAnswer(
        found.id,
        found.address,
        found.name,
        found.origins,
        iso(found.created_at),
        iso_or_none(found.disabled_at),
    )


def show_new_c2c_token(found: C2cToken, text: str) -> NewC2cTokenAnswer:
    """A Click-to-Call token just made."""
    return NewC2cTokenAnswer(**msgspec.structs.asdict(show_c2c_token(found)), token=text)


def show_info(holder: Holder, found: Subscriber, addresses: Sequence[Address]) -> InfoAnswer:
    """Who the holder is.

    `sat_claims` is what makes the browser SDK bind its token, so it is there only where the token
    may refresh itself.
    """
    claims, profile = holder.claims, found.profile
    sat_claims = SatClaims(claims.scope, claims.exp, claims.cnf)
    return InfoAnswer(
        id=found.id,
        email=found.email,
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
