"""The table for people at a terminal."""

from rich.console import Console
from rich.table import Table

from benchmarks.bars import bars
from benchmarks.report import Report, Section


def show(report: Report, console: Console) -> None:
    """Print `report`."""
    machine = report.machine
    console.print(
        f"{machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python},"
        f" SQLite {machine.sqlite} on {machine.filesystem}, commit {machine.commit}",
        highlight=False,
    )
    for section in report.sections.values():
        console.print(_figures(report, section))
    if report.races:
        console.print(_races(report))
    for cost in report.in_process:
        console.print(
            f"in process: {cost.what} {cost.median:.1f} µs (least {cost.least:.1f})",
            highlight=False,
        )
    console.print(_bars(report))
    for line in report.left_out:
        console.print(f"left out: {line}", style="yellow", highlight=False)


def _figures(report: Report, section: Section) -> Table:
    table = Table(title=f"{section.title}; {section.connections} connections")
    table.add_column("subject")
    for name in (
        "CPU µs",
        "x floor",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "RSS MB",
        "commit",
        "switches",
        "load",
        "other",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in section.summaries:
        table.add_row(
            report.subjects[summary.subject].name,
            " + ".join(f"{spread.median:,.0f}" for spread in summary.cpu_us.values()),
            "" if summary.times_floor is None else summary.times_floor.shown(2),
            summary.requests_per_second.shown(0),
            f"{summary.p50_ms.median:,.1f}",
            f"{summary.p99_ms.median:,.1f}",
            f"{summary.resident_mb:.0f}",
            "" if summary.batch_mean is None else f"{summary.batch_mean:.1f}",
            f"{summary.switches:.2f}",
            f"{summary.load_cores:.2f}",
            f"{summary.other_cores:.2f}",
        )
    return table


def _races(report: Report) -> Table:
    table = Table(title="one refresh token used twice at once: who got new tokens?")
    table.add_column("subject")
    for name in ("races", "one of the two", "both, the same", "both, different", "neither"):
        table.add_column(name, justify="right")
    for subject, races in report.races.items():
        counts = (races.races, races.one, races.same, races.double, races.none)
        table.add_row(report.subjects[subject].name, *(f"{count:,}" for count in counts))
    return table


def _bars(report: Report) -> Table:
    table = Table(title="what is promised")
    table.add_column("what", overflow="fold")
    for name in ("wanted", "got", "holds"):
        table.add_column(name, justify="right")
    for bar in bars(report):
        digits = 0 if not bar.unit else 2
        got = f"{bar.got.shown(digits)} {bar.unit}".strip()
        holds = "[green]yes[/]" if bar.holds else "[red]no[/]"
        table.add_row(bar.what, bar.wanted, got, holds)
    return table
