"""`satmint db copy`: move a deployment to another database, with all of its sessions."""

from typing import Annotated, Final

import typer

from satmint.cli.command import CommandContext
from satmint.cli.progress import Bar, is_bar_shown, progress_bar
from satmint.cli.report import Report, UsageError
from satmint.copying.database import copy_database
from satmint.copying.rows import CopyObserver
from satmint.model.database_url import check_database_url, without_password
from satmint.model.times import iso

_STEPS: Final = {"copy": "Copying", "verify": "Verifying"}
_TENTHS: Final = 10


async def copy(
    ctx: CommandContext,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="The URL of the new database: an empty PostgreSQL database, or an SQLite file that"
            " does not exist. Or the copy that was interrupted.",
        ),
    ],
) -> None:
    """Move the deployment to another database; all sessions and tokens stay valid.

    Stop the servers first. From SQLite to PostgreSQL and back, or between two of a kind. The
    command copies every row, compares each with its copy, tries samples of every kind, and then
    retires the source: no server starts on it any more. Start the servers with the new database
    and the same keyring. Until then, nothing of the source is changed. If the command is
    interrupted, run it again: it continues.
    """
    target = _database(to)
    name = without_password(target)
    with progress_bar(ctx.report, "copy") as bar:
        result = await copy_database(
            ctx.settings, target, ctx.clock, ctx.entropy, _Progress(ctx.report, bar)
        )
    incarnation = result.incarnation
    tables = [{"table": table, "rows": rows} for table, rows in result.rows.items()]
    source = without_password(ctx.settings.database)
    ctx.report.write_json(
        {
            "source": source,
            "database": name,
            "incarnation": {
                "id": incarnation.id,
                "number": incarnation.number,
                "began_at": iso(incarnation.began_at),
            },
            "rows": result.rows,
            "samples": result.samples,
        }
    )
    if ctx.report.as_json:
        return
    if tables:
        ctx.report.write_table(("table", "rows"), tables, none="")
        tried = ", ".join(
            f"{count} {kind.replace('_', ' ')}" for kind, count in result.samples.items()
        )
        ctx.report.write_line(
            f"Verified {sum(result.rows.values())} rows" + (f"; tried {tried}." if tried else ".")
        )
    ctx.report.write_line(
        f"{name} continues incarnation {incarnation.number}. Start the servers with --database"
        f" {name} and the same keyring; none starts on {source} any more."
    )


def _database(text: str) -> str:
    """Return `text` if it is the URL of a database.

    Raises:
        UsageError: it is none.
    """
    try:
        return check_database_url(text)
    except ValueError as error:
        raise UsageError(f"--to {error}") from error


class _Progress(CopyObserver):
    """Shows a bar on a terminal, and a line for each tenth in a pipe."""

    def __init__(self, report: Report, bar: Bar) -> None:
        self._report = report
        self._bar = bar
        self._is_bar_shown = is_bar_shown(report)
        self._step = ""
        self._done = self._total = self._tenths = 0

    def begin(self, step: str, total: int) -> None:
        """See `CopyObserver.begin`."""
        self._step, self._total = _STEPS[step], total
        self._done = self._tenths = 0
        self._bar.update(0, total)

    def advance(self, table: str, rows: int) -> None:
        """See `CopyObserver.advance`."""
        self._done += rows
        self._bar.describe(f"{self._step} {table}")
        self._bar.update(self._done, self._total)
        tenths = _TENTHS * self._done // self._total if self._total else 0
        if not self._is_bar_shown and tenths > self._tenths:
            self._tenths = tenths
            self._report.write_line(f"{self._step}: {self._done} of {self._total} rows.")
