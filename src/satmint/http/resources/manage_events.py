"""The audit trail, for those who manage a project."""

from typing import Final
from uuid import UUID

from satmint.flows.oversight import list_events
from satmint.http.answers import ListOf
from satmint.http.messages import Call
from satmint.http.operations import Admits, Desk, Operation
from satmint.http.oversight_answers import EventAnswer, show_event
from satmint.http.paging import PAGING_QUERY, page_of, read_window

_PATH: Final = "/api/satmint/events"

ORDER_QUERY: Final = {
    "sort_order": {
        "type": "string",
        "enum": ["asc", "desc"],
        "default": "desc",
        "description": "By time: newest or oldest first.",
    }
}


async def _list(desk: Desk, call: Call) -> object:
    query = call.query()
    window = read_window(query, descending=True)
    page = await list_events(desk.mint, call.caller.project, window)
    url = f"{desk.public_url}{_PATH}"
    return page_of(page, query, url, show_event, lambda found: (found.at, UUID(bytes=found.id)))


OPERATIONS: Final = (
    Operation(
        id="list-events",
        method="GET",
        path=_PATH,
        tag="Management",
        summary="List audit events, newest first",
        admits=Admits.MANAGER,
        handler=_list,
        answer=ListOf[EventAnswer],
        query={**ORDER_QUERY, **PAGING_QUERY},
    ),
)
