"""The search of the page of events: what its form asks for, as a filter of the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.request import ConsoleRequest
from satmint.http.filters import read_choices, read_id, read_subscriber, read_time_parameter
from satmint.model.event_filter import EventFilter
from satmint.model.events import EventKind
from satmint.model.refusals import FieldError

FIELDS: Final = ("kind", "subscriber", "session", "since", "until")
"""The parameters, as those of `GET /api/satmint/events`."""


@dataclass(frozen=True, slots=True)
class EventSearch:
    """What was asked for."""

    values: Mapping[str, str]
    """The parameters that were given, without spaces around them."""
    wanted: EventFilter
    errors: Sequence[str]
    """What is wrong with them. Not empty: nothing may be read with `wanted`."""


async def read_search(context: ConsoleContext, request: ConsoleRequest) -> EventSearch:
    """Read the search of a request.

    Raises:
        StoreUnavailable: the subscriber cannot be looked up now.
    """
    values = {name: request.query[name].strip() for name in FIELDS if name in request.query}
    errors: list[FieldError] = []
    wanted = EventFilter(
        kinds=read_choices(values, "kind", EventKind, errors),
        subscriber=await read_subscriber(
            context.services, request.project.id, values, "subscriber", errors
        ),
        session=read_id(values, "session", errors),
        since=read_time_parameter(values, "since", errors),
        until=read_time_parameter(values, "until", errors),
    )
    return EventSearch(values, wanted, [error.message for error in errors])
