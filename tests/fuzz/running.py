"""Running targets: chunks of inputs, each of them the same in every run, in several processes."""

import asyncio
import multiprocessing
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter
from types import FrameType
from typing import Final

import structlog

from tests.fuzz.frames import Frames
from tests.fuzz.http import Bodies, HeaderLines, room
from tests.fuzz.proofs import Proofs
from tests.fuzz.sockets import Sockets
from tests.fuzz.streams import Streams
from tests.fuzz.targets import ACCEPTED, Found, Target
from tests.fuzz.tokens import Tokens

TARGETS: Final[dict[str, type[Target]]] = {
    target.name: target
    for target in (Tokens, Proofs, Bodies, HeaderLines, Frames, Sockets, Streams)
}
_INPUTS: Final = {"tokens": 0.3, "proofs": 0.2, "bodies": 0.15, "headers": 0.15, "frames": 0.2}
_CONNECTIONS: Final = {"sockets": 0.005, "streams": 1.0}
SHARES: Final = _INPUTS | _CONNECTIONS
"""Of the inputs asked for, which the first five make up; there are as many raw connections."""
CHUNK: Final = 5000
HANG_SECONDS: Final = 20
"""For one input. By far the most take less than a thousandth of a second."""
LOST_SECONDS: Final = 600
"""For a chunk: a process that does not even heed its own alarm."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some inputs for one target."""

    target: str
    seed: str
    number: int
    size: int
    first: int = 0
    """The number of the first of them; all the others of the chunk are left out."""


@dataclass(slots=True)
class Report:
    """What became of inputs."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    """What else the target counted."""
    found: list[str] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Count those of another one in."""
        self.inputs += other.inputs
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.outcomes.update(other.outcomes)
        self.notes.update(other.notes)
        self.found += other.found

    def lines(self) -> Iterator[str]:
        """For people."""
        pace = self.inputs / self.seconds if self.seconds else 0.0
        refused = self.inputs - self.outcomes[ACCEPTED] - len(self.found)
        yield (
            f"{self.target}: {self.inputs:,} inputs, {pace:,.0f} a second and process,"
            f" {refused:,} refused, {self.outcomes[ACCEPTED]:,} {ACCEPTED},"
            f" {len(self.found)} WRONG; slowest {1000 * self.slowest:.0f} ms"
        )
        for outcome, count in self.outcomes.most_common():
            yield f"  {count:>10,}  {outcome}"
        for note, count in self.notes.most_common():
            yield f"  {count:>10,}  ({note})"
        yield from (f"  WRONG {found[:2000]}" for found in self.found[:20])


class Hang(Exception):
    """An input took too long."""


@contextmanager
def alarm() -> Iterator[None]:
    """Have a hang raise in the midst of whatever hangs."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


async def tried(target: Target, chunk: Chunk) -> Report:
    """All inputs of a chunk."""
    report = Report(chunk.target)
    async with target:
        for number in range(chunk.first, chunk.first + chunk.size):
            # Its own for each input, so that one can be tried again without those before it.
            dice = f"{chunk.seed} {chunk.target} {chunk.number} {number}"
            place = f"{chunk.target}:{chunk.number}:{number}"
            began = perf_counter()
            try:
                report.outcomes[await _outcome(target, dice)] += 1
            except Found as found:
                report.found.append(f"{place}: {found}")
            except Exception as error:  # noqa: BLE001 - it is what is looked for
                what = "a hang" if isinstance(error, Hang) else f"a bug: {error!r}"
                report.found.append(f"{place}: {what}")
            report.slowest = max(report.slowest, perf_counter() - began)
            report.seconds += perf_counter() - began
            report.inputs += 1
    report.notes = target.notes
    return report


async def _outcome(target: Target, dice: str) -> str:
    """What becomes of one input. A hang is one if it hangs twice: machines are stopped, too."""
    try:
        return await _timed(target, dice)
    except Hang:
        return await _timed(target, dice)


async def _timed(target: Target, dice: str) -> str:
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    try:
        return await target.attempt(Random(dice))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # it must not ring between two inputs


def run_chunk(chunk: Chunk) -> Report:
    """A chunk, in this process."""
    with (
        alarm(),
        tempfile.TemporaryDirectory(
            prefix="satmint-fuzz-", dir=room(Path(tempfile.gettempdir()))
        ) as folder,
    ):
        return asyncio.run(tried(TARGETS[chunk.target](Path(folder)), chunk))


def chunks(inputs: int, seed: str, size: int = CHUNK) -> list[Chunk]:
    """Each target's share of so many inputs."""
    found = []
    for target, share in SHARES.items():
        left, number = round(inputs * share), 0
        while left > 0:
            found.append(Chunk(target, seed, number, min(size, left)))
            left, number = left - size, number + 1
    return found


def quiet() -> None:
    """Say nothing of refusals: there will be a million. Run in each process, at its start."""
    structlog.configure(
        processors=[lambda _logger, _method, event: str(event)],
        logger_factory=structlog.ReturnLoggerFactory(),
    )


def run_all(inputs: int, seed: str, processes: int | None = None) -> dict[str, Report]:
    """Every target, in several processes."""
    reports = {name: Report(name) for name in TARGETS}
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes or os.cpu_count() or 1, initializer=quiet) as pool:
        done = pool.imap_unordered(run_chunk, chunks(inputs, seed))
        for _ in range(len(chunks(inputs, seed))):
            report = done.next(timeout=LOST_SECONDS)
            reports[report.target].add(report)
    return reports
