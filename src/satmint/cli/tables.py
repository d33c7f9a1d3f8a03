"""Tables for people: as wide as the terminal, without breaking an id or a time."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.text import Text

from satmint.cli.cells import format_cell
from satmint.model.times import relative_time

_GAP: Final = 2
_COMFORTABLE: Final = 24
_LEAST: Final = 12
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_WORD: Final = re.compile(r"[a-z_]{1,20}")
"""A value such as a kind or a state, which is never cut."""
_WHOLE: Final = frozenset({"fingerprint", "id", "secret"})
"""The last words of the names of columns that are never cut: their values are copied."""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How a table is written.

    Attributes:
        width: The columns of the terminal. None: as wide as the content, as in a pipe.
        now: Times are written relative to this time, in Unix seconds. None: in ISO 8601.
        ellipsis: What follows text that was cut.
    """

    width: int | None = None
    now: int | None = None
    ellipsis: str = "…"


@dataclass(slots=True)
class _Column:
    """A column, in columns of the terminal.

    Attributes:
        name: The name of the property.
        cells: The header and the values.
        width: The width to use, at first that of the longest cell.
        comfortable: The width below which columns that give way are left out.
        least: The width below which any other column is left out.
    """

    name: str
    cells: list[Text]
    width: int
    comfortable: int
    least: int


def table_lines(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    form: TableFormat,
    gives_way: Sequence[str] = (),
) -> list[Text]:
    """A table as lines. The last lines say what is not shown, if anything.

    Args:
        columns: The names of the properties, most important first.
        rows: The rows, each with its properties by name.
        form: How to write it.
        gives_way: The columns that are left out before text is cut, in this order. If the rest
            does not fit, text is cut; then further columns are left out, from the last to the
            second.
    """
    table = [_column(name, rows, form.now) for name in columns]
    natural = {column.name: column.width for column in table}
    if form.width is not None:
        table = _fitting(table, gives_way, form.width)
    lines = [
        _line(cells, [column.width for column in table], form.ellipsis)
        for cells in zip(*(column.cells for column in table), strict=True)
    ]
    shown = {column.name for column in table}
    left_out = [_words(name) for name in columns if name not in shown]
    note = ""
    if left_out:
        note = f"Not shown: {', '.join(left_out)}. Show everything: --wide"
    elif any(column.width < natural[column.name] for column in table):
        note = "Text was shortened. Show everything: --wide"
    wrapped = textwrap.wrap(note, form.width or len(note) or 1, break_on_hyphens=False)
    return [*lines, *(Text(line, "dim") for line in wrapped)]


def _column(name: str, rows: Iterable[Mapping[str, object]], now: int | None) -> _Column:
    values = [row[name] for row in rows]
    is_time = all(_is_time(value) or value in (None, "") for value in values) and (
        name.endswith("_at") or any(map(_is_time, values))
    )
    title = _words(name)
    if is_time and now is not None:
        values = [_relative(value, now) for value in values]
        title = title.removesuffix(" at")
    cells = [Text(title, "bold"), *map(format_cell, values)]
    width = max(cell.cell_len for cell in cells)
    is_word = all(isinstance(value, str) and _WORD.fullmatch(value) for value in values if value)
    if is_time or is_word or name.rpartition("_")[2] in _WHOLE:
        return _Column(name, cells, width, width, width)
    least = max(_LEAST, cells[0].cell_len)
    return _Column(name, cells, width, min(width, max(_COMFORTABLE, least)), min(width, least))


def _fitting(table: Sequence[_Column], gives_way: Sequence[str], width: int) -> list[_Column]:
    """The columns that fit into `width`, with their widths set."""
    shown = list(table)
    first = [name for name in gives_way if name != table[0].name]
    then = [column.name for column in reversed(table[1:]) if column.name not in first]
    for name in first:
        if _width(column.comfortable for column in shown) > width:
            shown = [column for column in shown if column.name != name]
    for name in then:
        if _width(column.least for column in shown) > width:
            shown = [column for column in shown if column.name != name]
    rest = width - _width(column.least for column in shown)
    goals = [(column.comfortable, column) for column in shown]
    goals += [(column.width, column) for column in shown]
    for column in shown:
        column.width = column.least
    for goal, column in sorted(goals, key=lambda each: each[0]):
        more = max(0, min(goal - column.width, rest))
        column.width += more
        rest -= more
    return shown


def _width(widths: Iterable[int]) -> int:
    """The width of a line with columns of these widths."""
    return sum(width + _GAP for width in widths) - _GAP


def _line(cells: Sequence[Text], widths: Sequence[int], ellipsis: str) -> Text:
    """One line, without blanks at its end."""
    line = Text()
    for cell, width in zip(cells, widths, strict=True):
        shown = cell
        if cell.cell_len > width:
            shown = cell.copy()
            shown.truncate(width - 1)
            shown.append(ellipsis)
        line.append_text(shown).append(" " * (width - shown.cell_len + _GAP))
    line.rstrip()
    return line


def _words(name: str) -> str:
    return name.replace("_", " ")


def _is_time(value: object) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _relative(value: object, now: int) -> object:
    if not isinstance(value, str) or not value:
        return value
    return relative_time(int(datetime.fromisoformat(value).timestamp()), now)
