"""Management operations for the audit trail."""

from typing import Final
from uuid import UUID

from satmint.flows.session_queries import list_events
from satmint.http.answers import ListOf
from satmint.http.call import Call
from satmint.http.management_answers import EventAnswer, show_event
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, page_of, read_window

_PATH: Final = "/api/satmint/events"

ORDER_QUERY: Final = {
    "sort_order": {
        "type": "string",
        "enum": ["asc", "desc"],
        "default": "desc",
        "description": "The order by time: `desc` is newest first.",
    }
}


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    window = read_window(query, descending=True)
    page = await list_events(context.services.store, call.caller.project, window)
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_event, lambda found: (found.at, UUID(bytes=found.id)))


OPERATIONS: Final = (
    Operation(
        id="list-events",
        method="GET",
        path=_PATH,
        tag="Management",
        summary="List audit events, newest first",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[EventAnswer],
        query={**ORDER_QUERY, **PAGING_QUERY},
    ),
)
