"""Management operations for the audit trail."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from satmint.flows.session_queries import list_events
from satmint.http.answers import ListOf
from satmint.http.call import Call
from satmint.http.management_answers import EventAnswer, show_event
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, page_of, page_token_error, read_window
from satmint.model.listing import Window
from satmint.model.refusals import Unprocessable

_PATH: Final = "/api/satmint/events"

ORDER_QUERY: Final = {
    "sort_order": {
        "type": "string",
        "enum": ["asc", "desc"],
        "default": "desc",
        "description": "The order in which events were stored: `desc` is newest first. Pages in"
        " `asc` skip no event: one before which others may still appear, because their"
        " transactions are not over, is not listed yet. To follow the events, request the last"
        " page again.",
    }
}


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    window = _with_position(read_window(query, descending=True))
    page = await list_events(
        context.services.store, call.caller.project, window, settled=not window.descending
    )
    positions = {event.id: at for event, at in zip(page.items, page.positions, strict=True)}
    url = f"{context.public_url}{_PATH}"
    return page_of(
        page, query, url, show_event, lambda found: (~positions[found.id], UUID(bytes=found.id))
    )


def _with_position(window: Window) -> Window:
    """Return the window with the position that its page token contains.

    A token contains the complement of a position. That is negative; the times in the tokens of
    earlier versions were not.

    Raises:
        Unprocessable: the token is of an earlier version.
    """
    anchor = window.anchor
    if anchor is None:
        return window
    if not isinstance(anchor.value, int) or anchor.value >= 0:
        raise Unprocessable(page_token_error())
    return replace(window, anchor=replace(anchor, value=~anchor.value))


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
