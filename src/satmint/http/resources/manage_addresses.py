"""Management operations for addresses and Click-to-Call tokens."""

from typing import Final
from uuid import UUID

from satmint.flows.addresses import (
    AddressChange,
    NewAddress,
    create_address,
    delete_address,
    get_address,
    update_address,
)
from satmint.flows.credentials import (
    NewC2cToken,
    c2c_address_errors,
    create_c2c_token,
    delete_c2c_token,
    disable_c2c_token,
    list_c2c_tokens,
    repeat_c2c_token,
)
from satmint.http.answers import (
    AddressAnswer,
    C2cTokenAnswer,
    ListOf,
    NewC2cTokenAnswer,
    show_address,
    show_c2c_token,
    show_new_c2c_token,
)
from satmint.http.body_schema import BodySchema, Members
from satmint.http.call import Call, Response
from satmint.http.fields import Flag, Id, OneOf, Origins, SetOf, Text, slug, web_url
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.model.records import AddressType, Channel
from satmint.model.refusals import Code, FieldError

_ADDRESSES: Final = "/api/satmint/addresses"
_C2C: Final = "/api/satmint/c2c-tokens"

_CONTEXT: Final = slug("context", "The first part of `/context/name`; `public` by default.")
_DISPLAY_NAME: Final = Text(name="display_name", doc="The name to display; `name` by default.")
_CHANNELS: Final = SetOf(
    name="channels", doc="The channels of the address; all by default.", words=Channel
)
_COVER_URL: Final = web_url("cover_url", "The URL of a cover image.")
_PREVIEW_URL: Final = web_url("preview_url", "The URL of a preview image.")
_OPTIONAL: Final = (_CONTEXT, _DISPLAY_NAME, _CHANNELS, _COVER_URL, _PREVIEW_URL)

_NEW_NAME: Final = slug("name", "The last part of `/context/name`.", required=True)
_NEW_TYPE: Final = OneOf(
    name="type", doc="The type of the address.", required=True, words=AddressType
)


def _new_address(members: Members) -> NewAddress:
    channels = members.get(_CHANNELS)
    return NewAddress(
        name=members[_NEW_NAME],
        type=members[_NEW_TYPE],
        context=members.get(_CONTEXT) or "public",
        display_name=members.get(_DISPLAY_NAME),
        channels=frozenset(Channel) if channels is None else channels,
        cover_url=members.get(_COVER_URL),
        preview_url=members.get(_PREVIEW_URL),
    )


CREATE: Final = BodySchema("AddressCreateRequest", (_NEW_NAME, _NEW_TYPE, *_OPTIONAL), _new_address)

_NAME: Final = slug("name", "The last part of `/context/name`.")
_TYPE: Final = OneOf(name="type", doc="The type of the address.", words=AddressType)
_LOCKED: Final = Flag(name="locked", doc="Whether the address is locked.")
UPDATE: Final = BodySchema(
    "AddressUpdateRequest",
    (_NAME, _TYPE, _LOCKED, *_OPTIONAL),
    lambda members: AddressChange(
        name=members.get(_NAME),
        type=members.get(_TYPE),
        locked=members.get(_LOCKED),
        context=members.get(_CONTEXT),
        display_name=members.get(_DISPLAY_NAME),
        channels=members.get(_CHANNELS),
        cover_url=members.get(_COVER_URL),
        preview_url=members.get(_PREVIEW_URL),
    ),
)

_ADDRESS_ID: Final = Id(
    name="address_id", doc="The address that visitors may reach.", required=True
)
_TOKEN_NAME: Final = Text(name="name", doc="The name of the token.", allow_empty=False)
_ORIGINS: Final = Origins(
    name="origins", doc="The web origins that may use the token; any by default."
)
CREATE_C2C: Final = BodySchema(
    "C2cTokenCreateRequest",
    (_ADDRESS_ID, _TOKEN_NAME, _ORIGINS),
    lambda members: NewC2cToken(
        members[_ADDRESS_ID], members.get(_TOKEN_NAME) or "", members.get(_ORIGINS) or ()
    ),
)


async def _create(context: HandlerContext, call: Call, request: NewAddress) -> AddressAnswer:
    return show_address(await create_address(context.services, call.caller.project, request))


async def _create_again(
    context: HandlerContext, call: Call, _request: NewAddress, address: UUID
) -> AddressAnswer:
    project = call.caller.project
    return show_address(await get_address(context.services.store, project, address))


