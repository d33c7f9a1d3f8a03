"""Addresses and Click-to-Call tokens, for those who manage a project."""

from typing import Any, Final

from satmint.flows.addresses import NewAddress, create_address, delete_address, update_address
from satmint.flows.credentials import (
    c2c_address_faults,
    create_c2c_token,
    delete_c2c_token,
    disable_c2c_token,
    list_c2c_tokens,
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
from satmint.http.fields import Flag, Id, OneOf, Origins, SomeOf, Text, slug, web_url
from satmint.http.messages import Call, Response
from satmint.http.operations import NO_CONTENT, Admits, Desk, Operation
from satmint.http.paging import PAGING_QUERY, page_of, read_window
from satmint.http.shapes import Field, Shape
from satmint.model.records import AddressType, Channel
from satmint.model.refusals import Code, Fault

_ADDRESSES: Final = "/api/satmint/addresses"
_C2C: Final = "/api/satmint/c2c-tokens"

_OPTIONAL: Final[dict[str, Field[Any]]] = {
    "context": slug("The first part of `/context/name`; `public` by default."),
    "display_name": Text(doc="What people see; the name by default."),
    "channels": SomeOf(doc="The media it can be reached on; all by default.", words=Channel),
    "cover_url": web_url("A picture."),
    "preview_url": web_url("A preview."),
}
CREATE: Final = Shape(
    "AddressCreateRequest",
    {
        "name": slug("The last part of `/context/name`.", required=True),
        "type": OneOf(doc="What answers there.", required=True, words=AddressType),
        **_OPTIONAL,
    },
)
UPDATE: Final = Shape(
    "AddressUpdateRequest",
    {
        "name": slug("The last part of `/context/name`."),
        "type": OneOf(doc="What answers there.", words=AddressType),
        "locked": Flag(doc="Whether it is locked."),
        **_OPTIONAL,
    },
)
CREATE_C2C: Final = Shape(
    "C2cTokenCreateRequest",
    {
        "address_id": Id(doc="The address that visitors may reach.", required=True),
        "name": Text(doc="What the token is called.", may_be_empty=False),
        "origins": Origins(doc="The web origins it may be used from; any by default."),
    },
)


async def _create(desk: Desk, call: Call) -> AddressAnswer:
    wanted = NewAddress(**call.form)
    return show_address(await create_address(desk.mint, call.caller.project, wanted))


async def _update(desk: Desk, call: Call) -> AddressAnswer:
    address = call.path_id("id")
    return show_address(await update_address(desk.mint, call.caller.project, address, call.form))


async def _delete(desk: Desk, call: Call) -> Response:
    await delete_address(desk.mint, call.caller.project, call.path_id("id"))
    return NO_CONTENT


async def _create_c2c(desk: Desk, call: Call) -> NewC2cTokenAnswer:
    form = call.form
    token, secret = await create_c2c_token(
        desk.mint,
        call.caller.project,
        form["address_id"],
        form.get("name", ""),
        form.get("origins", ()),
        call.origin,
    )
    return show_new_c2c_token(token, secret.reveal())


async def _c2c_faults(desk: Desk, call: Call) -> list[Fault]:
    address = call.form.get("address_id")
    if address is None:
        return []
    return await c2c_address_faults(desk.mint, call.caller.project, address)


async def _list_c2c(desk: Desk, call: Call) -> object:
    query = call.query()
    page = await list_c2c_tokens(desk.mint, call.caller.project, read_window(query))
    url = f"{desk.public_url}{_C2C}"
    return page_of(page, query, url, show_c2c_token, lambda found: (found.created_at, found.id))


async def _disable_c2c(desk: Desk, call: Call) -> C2cTokenAnswer:
    token = call.path_id("id")
    return show_c2c_token(
        await disable_c2c_token(desk.mint, call.caller.project, token, call.origin)
    )


async def _delete_c2c(desk: Desk, call: Call) -> Response:
    await delete_c2c_token(desk.mint, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="create-address",
        method="POST",
        path=_ADDRESSES,
        tag="Management",
        summary="Create an address",
        admits=Admits.MANAGER,
        shape=CREATE,
        handler=_create,
        status=201,
        answer=AddressAnswer,
        refusals=frozenset({Code.NOT_UNIQUE_WITHIN_PROJECT, Code.NOT_AN_ARRAY_OF_STRINGS}),
    ),
    Operation(
        id="update-address",
        method="PATCH",
        path=f"{_ADDRESSES}/{{id}}",
        tag="Management",
        summary="Change, lock or unlock an address",
        admits=Admits.MANAGER,
        shape=UPDATE,
        handler=_update,
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
        admits=Admits.MANAGER,
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
        admits=Admits.MANAGER,
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
        description="Its text is shown in this answer and never again.",
        admits=Admits.MANAGER,
        shape=CREATE_C2C,
        more_faults=_c2c_faults,
        handler=_create_c2c,
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
        summary="Disable a Click-to-Call token for good",
        admits=Admits.MANAGER,
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
        admits=Admits.MANAGER,
        handler=_delete_c2c,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
