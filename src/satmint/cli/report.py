"""Output of commands: JSON on one line for programs, or text and tables for people."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from rich.console import Console, RenderableType
from rich.text import Text

from satmint.cli.cells import format_cell
from satmint.cli.pager import page
from satmint.cli.streams import flush_or_discard, is_unicode, output_fault, terminal_size
from satmint.cli.tables import TableFormat, table_lines
from satmint.model.clock import SystemClock

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


class OutputFailed(Failure):
    """Standard output cannot be written: a full disk, a reader that has exited, a closed stream."""

    def __init__(self, error: OSError, unwritten: str = "") -> None:
        """Describe the failure.

        Args:
            error: The error of the stream.
            unwritten: The text that was not written.
        """
        super().__init__(f"cannot write to standard output: {(error.strerror or 'failed').lower()}")
        self.is_broken_pipe = isinstance(error, BrokenPipeError)
        self.unwritten = unwritten


class _Rendered(io.StringIO):
    """Text for standard output, which rich would write in its own way."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # nobody assigns it
        """That of standard output: some lines and boxes have another form in ASCII."""
        return sys.stdout.encoding or "utf-8"

    def isatty(self) -> bool:
        """Whether the text is for a terminal, with colours."""
        return sys.stdout.isatty()

    def take(self) -> str:
        """Return the text, and begin anew."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class Report:
    """Writes to standard output: either JSON for programs, or text for people.

    Every method that writes raises `OutputFailed` if standard output cannot be written.
    """

    def __init__(self, *, as_json: bool, wide: bool = False) -> None:
        """Prepare to write.

        Args:
            as_json: Whether to write JSON.
            wide: Whether tables show everything, however wide the terminal is.
        """
        self.as_json = as_json
        self._terminal = terminal_size()
        self._wide = wide
        width = _UNLIMITED_WIDTH if self._terminal is None else self._terminal.columns
        self._rendered = _Rendered()
        self._console = Console(
            file=self._rendered, highlight=False, markup=False, emoji=False, width=width
        )

    def require_output(self) -> None:
        """Fail before anything is done, if it is known that the result cannot be written.

        Raises:
            OutputFailed: it cannot.
        """
        fault = output_fault()
        if fault is not None:
            raise OutputFailed(fault)

    def write_json(self, value: object) -> None:
        """Write the result as one line of JSON. Without `--json`, write nothing."""
        if self.as_json:
            self._write(to_json(value, ascii_only=not is_unicode(sys.stdout)) + "\n")

    def write_line(self, text: str | Text = "") -> None:
        """Write a line of text, without wrapping, so that it can be copied. Not with `--json`."""
        if not self.as_json:
            self._console.print(text, soft_wrap=True)
            self._write(self._rendered.take())

    def write_drawing(self, drawing: RenderableType) -> None:
        """Draw a table or a panel; in a pipe, as wide as its content. Not with `--json`."""
        if not self.as_json:
            self._console.print(drawing)
            self._write(self._rendered.take())

    def _write(self, text: str) -> None:
        """Write at once, so that a failure is known before the command ends."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            flush_or_discard(sys.stdout)
            raise OutputFailed(error, text) from error

    def write_table(
        self,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, object]],
        *,
        none: str,
        more: bool = False,
        gives_way: Sequence[str] = (),
    ) -> None:
        """Write a list: with `--json`, an array with all properties; otherwise, a table.

        On a terminal, the table fits its width, times are relative, and a long table is shown by
        the pager. Ids and times are never broken.

        Args:
            columns: The names of the properties in the table, most important first.
            rows: The rows, each with its properties by name. Times are in ISO 8601.
            none: The text instead of an empty table.
            more: Whether there are more rows; standard error then has a note.
            gives_way: Columns that a narrow terminal does not show, before any text is cut; the
                first of them first.
        """
        self.write_json(rows)
        if not rows:
            self.write_line(none)
        elif not self.as_json:
            self._write_lines(table_lines(columns, rows, self._table_format(), gives_way))
        if more:
            write_message(
                f"only the first {len(rows)} are shown: raise --limit",
                "note",
                as_json=self.as_json,
            )

    def _table_format(self) -> TableFormat:
        if self._terminal is None or self._wide:
            return TableFormat()
        ellipsis = "…" if is_unicode(sys.stdout) else "~"
        return TableFormat(self._terminal.columns, SystemClock().now(), ellipsis)

    def _write_lines(self, lines: Sequence[Text]) -> None:
        """Write lines of a table: those that are more than a terminal has, through the pager."""
        for line in lines:
            self._console.print(line, soft_wrap=True)
        text = self._rendered.take()
        if self._terminal is None or len(lines) < self._terminal.lines or not page(text):
            self._write(text)

    def write_properties(self, named: Mapping[str, object]) -> None:
        """Write the properties of one record, one on each line."""
        for text in format_properties(named):
            self.write_line(text)


def format_properties(named: Mapping[str, object]) -> list[Text]:
    """The properties of a record as lines."""
    width = max(map(len, named), default=0)
    return [
        Text.assemble((f"{name:<{width}}", "bold"), "  ", format_cell(value))
        for name, value in named.items()
    ]


def to_json(value: object, *, ascii_only: bool = False) -> str:
    """`value` as one line of JSON."""
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"), ensure_ascii=ascii_only)


def write_message(text: str, kind: str, *, as_json: bool) -> None:
    """Write a message as one line on standard error. If that is not possible, nothing happens.

    Args:
        text: The message.
        kind: `error`, `warning` or `note`: the name of the member in JSON.
        as_json: Whether to write JSON.
    """
    line = " ".join(text.split())
    if as_json:
        written = to_json({kind: line}, ascii_only=not is_unicode(sys.stderr))
    else:
        coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        name = "\x1b[31msatmint:\x1b[0m" if coloured else "satmint:"
        written = f"{name} {'warning: ' if kind == 'warning' else ''}{line}"
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{written}\n")
    flush_or_discard(sys.stderr)
