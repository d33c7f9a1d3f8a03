"""The program `satmint`: its commands and their exit codes.

Exit codes: 0 success, 1 failure or refusal, 2 wrong usage.
"""

import gc
import os
import sys
from importlib import import_module
from typing import Annotated, Final, NoReturn, cast

import typer
from typer.core import TyperCommand, TyperGroup

from satmint import __version__
from satmint.cli.plain import HELP_NAMES, PlainGroup
from satmint.cli.report import EXIT_USAGE, Failure, OutputFailed, write_message
from satmint.cli.streams import (
    escape_unencodable,
    flush_or_discard,
    is_output_error,
    open_standard_streams,
)
from satmint.cli.version import write_version

COMMANDS: Final = {
    "serve": "Run the server.",
    "dev": "Run a development server on this machine.",
    "doctor": "Examine a deployment, and say what to do.",
    "console": "Print a link that signs in to the console.",
    "version": "Print the versions of satmint, of its database schema, and of Python.",
    "project": "Create, list, rename and delete projects.",
    "subscriber": "List, show and delete subscribers.",
    "api-token": "Create, list and revoke API tokens.",
    "token": "Create, inspect and revoke tokens.",
    "address": "Create and list addresses.",
    "click-to-call": "Create, list and disable Click-to-Call tokens.",
    "session": "List, show and revoke sessions.",
    "events": "List and follow the audit trail.",
    "webhook": "Manage webhooks, and see what was sent to them.",
    "keys": "Manage the keyring of master keys.",
    "db": "Migrate, check, back up, restore and measure the database.",
    "openapi": "Print the OpenAPI document of the HTTP API.",
    "completion": "Print the completion script of a shell.",
}
"""The commands with their help. Each is a module of this package, imported only when it is used."""


class _Commands(PlainGroup):
    """A group that imports the module of a command only when the command is used."""

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
        """Show the list of commands without importing their modules."""
        self.listing = True
        super().format_help(ctx, formatter)  # type: ignore[arg-type]


app = typer.Typer(
    cls=_Commands,
    name="satmint",
    help="A self-hosted server for subscriber access tokens.",
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


# The base class of typer's exceptions for a wrong command line. typer does not export it.
_WrongUsage: Final = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])

_INTERRUPTED: Final = 130  # the convention of shells: 128 plus the number of SIGINT


def main() -> NoReturn:
    """The console script `satmint`."""
    os.umask(0o077)  # only this user may read databases, keyrings and private keys
    open_standard_streams()
    code = run(sys.argv[1:])
    # The interpreter would search all objects for cycles twice before it exits, for up to a second
    # on a loaded machine.
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code."""
    as_json = "--json" in arguments
    escape_unencodable(sys.stdout, sys.stderr)
    code = _run(arguments, as_json=as_json)
    fault = flush_or_discard(sys.stdout)
    if fault is not None and code == 0:
        code = _report_output_failure(OutputFailed(fault), as_json=as_json)
    flush_or_discard(sys.stderr)
    return code


def _run(arguments: list[str], *, as_json: bool) -> int:
    try:
        outcome = _outcome(arguments)
    except OutputFailed as failure:
        return _report_output_failure(failure, as_json=as_json)
    except Failure as failure:
        write_message(str(failure), "error", as_json=as_json)
        return failure.exit_code
    except _WrongUsage as error:
        return _report_usage_error(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except OSError as error:
        if not is_output_error(error):
            raise
        return _report_output_failure(OutputFailed(error), as_json=as_json)
    except SystemExit as ended:  # how help texts end when their reader has exited
        return ended.code if isinstance(ended.code, int) else 1
    return outcome if isinstance(outcome, int) else 0


def _outcome(arguments: list[str]) -> object:
    """Run the command, with failures as exceptions."""
    if arguments in (["version"], ["version", "--json"]):
        # typer would import pydantic to read the option, which takes longer than the command.
        return write_version(as_json=len(arguments) > 1)
    program = cast("_Commands", typer.main.get_command(app))
    program.commands = dict.fromkeys(COMMANDS, program)  # for suggestions when a name is mistyped
    return program.main(arguments, "satmint", standalone_mode=False)


def _report_output_failure(failure: OutputFailed, *, as_json: bool) -> int:
    """Nothing was made, or the message says what. A reader that has seen enough is no error."""
    if not failure.is_broken_pipe:
        write_message(str(failure), "error", as_json=as_json)
    return failure.exit_code


def _report_usage_error(error: typer.BadParameter, *, as_json: bool) -> int:
    text = error.format_message().strip()
    if text:  # empty if a group without a command has already shown its help
        if error.ctx is not None and not as_json:
            text = f"{text.rstrip('.')} (see `{error.ctx.command_path} --help`)"
        write_message(text, "error", as_json=as_json)
    return EXIT_USAGE
