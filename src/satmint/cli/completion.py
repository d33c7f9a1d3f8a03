"""`satmint completion`: print a script with which a shell completes the command line.

The script contains all commands, options and choices, so that completing starts no program.
"""

import sys
from collections.abc import Iterator
from enum import Enum, StrEnum
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import typer

from satmint.cli.completion_scripts import (
    CommandNode,
    Parameter,
    bash_script,
    fish_script,
    zsh_script,
)
from satmint.cli.plain import HELP_NAMES, Json, PlainCommand
from satmint.cli.report import Report

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS: Final = {Shell.BASH: bash_script, Shell.ZSH: zsh_script, Shell.FISH: fish_script}
_FILES: Final = frozenset({"FILE", "DIR"})


@app.command(cls=PlainCommand, context_settings=HELP_NAMES)
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    as_json: Json = False,
) -> None:
    """Print a script that completes commands, options and choices.

    In bash, add `source <(satmint completion bash)` to ~/.bashrc. In zsh, add `source <(satmint
    completion zsh)` to ~/.zshrc, after `compinit`. In fish, run `satmint completion fish >
    ~/.config/fish/completions/satmint.fish`.
    """
    script = _SCRIPTS[shell](tuple(command_tree()))
    if as_json:
        Report(as_json=True).write_json({"shell": shell.value, "script": script})
    else:
        sys.stdout.write(script)


def command_tree() -> Iterator[CommandNode]:
    """All commands of the program."""
    # Not at the top: that module names this one's commands.
    from satmint.cli.program import app as program  # noqa: PLC0415

    yield from _nodes("satmint", typer.main.get_command(program))


def _nodes(path: str, command: Any) -> Iterator[CommandNode]:  # noqa: ANN401 - typer's are private
    context = typer.Context(command, info_name=path)
    names = command.list_commands(context) if hasattr(command, "list_commands") else ()
    inner = {name: command.get_command(context, name) for name in names}
    yield CommandNode(
        path,
        [(name, _first_sentence(found.help)) for name, found in inner.items()],
        [_parameter(found) for found in command.get_params(context) if not found.hidden],
    )
    for name, found in inner.items():
        yield from _nodes(f"{path} {name}", found)


def _parameter(found: Any) -> Parameter:  # noqa: ANN401 - typer's type is private
    is_option = found.param_type_name == "option"
    descriptor = getattr(found, "type_descriptor", None)
    metavar = found.metavar or ""
    return Parameter(
        tuple(found.opts) if is_option else (),
        _first_sentence(getattr(found, "help", None)),
        not (is_option and (found.is_flag or found.is_eager)),
        _choices(None if descriptor is None else descriptor.annotation)
        or (tuple(metavar.split("|")) if "|" in metavar else ()),
        metavar in _FILES,
    )


def _choices(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 - any annotation
    """The values of an enumeration or a literal type, also inside of another type."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(each.value) for each in annotation)
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return next(filter(None, map(_choices, get_args(annotation))), ())


def _first_sentence(text: str | None) -> str:
    """The first sentence of a help text, on one line, without markup."""
    line = " ".join((text or "").replace("`", "").split())
    return line.partition(". ")[0].removesuffix(".")
