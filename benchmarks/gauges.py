"""Reading what a process tree has used, from /proc, and histograms from `/metrics`. Linux only."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import msgspec

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_BUCKET: Final = re.compile(r'_bucket\{(.*,)?le="([^"]+)"(.*)\} (\S+)')


class Usage(msgspec.Struct, frozen=True):
    """What a process tree has used since it began, except `resident`, which is now."""

    user: float
    """CPU seconds in user space, all threads, and all children that have ended by now."""
    system: float
    """CPU seconds in the kernel, likewise."""
    resident: int
    """Bytes of memory in RAM."""
    switches: int
    """Context switches of all living threads."""

    @property
    def cpu(self) -> float:
        """CPU seconds, in user space and in the kernel."""
        return self.user + self.system

    def since(self, before: "Usage") -> "Usage":
        """What came to it since `before`; `resident` is of now."""
        return Usage(
            self.user - before.user,
            self.system - before.system,
            self.resident,
            self.switches - before.switches,
        )


def usage_of(root: int) -> Usage:
    """What the process `root` and all its descendants have used."""
    user = system = resident = switches = 0
    for process in tree(root):
        folder = Path("/proc") / str(process)
        # A process or a thread may end while it is looked at. What it used is its parent's then.
        with suppress(FileNotFoundError, ProcessLookupError):
            # The command's name stands in parentheses and may hold anything: read on after it.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
            resident += int(fields[21]) * _PAGE
            for task in (folder / "task").iterdir():
                switches += _switches(task)
    return Usage(user / _TICKS, system / _TICKS, resident, switches)


def usages_of(processes: Mapping[str, int]) -> dict[str, Usage]:
    """What each of some process trees has used, by what they are."""
    return {name: usage_of(root) for name, root in processes.items()}


def used_since(before: Mapping[str, Usage], processes: Mapping[str, int]) -> dict[str, Usage]:
    """What came to `usages_of(processes)` since it was `before`."""
    return {name: used.since(before[name]) for name, used in usages_of(processes).items()}


def _switches(task: Path) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return sum(
            int(line.split()[1])
            for line in (task / "status").read_text().splitlines()
            if line.startswith(("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"))
        )
    return 0


def machine_busy() -> float:
    """CPU seconds that the whole machine has used since it began, ours and everybody else's."""
    fields = Path("/proc/stat").read_text().split(maxsplit=9)[1:8]
    user, nice, system, _idle, _waiting, irq, softirq = map(int, fields)
    return (user + nice + system + irq + softirq) / _TICKS


def tree(root: int) -> list[int]:
    """The process `root` and all its descendants."""
    processes = [root]
    for process in processes:  # grows while it is walked
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in (Path("/proc") / str(process) / "task").iterdir():
                processes += map(int, (task / "children").read_text().split())
    return processes


@dataclass(frozen=True, slots=True)
class Histogram:
    """A Prometheus histogram at one moment."""

    counts: dict[str, int]
    """How many values fell at or under each bound but over the one before it."""
    total: float

    def since(self, before: "Histogram") -> "Histogram":
        """What was observed since `before`."""
        counts = {
            bound: count - before.counts.get(bound, 0) for bound, count in self.counts.items()
        }
        return Histogram(counts, self.total - before.total)


def read_histogram(port: int, name: str) -> Histogram:
    """The histogram `name` at `/metrics` of the server at `port`.

    Raises:
        LookupError: there is no such histogram.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    counts: dict[str, int] = {}
    total = None
    below: dict[str, int] = {}
    for line in lines:
        bucket = _BUCKET.search(line) if line.startswith(f"{name}_bucket") else None
        if bucket is not None:
            # Several workers answer for one another, each with its own label.
            whose, bound, cumulative = f"{bucket[1]}{bucket[3]}", bucket[2], int(float(bucket[4]))
            counts[bound] = counts.get(bound, 0) + cumulative - below.get(whose, 0)
            below[whose] = cumulative
        elif line.startswith(f"{name}_sum"):
            total = (total or 0.0) + float(line.split()[-1])
    if not counts or total is None:
        raise LookupError(f"/metrics has no histogram {name}")
    return Histogram(counts, total)
