"""Operations for conference rooms."""

from typing import Any, Final
from uuid import UUID

from satmint.flows.resources import list_resources
from satmint.flows.rooms import NewRoom, create_room, delete_room, get_room, update_room
from satmint.http.answers import AddressAnswer, ListOf
from satmint.http.body_schema import BodySchema, Field, Members
from satmint.http.call import Call, Response
from satmint.http.fields import AnyObject, Flag, Integer, OneOf, Text, Time, room_name
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.http.resource_answers import ConferenceRoomAnswer, show_resource, show_room
from satmint.http.resources.owned_addresses import addresses_handler
from satmint.model.refusals import Code
from satmint.model.rooms import Layout, ResourceFilter, ResourceType, Room, RoomChange, VideoQuality

_PATH: Final = "/api/fabric/resources/conference_rooms"
_VENDOR_ADDRESSES: Final = "/api/fabric/resources/conference_room/{id}/addresses"
"""The vendor's path of the list of addresses, which its SDKs use: in the singular."""

_NAME_DOC: Final = "The name of the room, and the last part of its address `/public/<name>`."
_NEW_NAME: Final = room_name("name", _NAME_DOC, required=True)
_NAME: Final = room_name("name", _NAME_DOC)
_DISPLAY_NAME: Final = Text(
    name="display_name", doc="The name to display; `name` by default.", max_length=200
)
_SETTINGS: Final[tuple[Field[Any], ...]] = (
    Text(name="description", doc="A description.", max_length=3000),
    Time(name="join_from", doc="When members may begin to join."),
    Time(name="join_until", doc="When members may no longer join."),
    Integer(name="max_members", doc="The most members; 20 by default.", low=0, high=300),
    OneOf(name="quality", doc="The video quality; `720p` by default.", words=VideoQuality),
    Time(name="remove_at", doc="When all members are removed."),
    Integer(
        name="remove_after_seconds_elapsed",
        doc="The seconds after which a member is removed.",
        low=0,
        high=200_000,
    ),
    OneOf(name="layout", doc="The video layout; `grid-responsive` by default.", words=Layout),
    Flag(name="record_on_start", doc="Whether conferences are recorded from their start."),
    Flag(name="enable_room_previews", doc="Whether there are live previews of the room."),
    AnyObject(name="meta", doc="Data of the project, up to 2000 characters.", max_length=2000),
    Flag(name="sync_audio_video", doc="Whether audio and video are synchronised."),
    Flag(name="tone_on_entry_and_exit", doc="Whether a tone tells who joins or leaves."),
    Flag(name="room_join_video_off", doc="Whether members join without the room's video."),
    Flag(name="user_join_video_off", doc="Whether members join without their own video."),
)


def _given_settings(members: Members) -> dict[str, Any]:
    values = {field.name: members.get(field) for field in _SETTINGS}
    return {name: value for name, value in values.items() if value is not None}


CREATE: Final = BodySchema(
    "ConferenceRoomCreateRequest",
    (_NEW_NAME, _DISPLAY_NAME, *_SETTINGS),
    lambda members: NewRoom(
        members[_NEW_NAME], members.get(_DISPLAY_NAME), _given_settings(members)
    ),
)
UPDATE: Final = BodySchema(
    "ConferenceRoomUpdateRequest",
    (_NAME, _DISPLAY_NAME, *_SETTINGS),
    lambda members: RoomChange(
        members.get(_NAME), members.get(_DISPLAY_NAME), _given_settings(members)
    ),
)


async def _list(context: HandlerContext, call: Call) -> object:
    query, rooms = call.query(), ResourceFilter(ResourceType.ROOM)
    project, window = call.caller.project, read_window(query)
    page = await list_resources(context.services.store, project, rooms, window)
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_resource, by_creation)


async def _create(context: HandlerContext, call: Call, request: NewRoom) -> ConferenceRoomAnswer:
    return show_room(await create_room(context.services, call.caller.project, request))


async def _create_again(
    context: HandlerContext, call: Call, _request: NewRoom, room: UUID
) -> ConferenceRoomAnswer:
    return show_room(await get_room(context.services.store, call.caller.project, room))


async def _find(context: HandlerContext, call: Call) -> Room:
    return await get_room(context.services.store, call.caller.project, call.path_id("id"))


async def _get(context: HandlerContext, call: Call) -> ConferenceRoomAnswer:
    return show_room(await _find(context, call))


async def _update(context: HandlerContext, call: Call, change: RoomChange) -> ConferenceRoomAnswer:
    project, room = call.caller.project, call.path_id("id")
    return show_room(await update_room(context.services, project, room, change))


async def _delete(context: HandlerContext, call: Call) -> Response:
    await delete_room(context.services, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="list-conference-rooms",
        method="GET",
        path=_PATH,
        tag="Conference rooms",
        summary="List conference rooms",
        authentication=Authentication.API_TOKEN,
        handler=_list,
        answer=ListOf[ConferenceRoomAnswer],
        query=PAGING_QUERY,
    ),
    Operation(
        id="create-conference-room",
        method="POST",
        path=_PATH,
        tag="Conference rooms",
        summary="Create a conference room",
        description=(
            "A room is a name and an address that tokens may be good for. This server carries no"
            " conferences: the settings are kept and returned, and have no effect."
        ),
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(CREATE, _create),
        repeat=_create_again,
        answer=ConferenceRoomAnswer,
        refusals=frozenset({Code.NOT_UNIQUE_WITHIN_PROJECT}),
    ),
    Operation(
        id="get-conference-room",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Conference rooms",
        summary="Get a conference room",
        authentication=Authentication.API_TOKEN,
        handler=_get,
        answer=ConferenceRoomAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="update-conference-room",
        method="PUT",
        path=f"{_PATH}/{{id}}",
        tag="Conference rooms",
        summary="Update a conference room",
        description=(
            "Updates the members in the body and keeps the others. The room's address follows with"
            " each name that it shares with the room."
        ),
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(UPDATE, _update),
        answer=ConferenceRoomAnswer,
        refusals=frozenset({Code.NOT_FOUND, Code.NOT_UNIQUE_WITHIN_PROJECT}),
    ),
    Operation(
        id="delete-conference-room",
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        tag="Conference rooms",
        summary="Delete a conference room",
        description=(
            "Deletes its address too: guest and embed tokens that were good for it alone end"
            " immediately."
        ),
        authentication=Authentication.API_TOKEN,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    *(
        Operation(
            id=identifier,
            method="GET",
            path=path,
            tag="Conference rooms",
            summary=summary,
            authentication=Authentication.API_TOKEN,
            handler=addresses_handler(_PATH, _find),
            answer=ListOf[AddressAnswer],
            query=PAGING_QUERY,
            refusals=frozenset({Code.NOT_FOUND}),
        )
        for identifier, path, summary in (
            (
                "list-conference-room-addresses",
                f"{_PATH}/{{id}}/addresses",
                "List a conference room's addresses",
            ),
            (
                "list-conference-room-addresses-alias",
                _VENDOR_ADDRESSES,
                "List a conference room's addresses, at the vendor's path",
            ),
        )
    ),
)
