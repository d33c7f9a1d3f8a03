"""Reading what a process tree has used, from /proc, and histograms from `/metrics`. Linux only."""

import os
import re
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import msgspec

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_BUCKET: Final = re.compile(r'_bucket\{le="([^"]+)"\} (\S+)')


class Usage(msgspec.Struct, frozen=True):
    """What a process tree has used since it began, except `resident`, which is now."""

    user: float
    """CPU seconds in user space, all threads."""
    system: float
    """CPU seconds in the kernel, all threads."""
    resident: int
    """Bytes of memory in RAM."""
    switches: int
    """Context switches of all living threads."""

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
    for process in _tree(root):
        folder = Path("/proc") / str(process)
        # The command's name stands in parentheses and may hold anything: read on after it.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
        resident += int(fields[21]) * _PAGE
        for task in (folder / "task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if line.startswith(("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")):
                    switches += int(line.split()[1])
    return Usage(user / _TICKS, system / _TICKS, resident, switches)


def machine_busy() -> float:
    """CPU seconds that the whole machine has used since it began, ours and everybody else's."""
    fields = Path("/proc/stat").read_text().split(maxsplit=9)[1:8]
    user, nice, system, _idle, _waiting, irq, softirq = map(int, fields)
    return (user + nice + system + irq + softirq) / _TICKS


def _tree(root: int) -> list[int]:
    processes = [root]
    for process in processes:  # grows while it is walked
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
    counts, below, total = {}, 0, None
    for line in lines:
        bucket = _BUCKET.search(line) if line.startswith(f"{name}_bucket") else None
        if bucket is not None:
            cumulative = int(float(bucket[2]))
            counts[bucket[1]], below = cumulative - below, cumulative
        elif line.startswith(f"{name}_sum"):
            total = float(line.split()[1])
    if not counts or total is None:
        raise LookupError(f"/metrics has no histogram {name}")
    return Histogram(counts, total)
