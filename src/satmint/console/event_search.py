"""The search of the page of events: what its form asks for, as a filter of the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.request import ConsoleRequest
from satmint.http.resources.manage_events import read_event_filter
from satmint.model.event_filter import EventFilter

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
    wanted, errors = await read_event_filter(context.services, request.project.id, values)
    return EventSearch(values, wanted, [error.message for error in errors])
