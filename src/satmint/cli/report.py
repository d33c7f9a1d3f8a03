"""Output of commands: JSON on one line for programs, or text and tables for people."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

EXIT_FAILED: Final = 1
"""Exit code of a command that was refused or failed."""
EXIT_USAGE: Final = 2
"""Exit code for an invalid command line, setting or file."""

_UNLIMITED_WIDTH: Final = 10_000


class Failure(Exception):
    """Ends a command with a message to its user. The message contains no secret."""

    def __init__(self, text: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class UsageError(Failure):
    """The command line, a setting or a file is invalid."""

    def __init__(self, text: str) -> None:
        super().__init__(text, EXIT_USAGE)


class Report:
    """Writes to standard output: either JSON for programs, or text for people."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else _UNLIMITED_WIDTH
        self._console = Console(highlight=False, markup=False, emoji=False, width=width)

    def write_json(self, value: object) -> None:
        """Write the result as one line of JSON. Without `--json`, write nothing."""
        if self.as_json:
            sys.stdout.write(to_json(value) + "\n")
            sys.stdout.flush()

    def write_line(self, text: str | Text = "") -> None:
        """Write a line of text, without wrapping, so that it can be copied. Not with `--json`."""
        if not self.as_json:
            self._console.print(text, soft_wrap=True)

    def write_drawing(self, drawing: RenderableType) -> None:
        """Draw a table or a panel; in a pipe, as wide as its content. Not with `--json`."""
        if not self.as_json:
            self._console.print(drawing)

    def write_table(
        self,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, object]],
        *,
        none: str,
        more: bool = False,
    ) -> None:
        """Write a list: with `--json`, an array with all properties; otherwise, a table.

        Args:
            columns: The names of the properties in the table.
            rows: The rows, each with its properties by name.
            none: The text instead of an empty table.
            more: Whether there are more rows; standard error then has a note.
        """
        self.write_json(rows)
        if not rows:
            self.write_line(none)
        elif not self.as_json:
            self.write_drawing(_table(columns, rows))
        if more:
            write_message(
                f"only the first {len(rows)} are shown: raise --limit",
                "note",
                as_json=self.as_json,
            )

    def write_properties(self, named: Mapping[str, object]) -> None:
        """Write the properties of one record, one on each line."""
        for text in format_properties(named):
            self.write_line(text)


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        # Other columns may fold. An id stays on one line, so that it can be copied.
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(format_cell(row[column]) for column in columns))
    return table


def format_properties(named: Mapping[str, object]) -> list[Text]:
    """The properties of a record as lines."""
    width = max(map(len, named), default=0)
    return [
        Text.assemble((f"{name:<{width}}", "bold"), "  ", format_cell(value))
        for name, value in named.items()
    ]


def format_cell(value: object) -> Text:
    """A value as text for people."""
    match value:
        case None | "" | ():
            return Text("-", "dim")
        case bool():
            return Text("yes" if value else "no")
        case tuple():
            return Text(escape_unprintable(", ".join(map(str, value))))
        case Text():
            return value
        case _:
            return Text(escape_unprintable(str(value)))


def escape_unprintable(text: str) -> str:
    """Escape the characters of `text` that are not printable.

    Clients choose names and user agents: these must not control the terminal or forge a line.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def to_json(value: object) -> str:
    """`value` as one line of JSON."""
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"), ensure_ascii=False)


def write_message(text: str, kind: str, *, as_json: bool) -> None:
    """Write a message as one line on standard error.

    Args:
        text: The message.
        kind: `error`, `warning` or `note`: the name of the member in JSON.
        as_json: Whether to write JSON.
    """
    line = " ".join(text.split())
    if as_json:
        sys.stderr.write(to_json({kind: line}) + "\n")
        return
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    name = "\x1b[31msatmint:\x1b[0m" if coloured else "satmint:"
    prefix = "warning: " if kind == "warning" else ""
    sys.stderr.write(f"{name} {prefix}{line}\n")
