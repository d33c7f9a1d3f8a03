"""Pages of a list by key, so that a page is stable while rows come and go."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from satmint.model.listing import Page, Window

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list. Every string here is written in this package; none is input."""

    select: str
    """`SELECT … FROM …` without a condition."""
    conditions: Sequence[str]
    arguments: Sequence[object]
    sort_column: str | None
    """None: the id itself is the order."""
    id_column: str


def read_page(
    connection: sqlite3.Connection, listing: Listing, window: Window, build: Callable[[Row], T]
) -> Page[T]:
    """One page of `listing`, each row made into a value by `build`."""
    anchor = window.anchor
    backwards = anchor is not None and anchor.backwards
    falling = window.descending != backwards
    columns = [name for name in (listing.sort_column, listing.id_column) if name is not None]
    conditions, arguments = list(listing.conditions), list(listing.arguments)
    if anchor is not None:
        marks = ", ".join("?" * len(columns))
        conditions.append(f"({', '.join(columns)}) {'<' if falling else '>'} ({marks})")
        arguments += [anchor.value] if listing.sort_column is not None else []
        arguments.append(anchor.id.bytes)
    order = ", ".join(f"{name} {'DESC' if falling else 'ASC'}" for name in columns)
    offset = 0 if anchor is not None else window.offset
    rows = connection.execute(
        f"{listing.select} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ? OFFSET ?",
        (*arguments, window.size + 1, offset),
    ).fetchall()
    overfull = len(rows) > window.size
    rows = rows[: window.size]
    if backwards:
        rows.reverse()
    items = tuple(build(row) for row in rows)
    if backwards:
        return Page(items, more_before=overfull, more_after=True)
    return Page(items, more_before=anchor is not None or offset > 0, more_after=overfull)
