"""Follows `links.next`. Pure: pages go in, items and the next call come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, cast
from urllib.parse import parse_qs, urlsplit

from satmint_sdk.rest._call import Call
from satmint_sdk.rest.types import Item, Page


class Cursor(Generic[Item]):
    """A position in a list of pages.

    Only the query of a `next` link is used, with the original path and host: a response must not be
    able to redirect the client's credentials. An empty page is skipped; a repeated link ends the
    list.
    """

    def __init__(self, first: Call[Page[Item]]) -> None:
        self._call: Call[Page[Item]] | None = first
        self._seen = {_fingerprint(first.query)}

    @property
    def pending(self) -> Call[Page[Item]] | None:
        """The call for the next page; `None` at the end."""
        return self._call

    def take(self, page: Page[Item]) -> list[Item]:
        """Read one page and move on."""
        if self._call is not None:
            self._call = self._after(self._call, page)
        return cast("Mapping[str, list[Item] | None]", page).get("data") or []

    def _after(self, call: Call[Page[Item]], page: Page[Item]) -> Call[Page[Item]] | None:
        links = cast("Mapping[str, object]", page).get("links")
        link = links.get("next") if isinstance(links, dict) else None
        if not isinstance(link, str) or not link:
            return None
        query = parse_qs(urlsplit(link).query, keep_blank_values=True)
        mark = _fingerprint(query)
        if mark in self._seen:
            return None
        self._seen.add(mark)
        return replace(call, query=query)


def _fingerprint(query: Mapping[str, object]) -> frozenset[tuple[str, tuple[str, ...]]]:
    """Identify a query regardless of the order of its members."""
    return frozenset(
        (name, tuple(map(str, value)) if isinstance(value, list) else (str(value),))
        for name, value in query.items()
        if value is not None
    )
