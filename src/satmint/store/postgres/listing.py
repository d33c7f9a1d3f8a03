"""Pages of a list by key, so that a page is stable while rows come and go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from satmint.model.listing import Page, Window
from satmint.store.postgres.connections import Connection

T = TypeVar("T")
Row = Any
"""An `asyncpg.Record`."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list. Every string here is written in this package; none is input."""

    select: str
    """`SELECT … FROM …` without a condition."""
    conditions: Sequence[str]
    """With `{}` for each argument, in order."""
    arguments: Sequence[object]
    sort_column: str | None
    """None: the id itself is the order."""
    id_column: str
    id_is_bytes: bool = False


async def read_page(
    connection: Connection, listing: Listing, window: Window, build: Callable[[Row], T]
) -> Page[T]:
    """One page of `listing`, each row made into a value by `build`."""
    anchor = window.anchor
    backwards = anchor is not None and anchor.backwards
    falling = window.descending != backwards
    columns = [name for name in (listing.sort_column, listing.id_column) if name is not None]
    conditions, arguments = list(listing.conditions), list(listing.arguments)
    if anchor is not None:
        marks = ", ".join("{}" for _ in columns)
        conditions.append(f"({', '.join(columns)}) {'<' if falling else '>'} ({marks})")
        arguments += [anchor.value] if listing.sort_column is not None else []
        arguments.append(anchor.id.bytes if listing.id_is_bytes else anchor.id)
    order = ", ".join(f"{name} {'DESC' if falling else 'ASC'}" for name in columns)
    arguments += [window.size + 1, 0 if anchor is not None else window.offset]
    query = (
        f"{listing.select} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {{}} OFFSET {{}}"
    )
    marks_in_order = (f"${number}" for number in range(1, len(arguments) + 1))
    rows = await connection.fetch(query.format(*marks_in_order), *arguments)
    overfull = len(rows) > window.size
    rows = rows[: window.size]
    if backwards:
        rows.reverse()
    items = tuple(build(row) for row in rows)
    if backwards:
        return Page(items, more_before=overfull, more_after=True)
    skipped = anchor is not None or window.offset > 0
    return Page(items, more_before=skipped, more_after=overfull)


def plain(value: Any) -> UUID:  # noqa: ANN401 - the driver's own kind of UUID
    """The driver's UUID as one of the standard library."""
    return UUID(int=value.int)


def plain_or_none(value: Any) -> UUID | None:  # noqa: ANN401 - as above
    """The UUID in a column that may be NULL."""
    return None if value is None else UUID(int=value.int)
