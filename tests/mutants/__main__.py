"""Mutation testing: how many small mistakes the tests notice.

    python -m tests.mutants [ROOM …] [--count N] [--seed N …] [--all]

Takes a sample of each room's mutants, chosen by each seed, runs on each the tests that execute what
was changed, and prints the survivors: each is a missing test, or is listed in equivalents.toml with
a reason. It ends with 1 where a room is below its bar.
"""

import argparse
import random
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.rooms import ROOMS, ROOT, Room
from tests.mutants.running import Outcome, Workspace

ROOM_BAR: Final = 0.95
OVERALL_BAR: Final = 0.97
_WORKERS: Final = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mutant, and the file it is of."""

    file: Path
    mutant: Mutant
    number: int = 1
    """Of those that read the same in one function, in the order of their lines."""

    @property
    def key(self) -> str:
        """What it is known by in equivalents.toml."""
        mutant = self.mutant
        key = f"{self.file} {mutant.function}: {mutant.before} -> {mutant.after}"
        return key if self.number == 1 else f"{key} #{self.number}"


@dataclass(slots=True)
class Score:
    """What became of a sample of a room."""

    room: Room
    seed: str
    killed: int = 0
    survivors: list[Candidate] = field(default_factory=list)
    equivalent: int = 0

    def count(self, candidate: Candidate, outcome: Outcome) -> None:
        """Add what became of a mutant, and print a survivor."""
        if outcome in (Outcome.KILLED, Outcome.HUNG):
            self.killed += 1
            return
        self.survivors.append(candidate)
        line = candidate.mutant.line
        print(f"  {outcome.value}: line {line}: {candidate.key}", flush=True)

    @property
    def share(self) -> float:
        """Of the mutants that are not equivalent, those that were noticed."""
        tried = self.killed + len(self.survivors)
        return self.killed / tried if tried else 1.0


def candidates_of(room: Room) -> list[Candidate]:
    """Every mutant of a room."""
    candidates, seen = [], Counter[str]()
    for file in room.files():
        source = (ROOT / file).read_text(encoding="utf-8")
        for mutant in mutants_of(source, constants=room.constants):
            seen[first := Candidate(file, mutant).key] += 1
            candidates.append(Candidate(file, mutant, seen[first]))
    return candidates


def equivalents() -> dict[str, str]:
    """Reasons by the keys of mutants."""
    text = Path(__file__).with_name("equivalents.toml").read_text(encoding="utf-8")
    return {key: str(reason) for key, reason in tomllib.loads(text).items()}


def sample_of(every: Sequence[Candidate], room: Room, seed: str, count: int) -> list[Candidate]:
    """Some mutants of a room; the same for the same seed."""
    return random.Random(f"{seed}/{room.name}").sample(every, min(count, len(every)))


def run_room(room: Room, samples: Mapping[str, Sequence[Candidate]]) -> list[Score]:
    """Run the tests of a room on each mutant of each seed's sample."""
    known = equivalents()
    with tempfile.TemporaryDirectory(prefix="satmint-mutants-") as name, ExitStack() as stack:
        folder = Path(name).resolve()
        first = stack.enter_context(Workspace(room, folder / "0"))
        recording = first.record(_WORKERS)
        spaces = SimpleQueue[Workspace]()
        spaces.put(first)
        for number in range(1, _WORKERS):
            spaces.put(stack.enter_context(Workspace(room, folder / str(number), recording)))
        seconds = sum(recording.seconds.values())
        print(f"{room.name}: {seconds:.0f} s of tests", flush=True)

        def attempt(candidate: Candidate) -> Outcome:
            space = spaces.get()
            try:
                return space.try_mutant(candidate.file, candidate.mutant)
            finally:
                spaces.put(space)

        scores = []
        with ThreadPoolExecutor(_WORKERS) as pool:
            for seed, sample in samples.items():
                tried = [candidate for candidate in sample if candidate.key not in known]
                score = Score(room, seed, equivalent=len(sample) - len(tried))
                for candidate, outcome in zip(tried, pool.map(attempt, tried), strict=True):
                    score.count(candidate, outcome)
                scores.append(score)
    return scores


def main() -> int:
    """Try the rooms that are named, or all."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description="Mutation testing.")
    names = [room.name for room in ROOMS]
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(names))
    parser.add_argument("--count", type=int, default=40, help="mutants of each room")
    parser.add_argument("--seed", nargs="+", default=["1"], metavar="N", dest="seeds")
    parser.add_argument("--all", action="store_true", help="every mutant; takes long")
    arguments = parser.parse_args()
    if unknown := set(arguments.rooms) - set(names):
        parser.error(f"unknown room: {', '.join(sorted(unknown))}")
    scores = list[Score]()
    for room in ROOMS:
        if arguments.rooms and room.name not in arguments.rooms:
            continue
        every = candidates_of(room)
        samples = {seed: sample_of(every, room, seed, arguments.count) for seed in arguments.seeds}
        scores += run_room(room, {"all": every} if arguments.all else samples)
    return report(scores)


def report(scores: Sequence[Score]) -> int:
    """Print the table; 0 where every bar is reached."""
    print(
        f"\n{'room':<10} {'seed':>4} {'killed':>7} {'survived':>9} {'equivalent':>11} {'share':>7}"
    )
    for score in scores:
        print(
            f"{score.room.name:<10} {score.seed:>4} {score.killed:>7} {len(score.survivors):>9}"
            f" {score.equivalent:>11} {score.share:>7.1%}"
        )
    killed = sum(score.killed for score in scores)
    tried = killed + sum(len(score.survivors) for score in scores)
    overall = killed / tried if tried else 1.0
    print(f"{'all':<10} {'':>4} {killed:>7} {tried - killed:>9} {'':>11} {overall:>7.1%}")
    low = [score.room.name for score in scores if score.share < ROOM_BAR]
    return 0 if not low and overall >= OVERALL_BAR else 1


if __name__ == "__main__":
    sys.exit(main())
