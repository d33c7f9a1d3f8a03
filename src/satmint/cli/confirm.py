"""Asks before a command that cannot be undone."""

import sys
from typing import Annotated

import typer

from satmint.cli.report import Failure, Report, UsageError

Yes = Annotated[bool, typer.Option("--yes", metavar="", help="Do not ask for confirmation.")]


def confirm(report: Report, question: str, *, yes: bool) -> None:
    """Ask on a terminal; a program has to pass `--yes`.

    Args:
        report: The output of the command.
        question: What is going to happen, as a question.
        yes: Whether `--yes` was given.

    Raises:
        UsageError: there is nobody to ask.
        Failure: the answer is no.
    """
    if yes:
        return
    if report.as_json or not sys.stdin.isatty():
        raise UsageError(f"{question} Confirm with --yes")
    if not typer.confirm(question, err=True):
        raise Failure("cancelled: nothing was changed")
