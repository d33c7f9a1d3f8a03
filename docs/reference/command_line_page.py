"""The page `command-line.md`: every command with its help, from the commands themselves."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import typer

from satmint.cli.program import COMMANDS, app
from satmint.settings import FIELDS

_SETTINGS: Final = frozenset(field.name for field in FIELDS)
_GENERAL: Final = 10
"""An option of at least so many commands, with the same help, is listed once for all."""
_LISTED: Final = 10
"""A command that takes more settings as options names their page instead."""


def command_line_page(made: str) -> str:
    """Every command; `made` is the comment that says how."""
    root: Any = typer.main.get_command(app)
    found = [(f"satmint {name}", root.get_command(None, name)) for name in COMMANDS]
    commands = [one for name, command in found for one in _with_subcommands(name, command)]
    counts = Counter(_row(option) for _, command in commands for option in _options(command.params))
    general = {row for row, count in counts.items() if count >= _GENERAL}
    head = (
        "# Command line\n\n"
        f"{made}"
        "`satmint COMMAND --help` prints the same. Exit codes: 0 success, 1 failure or refusal,"
        " 2 wrong usage.\n\n"
        "Options of most commands:\n\n"
        f"{_table(row for row in counts if row in general)}"
    )
    return head + "".join(_command(name, command, general) for name, command in commands)


def _with_subcommands(name: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's
    yield name, command
    for below, one in getattr(command, "commands", {}).items():
        yield from _with_subcommands(f"{name} {below}", one)


def _command(name: str, command: Any, general: set[str]) -> str:  # noqa: ANN401 - typer's
    text = f"\n## {name}\n\n{(command.help or '').strip()}\n"
    if getattr(command, "commands", None):
        return text
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join((name, "[OPTIONS]", *(_usage(one) for one in arguments)))
    text += f"\n```text\n{usage}\n```\n"
    options = [one for one in _options(command.params) if _row(one) not in general]
    settings = [one for one in options if one.name in _SETTINGS]
    if len(settings) > _LISTED:
        options = [one for one in options if one not in settings]
    rows = [f"| `{one.metavar}` | {_cell(one.help)} |" for one in arguments]
    rows += map(_row, options)
    if rows:
        text += f"\n{_table(rows)}"
    if len(settings) > _LISTED:
        text += "\nEach [setting](settings.md) is an option, too.\n"
    return text


def _options(parameters: Iterable[Any]) -> Iterator[Any]:
    return (one for one in parameters if one.param_type_name == "option" and not one.hidden)


def _usage(argument: Any) -> str:  # noqa: ANN401 - typer's
    return str(argument.metavar) if argument.required else f"[{argument.metavar}]"


def _row(option: Any) -> str:  # noqa: ANN401 - typer's
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = f" `{option.metavar}`" if option.metavar else ""
    return f"| {names}{metavar} | {_cell(option.help)} |"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _table(rows: Iterable[str]) -> str:
    return "| option | description |\n|---|---|\n" + "\n".join(rows) + "\n"
