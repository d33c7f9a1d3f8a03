"""Lists on pages: the part that the query asks for, and the links to the parts around it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from satmint.console.request import ConsoleRequest, link
from satmint.http.paging import page_of, read_window
from satmint.model.listing import Page, Window
from satmint.model.refusals import Unprocessable

T = TypeVar("T")

ROWS: Final = 50
"""Rows of a table on one page."""
_POSITION: Final = frozenset({"page_number", "page_token"})


@dataclass(frozen=True, slots=True)
class Pager:
    """Links to the other parts of a list."""

    previous: str | None
    next: str | None
    first: str | None
    """None: this is the first part."""


def window_of(request: ConsoleRequest, *, rows: int = ROWS, descending: bool = True) -> Window:
    """The part of a list that the query asks for; the first one if its cursor is invalid."""
    position = {name: value for name, value in request.query.items() if name in _POSITION}
    try:
        return read_window({**position, "page_size": str(rows)}, descending=descending)
    except Unprocessable:
        return Window(rows, descending=descending)


def pager_of(
    request: ConsoleRequest, page: Page[T], key: Callable[[T], tuple[int | str, UUID]]
) -> Pager:
    """The links around a part of a list.

    Args:
        request: The request. Its filters stay in the links.
        page: The part.
        key: Returns the sort value and the id of an item, such as `by_creation`.
    """
    query = {**request.query}
    try:
        answer = page_of(page, query, request.path, id, key)
    except ValueError:  # the query's page number is no integer
        answer = page_of(page, {}, request.path, id, key)
    links = answer["links"]
    if not isinstance(links, dict):
        raise TypeError("a page has links")
    filters = {name: value for name, value in query.items() if name not in _POSITION}
    first = link(request.path, **filters) if "page_token" in query else None
    return Pager(links.get("prev"), links.get("next"), first)
