"""Response bodies of resources and conference rooms."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from satmint.http.answers import Instant, SubscriberAnswer, SubscriberDetail, show_subscriber
from satmint.model.rooms import Layout, Resource, Room, VideoQuality
from satmint.model.times import iso, iso_or_none

AnyMembers = Annotated[
    dict[str, Any], msgspec.Meta(extra_json_schema={"additionalProperties": True})
]

_FPS: Final = 20


class ConferenceRoomDetail(msgspec.Struct, frozen=True):
    """The settings of a conference room, which have no effect on this server."""

    id: UUID
    name: str
    description: str
    display_name: str
    max_members: int
    quality: VideoQuality
    fps: Literal[20, 30]
    join_from: Instant | None
    join_until: Instant | None
    remove_at: Instant | None
    remove_after_seconds_elapsed: int | None
    layout: Layout
    record_on_start: bool
    tone_on_entry_and_exit: bool
    room_join_video_off: bool
    user_join_video_off: bool
    enable_room_previews: bool
    sync_audio_video: bool | None
    meta: AnyMembers
    prioritize_handraise: bool


class ConferenceRoomAnswer(msgspec.Struct, frozen=True):
    """A conference room."""

    id: UUID
    project_id: UUID
    display_name: str
    type: Literal["video_room"]
    created_at: Instant
    updated_at: Instant
    conference_room: ConferenceRoomDetail


class ResourceAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A resource, with the member of its type: `subscriber` or `conference_room`."""

    id: UUID
    project_id: UUID
    display_name: str
    type: Literal["subscriber", "video_room"]
    created_at: Instant
    updated_at: Instant
    subscriber: SubscriberDetail | None = None
    conference_room: ConferenceRoomDetail | None = None


class SipEndpointAnswer(msgspec.Struct, frozen=True):
    """A SIP endpoint. This server has none."""

    id: UUID


def show_room(room: Room) -> ConferenceRoomAnswer:
    """Return the answer for a conference room."""
    settings = room.settings
    return ConferenceRoomAnswer(
        id=room.id,
        project_id=room.project,
        display_name=room.display_name,
        type="video_room",
        created_at=iso(room.created_at),
        updated_at=iso(room.updated_at),
        conference_room=ConferenceRoomDetail(
            id=room.id,
            name=room.name,
            description=settings.description,
            display_name=room.display_name,
            max_members=settings.max_members,
            quality=settings.quality,
            fps=_FPS,
            join_from=iso_or_none(settings.join_from),
            join_until=iso_or_none(settings.join_until),
            remove_at=iso_or_none(settings.remove_at),
            remove_after_seconds_elapsed=settings.remove_after_seconds_elapsed,
            layout=settings.layout,
            record_on_start=settings.record_on_start,
            tone_on_entry_and_exit=settings.tone_on_entry_and_exit,
            room_join_video_off=settings.room_join_video_off,
            user_join_video_off=settings.user_join_video_off,
            enable_room_previews=settings.enable_room_previews,
            sync_audio_video=settings.sync_audio_video,
            meta=settings.meta,
            prioritize_handraise=False,
        ),
    )


def show_resource(resource: Resource) -> SubscriberAnswer | ConferenceRoomAnswer:
    """Return the answer for a resource: that of its kind, a form of `ResourceAnswer`."""
    return show_room(resource) if isinstance(resource, Room) else show_subscriber(resource)
