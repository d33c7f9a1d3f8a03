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
    anchor = window.anchor
    backwards = anchor is not None and anchor.backwards
    descending = window.descending != backwards
    columns = [name for name in (listing.sort_column, listing.id_column) if name is not None]
    conditions, arguments = list(listing.conditions), list(listing.arguments)
    if anchor is not None:
        marks = ", ".join("{}" for _ in columns)
        conditions.append(f"({', '.join(columns)}) {'<' if descending else '>'} ({marks})")
        arguments += [anchor.value] if listing.sort_column is not None else []
        arguments.append(anchor.id.bytes if listing.id_is_bytes else anchor.id)
    order = ", ".join(f"{name} {'DESC' if descending else 'ASC'}" for name in columns)
    arguments.append(window.size + 1)
    query = f"{listing.select} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {{}}"
    marks_in_order = (f"${number}" for number in range(1, len(arguments) + 1))
    found = await db.fetch_list(build, query.format(*marks_in_order), *arguments)
    has_more = len(found) > window.size
    items = tuple(found[: window.size])
    if backwards:
        return Page(items[::-1], more_before=has_more, more_after=True)
    return Page(items, more_before=anchor is not None, more_after=has_more)
