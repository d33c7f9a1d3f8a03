"""The list of a resource's addresses, below the path of its kind."""

from collections.abc import Awaitable, Callable

from satmint.flows.addresses import list_addresses
from satmint.flows.resources import addresses_of
from satmint.http.answers import show_address
from satmint.http.call import Call
from satmint.http.operations import HandlerContext
from satmint.http.paging import by_creation, page_of, read_window
from satmint.model.rooms import Resource


def addresses_handler(
    path: str, find: Callable[[HandlerContext, Call], Awaitable[Resource]]
) -> Callable[[HandlerContext, Call], Awaitable[object]]:
    """Return a handler that lists the addresses of a resource.

    Args:
        path: The path of the resource's kind.
        find: Finds the resource that a request names, or raises `NotFound`.
    """

    async def handle(context: HandlerContext, call: Call) -> object:
        query, store = call.query(), context.services.store
        owner = await find(context, call)
        window = read_window(query)
        page = await list_addresses(store, owner.project, addresses_of(owner), window)
        url = f"{context.public_url}{path}/{owner.id}/addresses"
        return page_of(page, query, url, show_address, by_creation)

    return handle
