"""The methods below `client.fabric.conference_rooms`.

Every method takes `extras`, further members of the body (of the query, if there is no body), and
`request_options`. Every method raises the errors of `satmint_sdk.rest.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, pages
from satmint_sdk.rest.types import (
    Address,
    ConferenceRoom,
    Nothing,
    Page,
    RoomLayout,
    VideoQuality,
)

_FOLDER: Final = ("api", "fabric", "resources", "conference_rooms")
_ONE: Final = ("api", "fabric", "resources", "conference_room")
"""The vendor's path of the addresses of a room: in the singular."""


class FabricConferenceRooms(Resource[D]):
    """The conference rooms of the project."""

    @api_method
    def list(
        self,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[ConferenceRoom]]:
        """Read one page of the conference rooms.

        Args:
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_FOLDER),
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )

    @pages(list)
    def paginate(self) -> None:
        """Go through all items, page after page. Arguments as in `list`."""

    @api_method
    def create(
        self,
        *,
        name: str,
        enable_room_previews: bool | None = None,
        display_name: str | None = None,
        description: str | None = None,
        join_from: str | None = None,
        join_until: str | None = None,
        max_members: int | None = None,
        quality: VideoQuality | None = None,
        remove_at: str | None = None,
        remove_after_seconds_elapsed: int | None = None,
        layout: RoomLayout | None = None,
        record_on_start: bool | None = None,
        meta: Mapping[str, object] | None = None,
        sync_audio_video: bool | None = None,
        tone_on_entry_and_exit: bool | None = None,
        room_join_video_off: bool | None = None,
        user_join_video_off: bool | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[ConferenceRoom]:
        """Create a conference room and its address `/public/<name>`.

        A satmint server carries no conference: it keeps and returns the members from
        `enable_room_previews` to `user_join_video_off` but `display_name`, and does nothing with
        them.

        Args:
            name: Up to 100 characters of `A-Z a-z 0-9 _ -`; unique within the project.
            enable_room_previews: Whether there are live previews of the room.
            display_name: The name to display; `name` if absent.
            description: Up to 3000 characters.
            join_from: When members may begin to join: RFC 3339, as `join_until` and `remove_at`.
            join_until: When members may no longer join.
            max_members: The most members.
            quality: The video quality.
            remove_at: When all members are removed.
            remove_after_seconds_elapsed: The seconds after which a member is removed.
            layout: The video layout.
            record_on_start: Whether conferences are recorded from their start.
            meta: Data of the project, up to 2000 characters as JSON.
            sync_audio_video: Whether audio and video are synchronised.
            tone_on_entry_and_exit: Whether a tone tells who joins or leaves.
            room_join_video_off: Whether members join without the room's video.
            user_join_video_off: Whether members join without their own video.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "name": name,
            "display_name": display_name,
            "description": description,
            "join_from": join_from,
            "join_until": join_until,
            "max_members": max_members,
            "quality": quality,
            "remove_at": remove_at,
            "remove_after_seconds_elapsed": remove_after_seconds_elapsed,
            "layout": layout,
            "record_on_start": record_on_start,
            "enable_room_previews": enable_room_previews,
            "meta": meta,
            "sync_audio_video": sync_audio_video,
            "tone_on_entry_and_exit": tone_on_entry_and_exit,
            "room_join_video_off": room_join_video_off,
            "user_join_video_off": user_join_video_off,
        }
        return Call("POST", path_of(*_FOLDER), body=members(named, extras), options=request_options)

    @api_method
    def get(
        self,
        resource_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[ConferenceRoom]:
        """Read one conference room."""
        return Call(
            "GET",
            path_of(*_FOLDER, resource_id),
            query=members({}, extras),
            options=request_options,
        )

    @api_method
    def update(
        self,
        resource_id: str,
        *,
        name: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        join_from: str | None = None,
        join_until: str | None = None,
        max_members: int | None = None,
        quality: VideoQuality | None = None,
        remove_at: str | None = None,
        remove_after_seconds_elapsed: int | None = None,
        layout: RoomLayout | None = None,
        record_on_start: bool | None = None,
        enable_room_previews: bool | None = None,
        meta: Mapping[str, object] | None = None,
        sync_audio_video: bool | None = None,
        tone_on_entry_and_exit: bool | None = None,
        room_join_video_off: bool | None = None,
        user_join_video_off: bool | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[ConferenceRoom]:
        """Update the given members. Members as in `create`."""
        named = {
            "name": name,
            "display_name": display_name,
            "description": description,
            "join_from": join_from,
            "join_until": join_until,
            "max_members": max_members,
            "quality": quality,
            "remove_at": remove_at,
            "remove_after_seconds_elapsed": remove_after_seconds_elapsed,
            "layout": layout,
            "record_on_start": record_on_start,
            "enable_room_previews": enable_room_previews,
            "meta": meta,
            "sync_audio_video": sync_audio_video,
            "tone_on_entry_and_exit": tone_on_entry_and_exit,
            "room_join_video_off": room_join_video_off,
            "user_join_video_off": user_join_video_off,
        }
        return Call(
            "PUT",
            path_of(*_FOLDER, resource_id),
            body=members(named, extras),
            options=request_options,
        )

    @api_method
    def delete(
        self,
        resource_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete a conference room and its address; tokens that were good for it alone end."""
        return delete_call(path_of(*_FOLDER, resource_id), extras, request_options)

    @api_method
    def list_addresses(
        self,
        id: str,  # noqa: A002 - the vendor's name
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Address]]:
        """Read one page of the addresses of a conference room. Arguments as in `list`."""
        return list_call(
            path_of(*_ONE, id, "addresses"),
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )
