"""The types of responses. At run time they are plain dicts, and members are not checked."""

from __future__ import annotations

from typing import Generic, Literal, NotRequired, TypedDict, TypeVar

from satmint_sdk.rest._management_types import (
    ActiveSessions,
    ApiTokenUse,
    ClickToCallToken,
    Confirmation,
    Count,
    Delivery,
    DeliveryState,
    Device,
    Devices,
    Event,
    EventCount,
    GatewayConnection,
    Introspection,
    Introspections,
    Kind,
    NewClickToCallToken,
    NewWebhook,
    Presence,
    RegisteredDevice,
    RevokedSessions,
    Session,
    SessionEnd,
    Stats,
    Webhook,
    WebhookTest,
)

__all__ = [
    "ActiveSessions",
    "Address",
    "AnyResource",
    "ApiTokenUse",
    "AppSettings",
    "BoundToken",
    "Channel",
    "Channels",
    "ClickToCallToken",
    "ConferenceRoom",
    "Confirmation",
    "Count",
    "Delivery",
    "DeliveryState",
    "Device",
    "Devices",
    "ErrorEntry",
    "Event",
    "EventCount",
    "GatewayConnection",
    "Introspection",
    "Introspections",
    "Item",
    "Kind",
    "Links",
    "NewClickToCallToken",
    "NewWebhook",
    "Nothing",
    "Page",
    "Permission",
    "Presence",
    "ProjectToken",
    "RegisteredDevice",
    "RevokedSessions",
    "RoomLayout",
    "RoomSettings",
    "SatClaims",
    "Session",
    "SessionEnd",
    "SingleToken",
    "Stats",
    "Subscriber",
    "SubscriberInfo",
    "SubscriberProfile",
    "SubscriberToken",
    "TokenPair",
    "VideoQuality",
    "Webhook",
    "WebhookTest",
]

Item = TypeVar("Item")
"""The type of the objects in a list."""

Permission = Literal[
    "calling",
    "chat",
    "datasphere",
    "fax",
    "introspect",
    "management",
    "messaging",
    "numbers",
    "pubsub",
    "storage",
    "tasking",
    "video",
]
"""The permissions of an API token; `calling` is called Voice in the dashboard."""


class ErrorEntry(TypedDict):
    """One error of a request: an entry of a 422 response."""

    type: str
    code: str
    message: str
    attribute: str | None
    url: str


class SubscriberToken(TypedDict):
    """A subscriber with the first pair of a new session."""

    subscriber_id: str
    token: str
    refresh_token: str


class TokenPair(TypedDict):
    """An access token (2 hours after a refresh) and a refresh token (5 minutes longer)."""

    token: str
    refresh_token: str


class SingleToken(TypedDict):
    """An access token that cannot be refreshed."""

    token: str


class BoundToken(TypedDict):
    """A Client Bound SAT and its remaining life in seconds."""

    token: str
    expires_in: int


class SatClaims(TypedDict):
    """A token's claims; `expires_at` in seconds since the epoch."""

    scope: list[str]
    cnf: NotRequired[Confirmation]
    expires_at: int


class AppSettings(TypedDict):
    """The application that a token was issued for."""

    display_name: str
    scopes: list[str]


class Channels(TypedDict, total=False):
    """How an address is reached, per kind of call."""

    audio: str
    messaging: str
    video: str


Channel = Literal["audio", "messaging", "video"]
"""How an address is reached."""


class Address(TypedDict):
    """A reachable resource."""

    id: str
    name: str
    display_name: str
    cover_url: str | None
    preview_url: str | None
    locked: bool
    channels: Channels
    created_at: str
    type: Literal["app", "room", "call", "subscriber"]


class SubscriberInfo(TypedDict):
    """A token holder's view of itself."""

    id: str
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
    app_settings: NotRequired[AppSettings]
    fabric_addresses: list[Address]
    sat_claims: SatClaims


class SubscriberProfile(TypedDict):
    """A subscriber's personal data; what is unset is empty.

    Note `timezone` here and `time_zone` in token requests.
    """

    id: str
    email: str
    first_name: str
    last_name: str
    display_name: str
    job_title: str
    timezone: str
    country: str
    company_name: str


class Subscriber(TypedDict):
    """A subscriber as a resource of the project; times are ISO 8601, UTC."""

    id: str
    project_id: str
    display_name: str
    type: Literal["subscriber"]
    created_at: str
    updated_at: str
    subscriber: SubscriberProfile


VideoQuality = Literal["1080p", "720p"]
"""The highest resolution of a room's video."""

RoomLayout = Literal[
    "grid-responsive",
    "grid-responsive-mobile",
    "highlight-1-responsive",
    "1x1",
    "2x1",
    "2x2",
    "5up",
    "3x3",
    "4x4",
    "5x5",
    "6x6",
    "8x8",
    "10x10",
]
"""The arrangement of the videos of a conference."""


class RoomSettings(TypedDict):
    """The settings of a conference room; a satmint server carries no conference."""

    id: str
    name: str
    description: str
    display_name: str
    max_members: int
    quality: VideoQuality
    fps: Literal[20, 30]
    join_from: str | None
    join_until: str | None
    remove_at: str | None
    remove_after_seconds_elapsed: int | None
    layout: RoomLayout
    record_on_start: bool
    tone_on_entry_and_exit: bool
    room_join_video_off: bool
    user_join_video_off: bool
    enable_room_previews: bool
    sync_audio_video: bool | None
    meta: dict[str, object]
    prioritize_handraise: bool


class ConferenceRoom(TypedDict):
    """A conference room: a name, and an address that tokens may be good for."""

    id: str
    project_id: str
    display_name: str
    type: Literal["video_room"]
    created_at: str
    updated_at: str
    conference_room: RoomSettings


AnyResource = Subscriber | ConferenceRoom
"""A resource; `type` says of which kind."""


class Links(TypedDict):
    """Links to the neighbouring pages."""

    self: str
    first: str
    next: NotRequired[str]
    prev: NotRequired[str]


class Page(TypedDict, Generic[Item]):
    """One page of a list."""

    data: list[Item]
    links: Links


class ProjectToken(TypedDict):
    """An API token. Its text is shown once, at its creation; otherwise it is masked."""

    id: str
    name: str
    permissions: list[Permission]
    token: str


class Nothing(TypedDict):
    """The answer to a deletion: an empty dict."""
