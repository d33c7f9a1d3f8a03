"""Resources: what addresses belong to. This server has subscribers and conference rooms.

A room is a name and an address that tokens may be good for; it carries no conference. Its settings
are kept and returned for clients of the vendor's API and have no effect here.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from satmint.model.records import Subscriber


class ResourceType(StrEnum):
    """The kinds of resources of the vendor's API. Here, only two of them can exist."""

    AI_AGENT = "ai_agent"
    CALL_FLOW = "call_flow"
    CXML_APPLICATION = "cxml_application"
    CXML_SCRIPT = "cxml_script"
    CXML_WEBHOOK = "cxml_webhook"
    DIALOGFLOW_AGENT = "dialogflow_agent"
    FREESWITCH_CONNECTOR = "freeswitch_connector"
    RELAY_APPLICATION = "relay_application"
    SIP_ENDPOINT = "sip_endpoint"
    SIP_GATEWAY = "sip_gateway"
    SUBSCRIBER = "subscriber"
    SWML_SCRIPT = "swml_script"
    SWML_WEBHOOK = "swml_webhook"
    ROOM = "video_room"


class VideoQuality(StrEnum):
    """The resolution of a conference."""

    FULL_HD = "1080p"
    HD = "720p"


class Layout(StrEnum):
    """The arrangement of the videos of a conference."""

    GRID_RESPONSIVE = "grid-responsive"
    GRID_RESPONSIVE_MOBILE = "grid-responsive-mobile"
    HIGHLIGHT_1_RESPONSIVE = "highlight-1-responsive"
    GRID_1X1 = "1x1"
    GRID_2X1 = "2x1"
    GRID_2X2 = "2x2"
    FIVE_UP = "5up"
    GRID_3X3 = "3x3"
    GRID_4X4 = "4x4"
    GRID_5X5 = "5x5"
    GRID_6X6 = "6x6"
    GRID_8X8 = "8x8"
    GRID_10X10 = "10x10"


class RoomSettings(msgspec.Struct, frozen=True):
    """The settings of a room's conferences. Stored as one JSON object, by these names."""

    description: str = ""
    max_members: int = 20
    quality: VideoQuality = VideoQuality.HD
    join_from: int | None = None
    """Unix seconds, as are `join_until` and `remove_at`."""
    join_until: int | None = None
    remove_at: int | None = None
    remove_after_seconds_elapsed: int | None = None
    layout: Layout = Layout.GRID_RESPONSIVE
    record_on_start: bool = False
    tone_on_entry_and_exit: bool = False
    room_join_video_off: bool = False
    user_join_video_off: bool = False
    enable_room_previews: bool = False
    sync_audio_video: bool | None = None
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class Room(msgspec.Struct, frozen=True):
    """A conference room. It owns the address `/public/<name>`."""

    id: UUID
    project: UUID
    address: UUID
    name: str
    """Unique within the project."""
    display_name: str
    settings: RoomSettings
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class RoomChange:
    """The properties of a room to change; those that are not named stay unchanged."""

    name: str | None = None
    display_name: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """By the names of `RoomSettings`."""


Resource = Subscriber | Room


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """The requested resources; None matches any value."""

    type: ResourceType | None = None
    display_name: str | None = None


ROOM_CONTEXT: Final = "public"
"""The first part of `/context/name` of a room's address."""
