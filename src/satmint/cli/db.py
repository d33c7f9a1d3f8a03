"""`satmint db`: look after the database, while servers run on it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from satmint.cli.command import Work, command
from satmint.cli.plain import group
from satmint.cli.report import Failure
from satmint.model.database_url import without_password
from satmint.upkeep import back_up_database, check_database, migrate_database

app = group("db")


@command(app, "migrate")
def migrate(work: Work) -> None:
    """Bring the database to the present schema, creating it if need be."""
    applied = migrate_database(work.settings, work.clock.now())
    database = without_password(work.settings.database)
    work.report.value({"database": database, "applied": applied})
    work.report.line(
        f"{database}: applied {', '.join(applied)}." if applied else f"{database}: nothing to do."
    )


@command(app, "check")
def check(work: Work) -> None:
    """Read all of the database and see whether it is whole and of the present schema."""
    found = check_database(work.settings)
    database = without_password(work.settings.database)
    work.report.value(
        {
            "database": database,
            "sound": found.sound,
            "faults": found.faults,
            "pending": found.pending,
        }
    )
    if found.faults:
        more = len(found.faults) - 1
        raise Failure(
            f"the database is damaged: {found.faults[0]}" + (f" (and {more} more)" if more else "")
        )
    if found.pending:
        raise Failure(f"the database lacks {', '.join(found.pending)}: run `satmint db migrate`")
    work.report.line(f"{database}: whole, and of the present schema.")


@command(app, "backup")
def backup(
    work: Work,
    destination: Annotated[
        Path, typer.Argument(metavar="FILE", help="The copy; must not exist yet.")
    ],
) -> None:
    """Copy the database as it is at this moment, while servers go on.

    To restore it: stop the servers, put the copy in the database's place, and remove the files
    beside it that end in -wal and -shm. Sessions made or refreshed since the backup are refused
    afterwards. The keyring is not in it: keep a copy of that apart.
    """
    try:
        with _bar(work) as progress:
            size = back_up_database(work.settings, destination, progress.told)
    except FileExistsError as error:
        raise Failure(f"{destination} exists already: a backup never replaces a file") from error
    except OSError as error:
        raise Failure(
            f"cannot write {destination}: {(error.strerror or str(error)).lower()}"
        ) from error
    work.report.value({"backup": str(destination.absolute()), "bytes": size})
    work.report.line(f"{destination}: {size} bytes.")


class _Bar:
    """A progress bar on standard error, for a person at a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("backup")

    def told(self, done: int, total: int) -> None:
        """So many pages are done, of so many."""
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def _bar(work: Work) -> Iterator[_Bar]:
    shown = sys.stderr.isatty() and not work.report.as_json
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=Console(stderr=True),
        disable=not shown,
        transient=True,
    )
    with progress:
        yield _Bar(progress)
