"""Commands of typer with a simpler `--help`."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

Json = Annotated[
    bool, typer.Option("--json", metavar="", help="Print JSON on one line, including errors.")
]
HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class PlainCommand(TyperCommand):
    """A command whose option `--help` is shown without a placeholder for a value."""

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's types are private
        """The option `--help`."""
        return _without_value(super().get_help_option(ctx))


class PlainGroup(TyperGroup):
    """A group of commands whose option `--help` is shown without a placeholder for a value."""

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's types are private
        """The option `--help`."""
        return _without_value(super().get_help_option(ctx))


def group(name: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        name=name,
        cls=PlainGroup,
        no_args_is_help=True,
        add_completion=False,
        context_settings=HELP_NAMES,
        rich_markup_mode="markdown",
    )


def _without_value(option: Any) -> Any:  # noqa: ANN401 - typer's types are private
    if option is not None:
        option.metavar = ""
    return option
