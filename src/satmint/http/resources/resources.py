"""Operations for resources of any kind, also of the kinds that this server does not have."""

from typing import Any, Final

from satmint.flows.resources import delete_resource, get_resource, list_resources
from satmint.flows.subscribers import get_subscriber
from satmint.http.answers import AddressAnswer, ListOf
from satmint.http.call import Call, Response
from satmint.http.operations import NO_CONTENT, Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.http.resource_answers import ResourceAnswer, SipEndpointAnswer, show_resource
from satmint.http.resources.owned_addresses import addresses_handler
from satmint.model.listing import Page
from satmint.model.refusals import Code, FieldError, Unprocessable
from satmint.model.rooms import Resource, ResourceFilter, ResourceType

_PATH: Final = "/api/fabric/resources"
_SIP: Final = f"{_PATH}/subscribers/{{id}}/sip_endpoints"
_PRESENT: Final = frozenset({ResourceType.SUBSCRIBER, ResourceType.ROOM})

_FILTER_QUERY: Final[dict[str, dict[str, Any]]] = {
    "type": {
        "type": "string",
        "enum": [kind.value for kind in ResourceType],
        "description": "Return only resources of this type; there are some of two types only.",
    },
    "display_name": {
        "type": "string",
        "description": "Return only resources with this display name.",
    },
}


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    window = read_window(query, other_errors=_type_errors(query))
    resource_filter = ResourceFilter(
        ResourceType(query["type"]) if "type" in query else None, query.get("display_name")
    )
    store, project = context.services.store, call.caller.project
    page = await list_resources(store, project, resource_filter, window)
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_resource, by_creation)


def _type_errors(query: dict[str, str]) -> list[FieldError]:
    if query.get("type", ResourceType.ROOM) in set(ResourceType):
        return []
    message = f"Type must be one of: {', '.join(ResourceType)}"
    return [FieldError(Code.INVALID_PARAMETER, message, "type")]


async def _find(context: HandlerContext, call: Call) -> Resource:
    return await get_resource(context.services.store, call.caller.project, call.path_id("id"))


async def _get(context: HandlerContext, call: Call) -> object:
    return show_resource(await _find(context, call))


async def _delete(context: HandlerContext, call: Call) -> Response:
    await delete_resource(context.services, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


async def _sip_endpoints(context: HandlerContext, call: Call) -> object:
    query, project = call.query(), call.caller.project
    subscriber = await get_subscriber(context.services.store, project, call.path_id("id"))
    read_window(query)
    url = f"{context.public_url}{_SIP.format(id=subscriber.id)}"
    nothing: Page[Any] = Page((), more_before=False, more_after=False)
    return page_of(nothing, query, url, show_resource, by_creation)


async def _create_sip_endpoint(context: HandlerContext, call: Call) -> Response:
    await get_subscriber(context.services.store, call.caller.project, call.path_id("id"))
    message = "This server does not support SIP: a subscriber has no SIP endpoints"
    raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message))


async def _no_such_kind(_context: HandlerContext, _call: Call) -> Response:
    message = "This server has no resources of this type, only subscribers and conference rooms"
    raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message))


async def _no_routes(_context: HandlerContext, _call: Call) -> Response:
    message = "This server does not support routes from phone numbers or domains to resources"
    raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message))


def _unsupported(
    identifier: str,
    method: str,
    path: str,
    handler: Any = _no_such_kind,  # noqa: ANN401
) -> Operation:
    return Operation(
        id=f"unsupported-{identifier.replace('_', '-')}-{method.lower()}",
        method=method,
        path=path,
        tag="Resources",
        summary="Answer that this is not supported",
        authentication=Authentication.API_TOKEN,
        handler=handler,
        documented=False,
    )


OPERATIONS: Final = (
    Operation(
        id="list-resources",
        method="GET",
        path=_PATH,
        tag="Resources",
        summary="List resources",
        description="Lists the subscribers and the conference rooms of the project.",
        authentication=Authentication.API_TOKEN,
        handler=_list,
        answer=ListOf[ResourceAnswer],
        query={**_FILTER_QUERY, **PAGING_QUERY},
    ),
    Operation(
        id="get-resource",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Resources",
        summary="Get a resource",
        authentication=Authentication.API_TOKEN,
        handler=_get,
        answer=ResourceAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="delete-resource",
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        tag="Resources",
        summary="Delete a resource",
        description=(
            "Deletes a subscriber with its sessions, or a conference room with its address."
        ),
        authentication=Authentication.API_TOKEN,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="list-resource-addresses",
        method="GET",
        path=f"{_PATH}/{{id}}/addresses",
        tag="Resources",
        summary="List a resource's addresses",
        authentication=Authentication.API_TOKEN,
        handler=addresses_handler(_PATH, _find),
        answer=ListOf[AddressAnswer],
        query=PAGING_QUERY,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="list-subscriber-sip-endpoints",
        method="GET",
        path=_SIP,
        tag="Subscribers",
        summary="List a subscriber's SIP endpoints",
        description="Always empty: this server does not support SIP.",
        authentication=Authentication.API_TOKEN,
        handler=_sip_endpoints,
        answer=ListOf[SipEndpointAnswer],
        query=PAGING_QUERY,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="create-subscriber-sip-endpoint",
        method="POST",
        path=_SIP,
        tag="Subscribers",
        summary="Answer that SIP is not supported",
        authentication=Authentication.API_TOKEN,
        handler=_create_sip_endpoint,
        status=422,
        refusals=frozenset({Code.NOT_FOUND, Code.INVALID_PARAMETER}),
    ),
)

UNSUPPORTED: Final = (
    *(
        _unsupported(route, "POST", f"{_PATH}/{{id}}/{route}", _no_routes)
        for route in ("phone_routes", "domain_applications")
    ),
    *(
        _unsupported(kind, method, f"{_PATH}/{kind}s")
        for kind in ResourceType
        if kind not in _PRESENT
        for method in ("GET", "POST")
    ),
    *(
        _unsupported(f"one-{kind}", method, f"{_PATH}/{kind}s/{{id}}")
        for kind in ResourceType
        if kind not in _PRESENT
        for method in ("GET", "PUT", "PATCH", "DELETE")
    ),
)
"""The paths of what this server does not have. They are matched last: no request waits for them."""