async def _update(context: HandlerContext, call: Call, change: AddressChange) -> AddressAnswer:
    project, address = call.caller.project, call.path_id("id")
    return show_address(await update_address(context.services.store, project, address, change))


async def _delete(context: HandlerContext, call: Call) -> Response:
    project, address = call.caller.project, call.path_id("id")
    await delete_address(context.services, project, address, call.origin)
    return NO_CONTENT


async def _create_c2c(
    context: HandlerContext, call: Call, request: NewC2cToken
) -> NewC2cTokenAnswer:
    project = call.caller.project
    token, secret = await create_c2c_token(context.services, project, request, call.origin)
    return show_new_c2c_token(token, secret.reveal())


async def _create_c2c_again(
    context: HandlerContext, _call: Call, _request: NewC2cToken, _token: UUID
) -> NewC2cTokenAnswer:
    token, secret = await repeat_c2c_token(context.services)
    return show_new_c2c_token(token, secret.reveal())


async def _c2c_errors(context: HandlerContext, call: Call, members: Members) -> list[FieldError]:
    address = members.get(_ADDRESS_ID)
    if address is None:
        return []
    return await c2c_address_errors(context.services.store, call.caller.project, address)


async def _list_c2c(context: HandlerContext, call: Call) -> object:
    query = call.query()
    page = await list_c2c_tokens(context.services.store, call.caller.project, read_window(query))
    url = f"{context.public_url}{_C2C}"
    return page_of(page, query, url, show_c2c_token, by_creation)


async def _disable_c2c(context: HandlerContext, call: Call) -> C2cTokenAnswer:
    token = call.path_id("id")
    return show_c2c_token(
        await disable_c2c_token(context.services, call.caller.project, token, call.origin)
    )


async def _delete_c2c(context: HandlerContext, call: Call) -> Response:
    await delete_c2c_token(context.services, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="create-address",
        method="POST",
        path=_ADDRESSES,
        tag="Management",
        summary="Create an address",
        description=(
            "The address stands alone: whatever its `type`, it belongs to no subscriber and no"
            " conference room, so it is not listed under `/api/fabric/resources`."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(CREATE, _create),
        repeat=_create_again,
        status=201,
        answer=AddressAnswer,
        refusals=frozenset({Code.NOT_UNIQUE_WITHIN_PROJECT, Code.NOT_AN_ARRAY_OF_STRINGS}),
    ),
    Operation(
        id="update-address",
        method="PATCH",
        path=f"{_ADDRESSES}/{{id}}",
        tag="Management",
        summary="Update, lock or unlock an address",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(UPDATE, _update),
        answer=AddressAnswer,
        refusals=frozenset(
            {Code.NOT_FOUND, Code.NOT_UNIQUE_WITHIN_PROJECT, Code.NOT_AN_ARRAY_OF_STRINGS}
        ),
    ),
    Operation(
        id="delete-address",
        method="DELETE",
        path=f"{_ADDRESSES}/{{id}}",
        tag="Management",
        summary="Delete an address",
        description=(
            "Guest, invite and embed tokens that were good for it alone end immediately. The"
            " subscriber or conference room that it belonged to stays, without it."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="list-c2c-tokens",
        method="GET",
        path=_C2C,
        tag="Management",
        summary="List Click-to-Call tokens",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list_c2c,
        answer=ListOf[C2cTokenAnswer],
        query=PAGING_QUERY,
    ),
    Operation(
        id="create-c2c-token",
        method="POST",
        path=_C2C,
        tag="Management",
        summary="Create a Click-to-Call token",
        description="Only this response contains the text of the token.",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(CREATE_C2C, _create_c2c, _c2c_errors),
        repeat=_create_c2c_again,
        status=201,
        answer=NewC2cTokenAnswer,
        refusals=frozenset({Code.MUST_BELONG_TO_PROJECT, Code.NOT_AN_ARRAY_OF_STRINGS}),
        secret=True,
    ),
    Operation(
        id="disable-c2c-token",
        method="POST",
        path=f"{_C2C}/{{id}}/disable",
        tag="Management",
        summary="Disable a Click-to-Call token permanently",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_disable_c2c,
        answer=C2cTokenAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="delete-c2c-token",
        method="DELETE",
        path=f"{_C2C}/{{id}}",
        tag="Management",
        summary="Delete a Click-to-Call token",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_delete_c2c,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
