"""Management operations for the audit trail."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_events
from satmint.http.answers import ListOf
from satmint.http.call import Call
from satmint.http.filters import (
    read_choices,
    read_id,
    read_subscriber,
    read_time_parameter,
    subscriber_parameter,
    time_parameter,
)
from satmint.http.management_answers import EventAnswer, show_event
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, page_of, page_token_error, read_window
from satmint.model.event_filter import EventFilter
from satmint.model.event_page import EventPage
from satmint.model.events import Event, EventKind
from satmint.model.listing import Position, Window
from satmint.model.refusals import FieldError, Unprocessable

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


_FILTER_QUERY: Final[dict[str, dict[str, Any]]] = {
    "kind": {
        "type": "string",
        "pattern": "^[a-z0-9_]+(,[a-z0-9_]+)*$",
        "description": "Only events of these kinds, separated by commas.",
    },
    "subscriber": subscriber_parameter("Only events of this subscriber."),
    "session": {
        "type": "string",
        "format": "uuid",
        "description": "Only events of the session with this id.",
    },
    "since": time_parameter("Only events of this time or later."),
    "until": time_parameter("Only events before this time."),
}


async def _list(context: HandlerContext, call: Call) -> object:
    query, services, project = call.query(), context.services, call.caller.project
    wanted, errors = await read_event_filter(services, project, query)
    window = with_position(read_window(query, descending=True, other_errors=errors))
    page = await list_events(services.store, project, wanted, window, settled=not window.descending)
    listed, key = in_tokens(page)
    return page_of(listed, query, f"{context.public_url}{_PATH}", show_event, key)


def in_tokens(page: EventPage) -> tuple[EventPage, Callable[[Event], tuple[int, UUID]]]:
    """Return the page with positions as page tokens contain them, and the key of its events."""
    positions = {event.id: at for event, at in zip(page.items, page.positions, strict=True)}
    listed = replace(
        page,
        continue_after=_in_token(page.continue_after),
        continue_before=_in_token(page.continue_before),
    )
    return listed, lambda found: (~positions[found.id], UUID(bytes=found.id))


async def read_event_filter(
    services: ServiceContext, project: UUID, query: Mapping[str, str]
) -> tuple[EventFilter, list[FieldError]]:
    """Read the filter of a query, and the errors in it."""
    errors: list[FieldError] = []
    wanted = EventFilter(
        kinds=read_choices(query, "kind", EventKind, errors),
        subscriber=await read_subscriber(services, project, query, "subscriber", errors),
        session=read_id(query, "session", errors),
        since=read_time_parameter(query, "since", errors),
        until=read_time_parameter(query, "until", errors),
    )
    return wanted, errors


def _in_token(position: Position | None) -> Position | None:
    """Return a position as page tokens contain it; see `with_position`."""
    if position is None or isinstance(position[0], str):
        return None
    return ~position[0], position[1]


def with_position(window: Window) -> Window:
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
        description=(
            "A page examines at most 5,000 events: if few match, it has fewer items than"
            " `page_size`, or none. The list ends with the page that has no `next` link. Filters by"
            " `session`, `subscriber` or `kind` find their events through an index, if `kind` is"
            " given and has none of `refreshed`, `device_token_issued` and, without the other two,"
            " `issued`. `since` and `until` assume that the clocks of all servers agree to within"
            " an hour."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[EventAnswer],
        query={**_FILTER_QUERY, **ORDER_QUERY, **PAGING_QUERY},
    ),
)
