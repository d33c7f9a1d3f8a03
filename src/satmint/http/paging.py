"""Paging of lists: `page_size`, `page_number`, `page_token`, and links to other pages.

A `page_token` identifies the row after which the page starts, so that pages neither repeat nor skip
rows while rows are added and deleted. Clients only need to follow the links.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from satmint.model.base64url import b64url, b64url_decode
from satmint.model.listing import Anchor, Page, SortBy, Window
from satmint.model.refusals import Code, FieldError, Unprocessable

T = TypeVar("T")

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
_LAST_PAGE: Final = 1_000_000

PAGING_QUERY: Final[dict[str, dict[str, Any]]] = {
    "page_size": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_PAGE_SIZE,
        "default": DEFAULT_PAGE_SIZE,
        "description": "The number of items per page.",
    },
    "page_number": {
        "type": "integer",
        "minimum": 0,
        "maximum": _LAST_PAGE,
        "default": 0,
        "description": "The page number, from 0. Above 0, `page_token` decides which page it is."
        " Follow the links, which have both.",
    },
    "page_token": {
        "type": "string",
        "description": "An opaque cursor from the links of a page.",
    },
}

SORTING_QUERY: Final[dict[str, dict[str, Any]]] = {
    "sort_by": {
        "type": "string",
        "enum": [sort.value for sort in SortBy],
        "default": SortBy.CREATED_AT.value,
        "description": "The field to sort by.",
    },
    "sort_order": {
        "type": "string",
        "enum": ["asc", "desc"],
        "default": "asc",
        "description": "The sort order.",
    },
}


class _PageToken(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The content of a page token."""

    value: int | str
    id: UUID
    backwards: bool


_page_token_decoder = msgspec.json.Decoder(_PageToken, strict=True)


def read_window(
    query: dict[str, str],
    *,
    descending: bool = False,
    sortable: bool = False,
    other_errors: Sequence[FieldError] = (),
) -> Window:
    """Return the window that a query string requests.

    Args:
        query: The parameters.
        descending: The default order, without `sort_order`.
        sortable: Whether the list supports `sort_by`. If not, `sort_by` is ignored.
        other_errors: Errors in additional parameters of the list.

    Raises:
        Unprocessable: with an error for each invalid parameter.
    """
    field_errors: list[FieldError] = []
    size = _integer(query, "page_size", DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE, field_errors)
    number = _integer(query, "page_number", 0, 0, _LAST_PAGE, field_errors)
    sort_by = SortBy.CREATED_AT.value
    if sortable:
        sort_by = query.get("sort_by", sort_by)
    if sort_by not in set(SortBy):
        field_errors.append(parameter_error("sort_by", f"must be one of: {', '.join(SortBy)}"))
    order = query.get("sort_order", "desc" if descending else "asc")
    if order not in ("asc", "desc"):
        field_errors.append(parameter_error("sort_order", "must be one of: asc, desc"))
    anchor = None
    if "page_token" in query:
        anchor = _anchor(query["page_token"], sort_by)
        if anchor is None:
            field_errors.append(page_token_error())
    elif number > 0:
        message = "Page Token is required if Page Number is greater than 0"
        field_errors.append(FieldError(Code.PAGE_TOKEN_REQUIRED, message, "page_token"))
    if field_errors or other_errors:
        raise Unprocessable(*field_errors, *other_errors)
    return Window(
        size=size,
        anchor=anchor,
        sort_by=SortBy(sort_by),
        descending=order == "desc",
    )


def page_token_error() -> FieldError:
    """Return the error of a page token that cannot be used."""
    return FieldError(Code.PAGE_TOKEN_IS_INVALID, "Page Token is invalid", "page_token")


class _Created(Protocol):
    """An item of a list that is sorted by creation."""

    @property
    def id(self) -> UUID: ...

    @property
    def created_at(self) -> int: ...


def by_creation(item: _Created) -> tuple[int, UUID]:
    """Return the sort value and the id of an item: a key for `page_of`."""
    return item.created_at, item.id


def page_of(
    page: Page[T],
    query: dict[str, str],
    url: str,
    show: Callable[[T], object],
    key: Callable[[T], tuple[int | str, UUID]],
) -> dict[str, object]:
    """Return the answer for a page: `data` and `links`.

    A page whose search ended early has links to continue it, even if it has no items.

    Args:
        page: The items.
        query: The parameters of the request.
        url: The list's absolute URL, without a query.
        show: Returns the answer for an item.
        key: Returns the sort value and the id of an item.
    """
    number = int(query.get("page_number", "0"))
    links = {
        "self": _link(url, query),
        "first": _link(url, {k: v for k, v in query.items() if k not in _POSITION_PARAMETERS}),
    }
    after, before = page.continue_after, page.continue_before
    if page.items:
        after, before = after or key(page.items[-1]), before or key(page.items[0])
    if page.more_after and after is not None:
        links["next"] = _next_link(url, query, number + 1, after, backwards=False)
    if page.more_before and before is not None:
        links["prev"] = _next_link(url, query, max(number - 1, 0), before, backwards=True)
    return {"data": [show(item) for item in page.items], "links": links}


_POSITION_PARAMETERS: Final = frozenset({"page_number", "page_token"})


def _next_link(
    url: str, query: dict[str, str], number: int, key: tuple[int | str, UUID], *, backwards: bool
) -> str:
    token = b64url(msgspec.json.encode(_PageToken(*key, backwards)))
    return _link(url, {**query, "page_number": str(number), "page_token": token})


def _link(url: str, query: dict[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _anchor(token: str, sort_by: str) -> Anchor | None:
    """Return the row that a page token identifies; None if the token is invalid for this order."""
    try:
        token_content = _page_token_decoder.decode(b64url_decode(token))
    except ValueError:
        return None
    if isinstance(token_content.value, str) != (sort_by == SortBy.NAME):
        return None
    if isinstance(token_content.value, int) and abs(token_content.value) >= 1 << 63:
        return None
    if isinstance(token_content.value, str) and "\0" in token_content.value:
        return None  # PostgreSQL has no text with it
    return Anchor(token_content.value, token_content.id, token_content.backwards)


def _integer(
    query: dict[str, str],
    name: str,
    default: int,
    low: int,
    high: int,
    field_errors: list[FieldError],
) -> int:
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high:
        return int(text)
    field_errors.append(parameter_error(name, f"must be an integer from {low} to {high}"))
    return default


def parameter_error(name: str, message: str) -> FieldError:
    """Return the error of a query parameter, named as the vendor names members."""
    return FieldError(Code.INVALID_PARAMETER, f"{name.replace('_', ' ').title()} {message}", name)
