"""Pages of lists: `page_size`, `page_number`, `page_token`, and links that carry all of it.

A `page_token` names the row to go on from, so that pages neither repeat nor skip a row while rows
come and go. Clients only follow links.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from satmint.model.base64url import b64url, b64url_decode
from satmint.model.listing import Anchor, Page, SortBy, Window
from satmint.model.refusals import Code, Fault, Unprocessable

T = TypeVar("T")

DEFAULT_SIZE: Final = 50
LARGEST_SIZE: Final = 1000
_LAST_PAGE: Final = 1_000_000
_FURTHEST: Final = 100_000
"""Items that are counted off to get to a page. Links lead on from where the last one ended."""

PAGING_QUERY: Final[dict[str, dict[str, Any]]] = {
    "page_size": {
        "type": "integer",
        "minimum": 1,
        "maximum": LARGEST_SIZE,
        "default": DEFAULT_SIZE,
        "description": "Items on a page.",
    },
    "page_number": {
        "type": "integer",
        "minimum": 0,
        "maximum": _LAST_PAGE,
        "default": 0,
        "description": "Which page, from 0. Follow the links instead of counting.",
    },
    "page_token": {
        "type": "string",
        "description": "Opaque; comes in the links of a page.",
    },
}

SORTING_QUERY: Final[dict[str, dict[str, Any]]] = {
    "sort_by": {
        "type": "string",
        "enum": [sort.value for sort in SortBy],
        "default": SortBy.CREATED_AT.value,
        "description": "What to order by.",
    },
    "sort_order": {
        "type": "string",
        "enum": ["asc", "desc"],
        "default": "asc",
        "description": "Which way.",
    },
}


class _Mark(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What a page token says."""

    value: int | str
    id: UUID
    backwards: bool


_decoder = msgspec.json.Decoder(_Mark, strict=True)


def read_window(
    query: dict[str, str],
    *,
    descending: bool = False,
    sortable: bool = False,
    others: Sequence[Fault] = (),
) -> Window:
    """The window that a query string asks for.

    Args:
        query: The parameters.
        descending: The order where `sort_order` is absent.
        sortable: Whether the list knows `sort_by`; any other passes it over.
        others: What is wrong with the parameters that the list has beside these.

    Raises:
        Unprocessable: with a fault for each parameter that is not right.
    """
    faults: list[Fault] = []
    size = _integer(query, "page_size", DEFAULT_SIZE, 1, LARGEST_SIZE, faults)
    number = _integer(query, "page_number", 0, 0, _LAST_PAGE, faults)
    sort_by = SortBy.CREATED_AT.value
    if sortable:
        sort_by = query.get("sort_by", sort_by)
    if sort_by not in set(SortBy):
        faults.append(_fault("sort_by", f"must be one of: {', '.join(SortBy)}"))
    order = query.get("sort_order", "desc" if descending else "asc")
    if order not in ("asc", "desc"):
        faults.append(_fault("sort_order", "must be one of: asc, desc"))
    anchor = None
    if "page_token" in query:
        anchor = _anchor(query["page_token"], sort_by)
        if anchor is None:
            message = "Page Token is invalid"
            faults.append(Fault(Code.PAGE_TOKEN_IS_INVALID, message, "page_token"))
    if anchor is None and number * size > _FURTHEST:
        faults.append(_fault("page_number", f"must be at most {_FURTHEST // size} for this size"))
    if faults or others:
        raise Unprocessable(*faults, *others)
    return Window(
        size=size,
        offset=number * size,
        anchor=anchor,
        sort_by=SortBy(sort_by),
        descending=order == "desc",
    )


def page_of(
    page: Page[T],
    query: dict[str, str],
    url: str,
    show: Callable[[T], object],
    key: Callable[[T], tuple[int | str, UUID]],
) -> dict[str, object]:
    """A list's answer: `data` and `links`.

    Args:
        page: The items.
        query: The parameters that asked for them.
        url: The list's absolute URL without a query.
        show: Makes an item's answer.
        key: An item's sort value and id.
    """
    number = int(query.get("page_number", "0"))
    links = {
        "self": _link(url, query),
        "first": _link(url, {k: v for k, v in query.items() if k not in _PLACE}),
    }
    if page.more_after and page.items:
        links["next"] = _next_link(url, query, number + 1, key(page.items[-1]), backwards=False)
    if page.more_before and page.items:
        before = max(number - 1, 0)
        links["prev"] = _next_link(url, query, before, key(page.items[0]), backwards=True)
    return {"data": [show(item) for item in page.items], "links": links}


_PLACE: Final = frozenset({"page_number", "page_token"})


def _next_link(
    url: str, query: dict[str, str], number: int, key: tuple[int | str, UUID], *, backwards: bool
) -> str:
    token = b64url(msgspec.json.encode(_Mark(*key, backwards)))
    return _link(url, {**query, "page_number": str(number), "page_token": token})


def _link(url: str, query: dict[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _anchor(token: str, sort_by: str) -> Anchor | None:
    """The place that a page token names, or None where it is none of ours for this order."""
    try:
        mark = _decoder.decode(b64url_decode(token))
    except ValueError:
        return None
    if isinstance(mark.value, str) != (sort_by == SortBy.NAME):
        return None
    if isinstance(mark.value, int) and abs(mark.value) >= 1 << 63:
        return None
    return Anchor(mark.value, mark.id, mark.backwards)


def _integer(
    query: dict[str, str], name: str, default: int, low: int, high: int, faults: list[Fault]
) -> int:
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high:
        return int(text)
    faults.append(_fault(name, f"must be an integer from {low} to {high}"))
    return default


def _fault(name: str, says: str) -> Fault:
    return Fault(Code.INVALID_PARAMETER, f"{name.replace('_', ' ').title()} {says}", name)
