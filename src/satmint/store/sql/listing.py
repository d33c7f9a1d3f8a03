"""Keyset pagination: a page stays stable while rows are added and removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from satmint.model.listing import Page, Window
from satmint.store.sql.port import Build, Database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list query. All strings are constants of this package; none is input."""

    select: str
    """`SELECT … FROM …` without a condition."""
    conditions: Sequence[str]
    """Conditions with `{}` for each argument, in order."""
    arguments: Sequence[object]
    sort_column: str | None
    """None to sort by the id itself."""
    id_column: str
    id_is_bytes: bool = False


async def read_page(db: Database, listing: Listing, window: Window, build: Build[T]) -> Page[T]:
    """One page of `listing`; `build` makes each row a value."""
    query, arguments = _query(listing, window)
    return page_of(await db.fetch_list(build, query, *arguments), window)


async def read_merged_page(
    db: Database, listings: Sequence[Listing], window: Window, build: Build[T], id_column: str
) -> Page[T]:
    """One page of several listings as one list, in one statement.

    Each is read through its own index only as far as the page needs it.

    Args:
        db: The database.
        listings: With columns of the same names and types, and the same `sort_column`.
        window: The requested part.
        build: Makes each row a value.
        id_column: The column of all of them that has the id.
    """
    parts: list[str] = []
    arguments: list[object] = []
    for listing in listings:
        query, values = _query(listing, window, len(arguments))
        parts.append(f"SELECT * FROM ({query}) AS part{len(parts)}")
        arguments += values
    columns = [name for name in (listings[0].sort_column, id_column) if name is not None]
    arguments.append(window.size + 1)
    query = (
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS parts ORDER BY {_order(columns, window)}"
        f" LIMIT ${len(arguments)}"
    )
    return page_of(await db.fetch_list(build, query, *arguments), window)


def _query(listing: Listing, window: Window, numbered: int = 0) -> tuple[str, list[object]]:
    """The statement that reads rows of a listing, and its arguments.

    Args:
        listing: The list.
        window: Where to begin, and the order.
        numbered: The number of parameters that precede those of this statement.
    """
    columns = [name for name in (listing.sort_column, listing.id_column) if name is not None]
    conditions, arguments = list(listing.conditions), list(listing.arguments)
    anchor = window.anchor
    if anchor is not None:
        marks = ", ".join("{}" for _ in columns)
        beyond = "<" if is_descending(window) else ">"
        conditions.append(f"({', '.join(columns)}) {beyond} ({marks})")
        arguments += [anchor.value] if listing.sort_column is not None else []
        arguments.append(anchor.id.bytes if listing.id_is_bytes else anchor.id)
    arguments.append(window.size + 1)
    query = (
        f"{listing.select} WHERE {' AND '.join(conditions)} ORDER BY {_order(columns, window)}"
        " LIMIT {}"
    )
    marks_in_order = (f"${numbered + number}" for number in range(1, len(arguments) + 1))
    return query.format(*marks_in_order), arguments


def _order(columns: Sequence[str], window: Window) -> str:
    return ", ".join(f"{name} {'DESC' if is_descending(window) else 'ASC'}" for name in columns)


def is_descending(window: Window) -> bool:
    """Whether the rows are read in descending order, which is not that of a page backwards."""
    return window.descending != is_backwards(window)


def is_backwards(window: Window) -> bool:
    """Whether the page ends at its anchor, instead of starting there."""
    return window.anchor is not None and window.anchor.backwards


def page_of(found: Sequence[T], window: Window) -> Page[T]:
    """The page of the rows that were read: one more than it has, if there are more."""
    has_more = len(found) > window.size
    items = tuple(found[: window.size])
    if is_backwards(window):
        return Page(items[::-1], more_before=has_more, more_after=True)
    return Page(items, more_before=window.anchor is not None, more_after=has_more)
