"""Addresses, for holders and backends to read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from satmint.flows.addresses import address_of, list_addresses
from satmint.flows.visible import visible_to
from satmint.http.answers import AddressAnswer, ListOf, show_address
from satmint.http.messages import Call
from satmint.http.operations import Admits, Desk, Operation
from satmint.http.paging import PAGING_QUERY, SORTING_QUERY, page_of, read_window
from satmint.model.listing import SortBy, Window
from satmint.model.records import Address, AddressType
from satmint.model.refusals import Code, Fault, NotFound

_PATH: Final = "/api/fabric/addresses"

FILTER_QUERY: Final[dict[str, dict[str, Any]]] = {
    "type": {
        "type": "string",
        "enum": [kind.value for kind in AddressType],
        "description": "Only addresses of this type.",
    },
    "name": {"type": "string", "description": "Only addresses of this name."},
    "display_name": {"type": "string", "description": "Only addresses of this display name."},
}


async def _list(desk: Desk, call: Call) -> object:
    query, who = call.query(), call.caller_or_holder
    window = read_window(query, sortable=True, others=_type_faults(query))
    wanted = replace(
        visible_to(who),
        type=AddressType(query["type"]) if "type" in query else None,
        name=query.get("name"),
        display_name=query.get("display_name"),
    )
    page = await list_addresses(desk.mint, who.project, wanted, window)
    url = f"{desk.public_url}{_PATH}"
    return page_of(page, query, url, show_address, sort_key(window))


async def _get(desk: Desk, call: Call) -> AddressAnswer:
    who, address = call.caller_or_holder, call.path_id("id")
    only = visible_to(who).only
    if only is not None and address not in only:
        raise NotFound("not_allowed")
    return show_address(await address_of(desk.mint, who.project, address))


def sort_key(window: Window) -> Callable[[Address], tuple[int | str, UUID]]:
    """What a page token remembers of an address."""

    def key(found: Address) -> tuple[int | str, UUID]:
        return (found.name if window.sort_by is SortBy.NAME else found.created_at), found.id

    return key


def _type_faults(query: dict[str, str]) -> list[Fault]:
    if query.get("type", AddressType.APP) in set(AddressType):
        return []
    message = f"Type must be one of: {', '.join(AddressType)}"
    return [Fault(Code.INVALID_PARAMETER, message, "type")]


OPERATIONS: Final = (
    Operation(
        id="list-addresses",
        method="GET",
        path=_PATH,
        tag="Addresses",
        summary="List addresses",
        description="A guest, an invitee or a visitor sees only the addresses that it may reach.",
        admits=Admits.HOLDER_OR_BACKEND,
        handler=_list,
        answer=ListOf[AddressAnswer],
        query={**FILTER_QUERY, **SORTING_QUERY, **PAGING_QUERY},
    ),
    Operation(
        id="get-address",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Addresses",
        summary="One address",
        admits=Admits.HOLDER_OR_BACKEND,
        handler=_get,
        answer=AddressAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
