"""A progress bar on standard error, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from satmint.cli.report import Report


class Bar:
    """A progress bar. Created by `progress_bar`."""

    def __init__(self, progress: Progress, description: str) -> None:
        self._progress = progress
        self._task = progress.add_task(description)

    def update(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        self._progress.update(self._task, completed=done, total=total)

    def describe(self, description: str) -> None:
        """Show another description."""
        self._progress.update(self._task, description=description)


def is_bar_shown(report: Report) -> bool:
    """Whether a progress bar is visible."""
    return sys.stderr.isatty() and not report.as_json


@contextmanager
def progress_bar(report: Report, description: str) -> Iterator[Bar]:
    """A bar for the duration of the block; it disappears at its end."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=Console(stderr=True),
        disable=not is_bar_shown(report),
        transient=True,
    )
    with progress:
        yield Bar(progress, description)
