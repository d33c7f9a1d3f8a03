"""Lists with filters, whose pages examine a bounded number of rows.

An index finds the rows of a search in order. Conditions that are not of the index are checked row
by row: a page examines at most `SCAN_LIMIT` rows, and if it has too few items by then, the next one
continues where it ended. The rows to examine are a subquery with a limit, so that no planner moves
these conditions into it or chooses another index because of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from satmint.model.listing import Page, Position, Window
from satmint.store.sql.listing import is_backwards, is_descending, page_of
from satmint.store.sql.port import Build, Database, Row, read_uuid

T = TypeVar("T")

SCAN_LIMIT: Final = 5000
"""How many rows of an index a page examines at most, beyond those that it shows."""
_MEANWHILE: Final = 1000
"""How many rows may come between the two statements of a page, which are examined in addition."""

Condition = tuple[str, object]
"""A condition with one `{}`, and its argument."""


@dataclass(frozen=True, slots=True)
class Search:
    """A list query. All strings are constants of this package; none is input."""

    columns: str
    """What is selected; may refer to the row by the table's name."""
    table: str
    index: str
    """What follows the table's name to force the index, or "" where that is not possible."""
    within: Sequence[Condition | str]
    """Conditions that the index covers."""
    residual: Sequence[Condition | str]
    """Conditions that are checked for each row."""
    sort_column: str
    id_column: str
    id_is_bytes: bool = False


class _Arguments:
    """Numbers the arguments of a statement."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def mark(self, value: object) -> str:
        if isinstance(value, UUID) and value in self.values:  # the project, in several parts
            return f"${self.values.index(value) + 1}"
        self.values.append(value)
        return f"${len(self.values)}"

    def condition(self, condition: Condition | str) -> str:
        if isinstance(condition, str):
            return condition
        text, value = condition
        return text.format(self.mark(value))


async def read_search(
    db: Database, searches: Sequence[Search], window: Window, build: Build[T]
) -> Page[T]:
    """One page of several searches as one list.

    Args:
        db: The database.
        searches: At least one, with columns, sort columns and id columns of the same names.
        window: The requested part.
        build: Makes each row a value.
    """
    bound = await _bound(db, searches, window)
    arguments = _Arguments()
    parts = [_part(search, window, arguments) for search in searches]
    query, first = parts[0], searches[0]
    if len(parts) > 1:
        query = (
            "SELECT * FROM (" + " UNION ALL ".join(_named(parts)) + ") AS parts"
            f" ORDER BY {_order(first, window)} LIMIT {arguments.mark(window.size + 1)}"
        )
    rows = await db.fetch_list(
        lambda row: (_position(first, row), build(row)), query, *arguments.values
    )
    sign = -1 if is_descending(window) else 1
    found = [one for at, one in rows if bound is None or sign * _compared(at, bound) <= 0]
    page = page_of(found, window)
    if bound is None or len(found) > window.size:
        return page
    if is_backwards(window):
        after = None if page.items else bound
        return Page(
            page.items,
            more_before=True,
            more_after=True,
            continue_before=bound,
            continue_after=after,
        )
    before = None if page.items else bound
    return Page(
        page.items,
        more_before=page.more_before,
        more_after=True,
        continue_after=bound,
        continue_before=before,
    )


async def count_search(db: Database, search: Search, scan_limit: int) -> tuple[int, int]:
    """How many of the first rows of a search match, and how many were examined.

    Args:
        db: The database.
        search: The list.
        scan_limit: How many rows are examined at most.
    """
    arguments = _Arguments()
    examined = _rows(search, "*", Window(scan_limit, descending=True), arguments)
    residual = " AND ".join(map(arguments.condition, search.residual)) or "TRUE"
    query = (
        f"SELECT count(*) AS examined, coalesce(sum(CASE WHEN {residual} THEN 1 ELSE 0 END), 0)"
        f" AS matching FROM ({examined} LIMIT {scan_limit}) AS {search.table}"
    )
    (row,) = await db.fetch_list(dict, query, *arguments.values)
    return int(row["matching"]), int(row["examined"])


async def _bound(db: Database, searches: Sequence[Search], window: Window) -> Position | None:
    """The row at which the page ends, because it has examined enough; None: there is none.

    It is read before the rows: those that come or go meanwhile are neither repeated nor skipped.
    """
    arguments = _Arguments()
    parts = []
    for search in searches:
        if search.residual:
            keys = f"{search.sort_column}, {search.id_column}"
            rows = _rows(search, keys, window, arguments)
            parts.append(f"{rows} LIMIT 1 OFFSET {SCAN_LIMIT - 1}")
    if not parts:
        return None
    query = " UNION ALL ".join(_named(parts))
    found = await db.fetch_list(lambda row: _position(searches[0], row), query, *arguments.values)
    if not found:
        return None
    return (max if is_descending(window) else min)(found)  # the nearest one


def _position(search: Search, row: Row) -> Position:
    return row[search.sort_column], read_uuid(row[search.id_column])


def _compared(one: Position, other: Position) -> int:
    """-1, 0 or 1, as `one` is before `other` in ascending order, is the same, or is after it."""
    return (one > other) - (one < other)


def _part(search: Search, window: Window, arguments: _Arguments) -> str:
    """The statement that reads the items of one search."""
    if not search.residual:
        rows = _rows(search, search.columns, window, arguments)
        return f"{rows} LIMIT {arguments.mark(window.size + 1)}"
    rows = _rows(search, "*", window, arguments)
    residual = " AND ".join(map(arguments.condition, search.residual))
    # The rows of the subquery keep their order: nothing sorts or joins them. Its limit leaves room
    # for rows that have come since the bound was read. The bound itself is no condition: SQLite
    # would go on behind it, among rows with its sort value.
    return (
        f"SELECT {search.columns} FROM ({rows} LIMIT {SCAN_LIMIT + _MEANWHILE}) AS {search.table}"
        f" WHERE {residual} LIMIT {arguments.mark(window.size + 1)}"
    )


def _rows(search: Search, columns: str, window: Window, arguments: _Arguments) -> str:
    """The rows of a search from the window's anchor on, in order, without a limit."""
    key = f"({search.sort_column}, {search.id_column})"
    conditions = [arguments.condition(condition) for condition in search.within]
    anchor = window.anchor
    if anchor is not None:
        beyond = "<" if is_descending(window) else ">"
        own = anchor.id.bytes if search.id_is_bytes else anchor.id
        conditions.append(f"{key} {beyond} ({arguments.mark(anchor.value)}, {arguments.mark(own)})")
    return (
        f"SELECT {columns} FROM {search.table}{search.index} WHERE {' AND '.join(conditions)}"
        f" ORDER BY {_order(search, window)}"
    )


def _named(parts: Sequence[str]) -> list[str]:
    return [f"SELECT * FROM ({part}) AS part{number}" for number, part in enumerate(parts)]


def _order(search: Search, window: Window) -> str:
    way = "DESC" if is_descending(window) else "ASC"
    return f"{search.sort_column} {way}, {search.id_column} {way}"
