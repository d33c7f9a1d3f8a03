"""A request, independent of server and transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

from satmint_sdk._secrets import SecretText
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest.types import Item, Page

T = TypeVar("T", covariant=True)  # noqa: PLC0105 - as everywhere here
Answer = TypeVar("Answer")
Extras = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and, as `T`, the type of its response.

    Attributes:
        method: HTTP method.
        path: Path below the base URL, each segment escaped.
        query: Members of the query; `None` leaves one out, a list repeats it.
        body: Members of the JSON body; `None` for no body. Hidden in the repr.
        bearer: A token to use instead of the client's credentials.
        options: Options for this call.
        repeatable: Whether this POST or PATCH does the same if it is done twice.
        default_retries: How often it is retried if the options do not say.
        any_json: Whether the response may be any JSON value instead of an object.
    """

    method: str
    path: str
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] | None = field(default=None, repr=False)
    bearer: SecretText | None = None
    options: RequestOptions | None = None
    repeatable: bool = False
    default_retries: int = 0
    any_json: bool = False


def members(named: Extras, extras: Extras | None) -> dict[str, object]:
    """The given members, overridden by `extras`, including `None`."""
    given = {name: value for name, value in named.items() if value is not None}
    given.update(extras or {})
    return given


def list_call(
    path: str,
    extras: Extras | None,
    options: RequestOptions | None,
    *,
    page_size: int | None,
    page_number: int | None,
    page_token: str | None,
    **filters: object,
) -> Call[Page[Item]]:
    """Describe the reading of one page of a list.

    Args:
        path: The path of the list.
        extras: Further members of the query.
        options: How to send this call.
        page_size: Items on a page.
        page_number: Which page, from 0.
        page_token: Where a page begins.
        filters: Further members of the query, by their names.
    """
    paging = {"page_size": page_size, "page_number": page_number, "page_token": page_token}
    return Call("GET", path, query=members({**filters, **paging}, extras), options=options)


def delete_call(
    path: str, extras: Extras | None, options: RequestOptions | None, **selection: object
) -> Call[Answer]:
    """Describe a deletion, of all at `path` or of a selection by members of the query."""
    return Call("DELETE", path, query=members(selection, extras), options=options)


def path_of(*segments: str) -> str:
    """Join path segments so that none can change the path's structure.

    Raises:
        ValueError: A segment is empty, `.` or `..`.
    """
    for segment in segments:
        if segment in ("", ".", ".."):
            raise ValueError("an id must not be empty, a dot or two dots")
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def any_method(method: str) -> str:
    """An HTTP method, in upper case.

    Raises:
        ValueError: It is none.
    """
    if not (method.isascii() and method.isalpha()):
        raise ValueError("method must be an HTTP method such as GET")
    return method.upper()


def any_path(path: str) -> str:
    """A path from the root of the server.

    Raises:
        ValueError: It is a URL, has a query or fragment, or segments that are dots.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("path must begin with one slash")
    if not (path.isascii() and path.isprintable()) or any(mark in path for mark in " ?#\\"):
        raise ValueError("path must be escaped, and have no query: use the argument query")
    if any(unquote(segment) in (".", "..") for segment in path.split("/")):
        raise ValueError("path must have no segments that are dots")
    return path
