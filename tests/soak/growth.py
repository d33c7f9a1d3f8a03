"""Does it grow? Memory, file handles and bytes on the disk over time, each held to a bound."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

_MOST_POINTS: Final = 200


class Sample(NamedTuple):
    """One look."""

    at: float
    """Seconds."""
    value: float


@dataclass(frozen=True, slots=True)
class Bound:
    """How much a gauge may grow."""

    per_minute: float
    slack: float
    """How much it may grow in all without being held against it: a measurement is not exact."""
    share: float = 0.0
    """More slack, as a share of what it was at first."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a gauge did after the warm-up."""

    name: str
    unit: str
    first: float
    last: float
    per_minute: float
    minutes: float
    bound: Bound
    course: tuple[float, ...] = ()
    """A few looks from the very beginning on, the warm-up included."""

    @property
    def flat(self) -> bool:
        """Whether it stayed within its bound."""
        return self.per_minute * self.minutes <= self.allowed

    @property
    def allowed(self) -> float:
        """How much it may have grown in this time."""
        slack = self.bound.slack + self.bound.share * self.first
        return self.bound.per_minute * self.minutes + slack

    def __str__(self) -> str:
        word = "flat" if self.flat else "GROWS"
        return (
            f"{self.name}: {self.first:.1f} to {self.last:.1f} {self.unit} in"
            f" {self.minutes:.1f} min, {self.per_minute:+.2f} a minute: {word}"
            f" (+{self.allowed:.1f} allowed); {' '.join(f'{value:.0f}' for value in self.course)}"
        )


def growth(name: str, unit: str, samples: Sequence[Sample], warm_up: float, bound: Bound) -> Growth:
    """How fast a gauge grew after the first `warm_up` of the time, a share between 0 and 1.

    The slope is the median of those between any two samples (Theil and Sen), which a few odd ones
    do not move.
    """
    begins = samples[0].at + warm_up * (samples[-1].at - samples[0].at)
    kept = [sample for sample in samples if sample.at >= begins]
    thin = kept[:: max(1, len(kept) // _MOST_POINTS)]
    slopes = [
        (later.value - earlier.value) / (later.at - earlier.at)
        for earlier, later in combinations(thin, 2)
        if later.at > earlier.at
    ]
    tenth = max(1, len(kept) // 10)
    return Growth(
        name,
        unit,
        median(sample.value for sample in kept[:tenth]),
        median(sample.value for sample in kept[-tenth:]),
        60 * median(slopes) if slopes else 0.0,
        (kept[-1].at - kept[0].at) / 60,
        bound,
        tuple(sample.value for sample in samples[:: max(1, len(samples) // 12)]),
    )


def resident_megabytes(processes: Sequence[int]) -> float:
    """Memory that is there for these processes alone or shared, in 10^6 bytes."""
    total = 0
    for process in processes:
        with suppress(OSError):
            status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
            line = next((line for line in status.splitlines() if line.startswith("VmRSS")), "0 0")
            total += int(line.split()[1]) * 1024
    return total / 1e6


def open_files(processes: Sequence[int]) -> int:
    """File handles of these processes, sockets among them."""
    total = 0
    for process in processes:
        with suppress(OSError):
            total += sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    return total
