"""What came out, as values: for the table, for keeping, for the page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean, median
from typing import Final

import msgspec

from benchmarks.console_pages import PageFigures
from benchmarks.event_size import EventSize
from benchmarks.feed import FeedFigures
from benchmarks.gateway import LiveSessions
from benchmarks.inprocess import Cost
from benchmarks.machine import Machine
from benchmarks.meter import Result
from benchmarks.profiling import Profile
from benchmarks.races import Races
from benchmarks.storm import StormFigures
from benchmarks.tails import TailFigures
from benchmarks.verifying import VerifyFigures

FLOOR: Final = "floor"
_MEGABYTE: Final = 1_000_000

Round = Mapping[str, Result]
"""What each subject did in one round, by the subject's name."""


class Spread(msgspec.Struct, frozen=True):
    """A figure of several rounds."""

    median: float
    least: float
    most: float

    def shown(self, digits: int) -> str:
        """The median, with the least and the most if they differ."""
        middle = f"{self.median:,.{digits}f}"
        if self.least == self.most:
            return middle
        return f"{middle} ({self.least:,.{digits}f}–{self.most:,.{digits}f})"


class Subject(msgspec.Struct, frozen=True):
    """Who was measured."""

    name: str
    durability: str
    start_seconds: float
    """From the start of its process to its first answer."""
    workers: int = 1
    sessions: int = 0
    """How many were in its store beforehand, where that was what mattered."""
    disk_mb: float = 0.0
    """What they take there."""
    fill_seconds: float = 0.0
    """How long it took to put them there."""


class Summary(msgspec.Struct, frozen=True):
    """A subject at one operation, over all rounds."""

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


class Section(msgspec.Struct, frozen=True):
    """One thing that several subjects did in turns."""

    title: str
    summaries: list[Summary]
    rounds: list[dict[str, Result]]
    """Everything that was seen."""
    connections: int = 32


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmarks."""

    at: datetime
    command: str
    """What was asked for."""
    minutes: float
    quick: bool
    connections: int
    machine: Machine
    subjects: dict[str, Subject]
    sections: dict[str, Section]
    races: dict[str, Races]
    in_process: list[Cost]
    left_out: list[str]
    """What could not be measured, and why: a line each."""
    tails: list[TailFigures] = []
    console_pages: list[PageFigures] = []
    feed: list[FeedFigures] = []
    verifying: VerifyFigures | None = None
    live_sessions: list[LiveSessions] = []
    storms: list[StormFigures] = []
    event_sizes: list[EventSize] = []
    profiles: list[Profile] = []


def section(title: str, rounds: Sequence[Round], connections: int = 32) -> Section:
    """A section out of its rounds."""
    summaries = [_summary(subject, rounds) for subject in rounds[0]]
    return Section(title, summaries, [dict(round_) for round_ in rounds], connections)


def rate(result: Result) -> float:
    """Requests per second."""
    return result.requests / result.seconds


def cpu_us(result: Result, tree: str = "server") -> float:
    """CPU microseconds per request."""
    used = result.usage[tree]
    return used.cpu / result.requests * 1e6


def spread(values: Sequence[float]) -> Spread:
    """The middle and the ends of some figures."""
    return Spread(median(values), min(values), max(values))


def _summary(subject: str, rounds: Sequence[Round]) -> Summary:
    results = [round_[subject] for round_ in rounds]
    ratios = None
    if subject != FLOOR and FLOOR in rounds[0]:
        ratios = spread([cpu_us(round_[subject]) / cpu_us(round_[FLOOR]) for round_ in rounds])
    servers = [result.usage["server"] for result in results]
    requests = sum(result.requests for result in results)
    commits = sum(sum(result.batches.values()) for result in results)
    steps = sum(result.batched_steps for result in results)
    used = sum(used.cpu for used in servers)
    return Summary(
        subject=subject,
        requests_per_second=spread([rate(result) for result in results]),
        cpu_us={
            tree: spread([cpu_us(result, tree) for result in results]) for tree in results[0].usage
        },
        user_share=sum(used.user for used in servers) / used if used else 0.0,
        times_floor=ratios,
        p50_ms=spread([result.p50_ms for result in results]),
        p99_ms=spread([result.p99_ms for result in results]),
        resident_mb=servers[-1].resident / _MEGABYTE,
        switches=sum(used.switches for used in servers) / requests,
        answer_bytes=mean(result.answer_bytes for result in results),
        load_cores=mean(result.load_cores for result in results),
        other_cores=mean(result.other_cores for result in results),
        batch_mean=steps / commits if commits else None,
    )


def keep(report: Report, folder: Path) -> Path:
    """Write `report` into `folder` under its time and commit."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{report.at:%Y-%m-%dT%H%M%SZ}-{report.machine.commit}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return file


def read(file: Path) -> Report:
    """A report that was kept."""
    return msgspec.json.decode(file.read_bytes(), type=Report)
