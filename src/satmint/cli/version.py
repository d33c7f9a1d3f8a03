"""`satmint version`: print the versions of satmint, of its database schema, and of Python.

It imports nothing that a command on a deployment needs, so that it answers at once.
"""

import platform
from pathlib import Path

import typer

from satmint import __version__
from satmint.cli.plain import HELP_NAMES, Json, PlainCommand
from satmint.cli.report import Report

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command(cls=PlainCommand, context_settings=HELP_NAMES)
def version(as_json: Json = False) -> None:
    """Print the versions of satmint, of its database schema, and of Python."""
    write_version(as_json=as_json)


def write_version(*, as_json: bool) -> int:
    """Write the versions; return the exit code 0.

    Raises:
        OutputFailed: standard output cannot be written.
    """
    versions: dict[str, object] = {
        "version": __version__,
        "schema": schema_version(),
        "python": platform.python_version(),
    }
    report = Report(as_json=as_json)
    report.write_json(versions)
    report.write_properties({"satmint": versions.pop("version"), **versions})
    return 0


def schema_version() -> int:
    """The newest schema that this version of satmint knows, by the files of its migrations."""
    folder = Path(__file__).parents[1] / "store" / "sql" / "migrations" / "sqlite"
    return max(int(file.name[:4]) for file in folder.glob("*.sql"))
