"""Operations that read addresses, for subscribers and backends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from satmint.flows.addresses import get_address, list_addresses
from satmint.flows.visible_addresses import visible_to
from satmint.http.answers import AddressAnswer, ListOf, show_address
from satmint.http.call import Call
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, SORTING_QUERY, page_of, read_window
from satmint.model.listing import SortBy, Window
from satmint.model.records import Address, AddressType
from satmint.model.refusals import Code, FieldError, NotFound

_PATH: Final = "/api/fabric/addresses"

FILTER_QUERY: Final[dict[str, dict[str, Any]]] = {
    "type": {
        "type": "string",
        "enum": [kind.value for kind in AddressType],
        "description": "Return only addresses of this type.",
    },
    "name": {"type": "string", "description": "Return only addresses with this name."},
    "display_name": {
        "type": "string",
        "description": "Return only addresses with this display name.",
    },
}


async def _list(context: HandlerContext, call: Call) -> object:
    query, principal = call.query(), call.caller_or_holder
    window = read_window(query, sortable=True, other_errors=_type_errors(query))
    address_filter = replace(
        visible_to(principal),
        type=AddressType(query["type"]) if "type" in query else None,
        name=query.get("name"),
        display_name=query.get("display_name"),
    )
    page = await list_addresses(context.services.store, principal.project, address_filter, window)
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_address, sort_key(window))


async def _get(context: HandlerContext, call: Call) -> AddressAnswer:
    principal, address = call.caller_or_holder, call.path_id("id")
    only = visible_to(principal).only
    if only is not None and address not in only:
        raise NotFound("not_allowed")
    return show_address(await get_address(context.services.store, principal.project, address))


def sort_key(window: Window) -> Callable[[Address], tuple[int | str, UUID]]:
    """Return a function that returns the sort value and the id of an address."""

    def key(address: Address) -> tuple[int | str, UUID]:
        return (address.name if window.sort_by is SortBy.NAME else address.created_at), address.id

    return key


def _type_errors(query: dict[str, str]) -> list[FieldError]:
    if query.get("type", AddressType.APP) in set(AddressType):
        return []
    message = f"Type must be one of: {', '.join(AddressType)}"
    return [FieldError(Code.INVALID_PARAMETER, message, "type")]


OPERATIONS: Final = (
    Operation(
        id="list-addresses",
        method="GET",
        path=_PATH,
        tag="Addresses",
        summary="List addresses",
        description="For guests, invitees and embed visitors, lists only the allowed addresses.",
        authentication=Authentication.SUBSCRIBER_OR_API_TOKEN,
        handler=_list,
        answer=ListOf[AddressAnswer],
        query={**FILTER_QUERY, **SORTING_QUERY, **PAGING_QUERY},
    ),
    Operation(
        id="get-address",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Addresses",
        summary="Get an address",
        authentication=Authentication.SUBSCRIBER_OR_API_TOKEN,
        handler=_get,
        answer=AddressAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
