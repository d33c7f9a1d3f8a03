"""The program: which commands there are, and how each of them ends.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
"""

import os
import sys
from importlib import import_module
from typing import Annotated, Final, NoReturn, cast

import typer
from typer.core import TyperCommand, TyperGroup

from satmint import __version__
from satmint.cli.plain import HELP_NAMES, PlainGroup
from satmint.cli.report import MISUSED, Failure, say

COMMANDS: Final = {
    "serve": "Run the server.",
    "dev": "Run everything for a first try, on this machine only.",
    "project": "Projects: the tenants, each with its API tokens.",
    "token": "Tokens: issue, look into, revoke.",
    "address": "Addresses: the places that can be reached.",
    "click-to-call": "Click-to-Call tokens, for public web pages.",
    "session": "Sessions: who is signed in.",
    "events": "The audit trail: what happened.",
    "webhook": "Webhooks: whom to tell of alerts.",
    "keys": "The keyring: the master keys that all tokens hang on.",
    "db": "The database: migrate, check, back up.",
    "openapi": "Print the description of the HTTP API.",
}
"""Each is a module of this room, imported only when it is asked for."""


class _Commands(PlainGroup):
    """Knows its commands by name and loads one when it is used."""

    listing = False

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - typer's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: object,  # noqa: ARG002 - typer's signature
        cmd_name: str,
    ) -> TyperCommand | TyperGroup | None:
        if cmd_name not in COMMANDS:
            return None
        if self.listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        module = import_module(f"satmint.cli.{cmd_name.replace('-', '_')}")
        command = cast("TyperCommand | TyperGroup", typer.main.get_command(module.app))
        command.help = command.help or COMMANDS[cmd_name]
        return command

    def format_help(self, ctx: object, formatter: object) -> None:
        """Show the list of commands without loading any of them."""
        self.listing = True
        super().format_help(ctx, formatter)  # type: ignore[arg-type]


app = typer.Typer(
    cls=_Commands,
    name="satmint",
    help="A self-hosted mint for subscriber access tokens.",
    no_args_is_help=True,
    add_completion=False,
    context_settings=HELP_NAMES,
    rich_markup_mode="markdown",
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"satmint {__version__}\n")
        raise typer.Exit


@app.callback()
def _satmint(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            is_eager=True,
            callback=lambda wanted: _show_version(wanted=wanted),
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    pass


# The root of what typer raises at a wrong command line; it has no public name there.
_WrongUsage: Final = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])

_INTERRUPTED: Final = 130  # as shells have it: 128 and the number of SIGINT


def main() -> NoReturn:
    """The console script `satmint`."""
    os.umask(0o077)  # databases, keyrings and certificates are nobody else's business
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit code."""
    as_json = "--json" in arguments
    program = cast("_Commands", typer.main.get_command(app))
    program.commands = dict.fromkeys(COMMANDS, program)  # what a mistyped name is compared with
    try:
        outcome = program.main(arguments, "satmint", standalone_mode=False)
    except Failure as failure:
        say(str(failure), "error", as_json=as_json)
        return failure.exit_code
    except _WrongUsage as error:
        return _misused(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. What is left must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return outcome if isinstance(outcome, int) else 0


def _misused(error: typer.BadParameter, *, as_json: bool) -> int:
    text = error.format_message().strip()
    if text:  # a group without a command has shown its help already
        if error.ctx is not None and not as_json:
            text = f"{text.rstrip('.')} (see `{error.ctx.command_path} --help`)"
        say(text, "error", as_json=as_json)
    return MISUSED
