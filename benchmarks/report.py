"""Figures as a table for people and as JSON for keeping."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean, median
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.inprocess import Cost
from benchmarks.load import Result
from benchmarks.machine import Machine
from benchmarks.subjects import FLOOR

Round = Mapping[str, Result]
"""What each subject did in one round, by the subject's name."""

_MEGABYTE: Final = 1_000_000


class Spread(msgspec.Struct, frozen=True):
    """A figure of several rounds."""

    median: float
    least: float
    most: float


class Summary(msgspec.Struct, frozen=True):
    """A subject at one operation, over all rounds."""

    operation: str
    subject: str
    requests_per_second: Spread
    cpu_us: dict[str, Spread]
    """User and system CPU per request, by process tree."""
    user_share: float
    """Of the server's CPU, the part in user space."""
    times_floor: Spread | None
    """CPU of the server per request, divided by the floor's in the same round."""
    p50_ms: Spread
    p99_ms: Spread
    resident_mb: float
    """Of the server at the end of its last round."""
    switches: float
    """Context switches of the server per request."""
    answer_bytes: float
    load_cores: float
    other_cores: float
    batch_mean: float | None
    """Steps per commit."""
    batches: dict[str, int]
    """Commits by size: over the bound before, up to this one."""


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmarks."""

    at: datetime
    quick: bool
    connections: int
    machine: Machine
    start_seconds: dict[str, float]
    """From the start of each subject's process to its first answer."""
    summaries: list[Summary]
    in_process: list[Cost]
    rounds: dict[str, list[dict[str, Result]]]
    """Everything that was seen, by operation."""


def summarise(operation: str, rounds: Sequence[Round]) -> list[Summary]:
    """A summary for each subject of the rounds of one operation."""
    return [_summary(operation, subject, rounds) for subject in rounds[0]]


def _summary(operation: str, subject: str, rounds: Sequence[Round]) -> Summary:
    results = [round_[subject] for round_ in rounds]
    ratios = None
    if subject != FLOOR:
        ratios = _spread(
            [_cpu(round_[subject], "server") / _cpu(round_[FLOOR], "server") for round_ in rounds]
        )
    servers = [result.usage["server"] for result in results]
    requests = sum(result.requests for result in results)
    batches = {
        bound: sum(result.batches[bound] for result in results) for bound in results[0].batches
    }
    commits = sum(batches.values())
    return Summary(
        operation=operation,
        subject=subject,
        requests_per_second=_spread([result.requests / result.seconds for result in results]),
        cpu_us={
            tree: _spread([_cpu(result, tree) for result in results]) for tree in results[0].usage
        },
        user_share=sum(used.user for used in servers)
        / sum(used.user + used.system for used in servers),
        times_floor=ratios,
        p50_ms=_spread([result.p50_ms for result in results]),
        p99_ms=_spread([result.p99_ms for result in results]),
        resident_mb=servers[-1].resident / _MEGABYTE,
        switches=sum(used.switches for used in servers) / requests,
        answer_bytes=mean(result.answer_bytes for result in results),
        load_cores=mean(result.load_cores for result in results),
        other_cores=mean(result.other_cores for result in results),
        batch_mean=sum(result.batched_steps for result in results) / commits if commits else None,
        batches=batches,
    )


def _cpu(result: Result, tree: str) -> float:
    used = result.usage[tree]
    return (used.user + used.system) / result.requests * 1e6


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def show(report: Report, console: Console) -> None:
    """Print `report` for people."""
    machine = report.machine
    console.print(
        f"{machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python},"
        f" SQLite {machine.sqlite} on {machine.filesystem}, commit {machine.commit}",
        highlight=False,
    )
    console.print(_table(report))
    for summary in report.summaries:
        if summary.batch_mean is not None:
            sizes = ", ".join(
                f"≤{float(bound):g}: {count}" for bound, count in summary.batches.items() if count
            )
            console.print(
                f"{summary.operation}: {summary.batch_mean:.1f} steps per commit ({sizes})",
                highlight=False,
            )
    for subject, seconds in report.start_seconds.items():
        console.print(f"start to ready: {subject} {seconds:.2f} s", highlight=False)
    for cost in report.in_process:
        console.print(
            f"in process: {cost.what} {cost.median:.1f} µs (least {cost.least:.1f})",
            highlight=False,
        )


def _table(report: Report) -> Table:
    table = Table(title=f"{report.connections} connections; median (least to most) of the rounds")
    for name in ("operation", "subject"):
        table.add_column(name, no_wrap=True)
    for name in (
        "CPU µs per request",
        "x floor",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "RSS MB",
        "user CPU",
        "switches",
        "answer B",
        "load cores",
        "other cores",
    ):
        table.add_column(name, justify="right")
    for summary in report.summaries:
        table.add_row(
            summary.operation,
            summary.subject,
            " + ".join(_format(spread, 0) for spread in summary.cpu_us.values()),
            "" if summary.times_floor is None else _format(summary.times_floor, 2),
            _format(summary.requests_per_second, 0),
            _format(summary.p50_ms, 1),
            _format(summary.p99_ms, 1),
            f"{summary.resident_mb:.0f}",
            f"{summary.user_share:.0%}",
            f"{summary.switches:.2f}",
            f"{summary.answer_bytes:.0f}",
            f"{summary.load_cores:.2f}",
            f"{summary.other_cores:.2f}",
        )
    return table


def _format(spread: Spread, digits: int) -> str:
    return f"{spread.median:.{digits}f} ({spread.least:.{digits}f}–{spread.most:.{digits}f})"


def keep(report: Report, folder: Path) -> Path:
    """Write `report` into `folder` under its time and commit."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{report.at:%Y-%m-%dT%H%M%SZ}-{report.machine.commit}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return file
