"""What a command says, and to whom: a line of JSON for machines, words and tables for people."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

FAILED: Final = 1
"""Exit code of what was refused, or could not be done."""
MISUSED: Final = 2
"""Exit code of a command line, a setting or a file that makes no sense."""

_UNBOUNDED: Final = 10_000


class Failure(Exception):
    """A command ends here. The text is for whoever typed it, and shows no secret."""

    def __init__(self, text: str, exit_code: int = FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Misuse(Failure):
    """The command line, a setting or a file makes no sense."""

    def __init__(self, text: str) -> None:
        super().__init__(text, MISUSED)


class Report:
    """Standard output, for a person or for a machine."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else _UNBOUNDED
        self._console = Console(highlight=False, markup=False, emoji=False, width=width)

    def value(self, value: object) -> None:
        """The outcome, for machines: one line of JSON. For people there is the rest."""
        if self.as_json:
            sys.stdout.write(to_json(value) + "\n")
            sys.stdout.flush()

    def line(self, text: str | Text = "") -> None:
        """A line for people, never wrapped, so that what it shows can be copied."""
        if not self.as_json:
            self._console.print(text, soft_wrap=True)

    def show(self, drawing: RenderableType) -> None:
        """Something drawn for people; piped, it is as wide as its content."""
        if not self.as_json:
            self._console.print(drawing)

    def rows(
        self,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, object]],
        *,
        none: str,
        more: bool = False,
    ) -> None:
        """A list: for machines an array with everything, for people a table.

        Args:
            columns: What people are shown of it.
            rows: The things in it, by their properties' names.
            none: What is said to people where there are none.
            more: Whether the list goes on, which is then said on standard error.
        """
        self.value(rows)
        if not rows:
            self.line(none)
        elif not self.as_json:
            self.show(_table(columns, rows))
        if more:
            say(f"there are more than {len(rows)}: raise --limit", "note", as_json=self.as_json)

    def facts(self, named: Mapping[str, object]) -> None:
        """One thing, a line for each of its properties."""
        for text in facts(named):
            self.line(text)


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        # Whatever has to be folded, an id stays in one piece to be copied.
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(cell(row[column]) for column in columns))
    return table


def facts(named: Mapping[str, object]) -> list[Text]:
    """A line for each of a thing's properties."""
    width = max(map(len, named), default=0)
    return [
        Text.assemble((f"{name:<{width}}", "bold"), "  ", cell(value))
        for name, value in named.items()
    ]


def cell(value: object) -> Text:
    """A value as people read it."""
    match value:
        case None | "" | ():
            return Text("-", "dim")
        case bool():
            return Text("yes" if value else "no")
        case tuple():
            return Text(visible(", ".join(map(str, value))))
        case Text():
            return value
        case _:
            return Text(visible(str(value)))


def visible(text: str) -> str:
    """`text` with everything in it that a terminal would obey instead of show, escaped.

    Names and agents are what their owners chose: they must not clear a screen or forge a line.
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


def say(text: str, kind: str, *, as_json: bool) -> None:
    """One line on standard error.

    Args:
        text: What is to be said.
        kind: `error` or `note`: the member's name, for machines.
        as_json: Whether a machine reads it.
    """
    line = " ".join(text.split())
    if as_json:
        sys.stderr.write(to_json({kind: line}) + "\n")
        return
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    name = "\x1b[31msatmint:\x1b[0m" if coloured else "satmint:"
    sys.stderr.write(f"{name} {line}\n")
