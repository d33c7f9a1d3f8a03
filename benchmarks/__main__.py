"""`python -m benchmarks`: measure satmint beside the floor and its peers, print what came out.

Nothing here fails because a machine is slow; a wrong answer ends the run at once.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from rich.console import Console

from benchmarks.bars import (
    DEVICE_REFRESH,
    FIRST_SIGN_IN,
    GUEST,
    INFO,
    REFRESH,
    SESSIONS,
    WORKERS,
)
from benchmarks.console_pages import measure_pages
from benchmarks.feed import measure_feed
from benchmarks.inprocess import measure
from benchmarks.machine import describe, filesystem_of, is_in_memory
from benchmarks.page import write
from benchmarks.parts import (
    CONSOLE,
    FEED,
    GATEWAY,
    IN_PROCESS,
    OPERATIONS,
    PARTS,
    PROFILE,
    RACES,
    TAILS,
    VERIFY,
    Bench,
)
from benchmarks.report import FLOOR, Report, keep
from benchmarks.rounds import Effort
from benchmarks.running import WrongAnswer
from benchmarks.showing import show
from benchmarks.subjects import SUBJECTS
from benchmarks.tails import measure_tails
from benchmarks.verifying import VerifyFigures, measure_verifying

_HERE: Final = Path(__file__).resolve().parent

_FULL: Final[Mapping[str, Effort]] = {
    REFRESH: Effort(3, 1.0, 4.0, rehearsal=2.0),
    "issue": Effort(2, 0.8, 2.5),
    FIRST_SIGN_IN: Effort(2, 0.5, 2.0),
    GUEST: Effort(2, 0.5, 2.5),
    DEVICE_REFRESH: Effort(2, 0.5, 2.0),
    INFO: Effort(2, 0.5, 2.5),
    WORKERS: Effort(3, 1.0, 4.0),
    SESSIONS: Effort(3, 1.0, 4.0),
    GATEWAY: Effort(2, 1.0, 2.5),
}
_QUICK: Final[Mapping[str, Effort]] = {
    **{part: Effort(2, 0.4, 1.2) for part in _FULL},
    GATEWAY: Effort(1, 0.4, 1.2),
}

_WIDTH: Final = 150
_QUICK_PARTS: Final = (REFRESH, "issue", RACES, IN_PROCESS)
_QUICK_SUBJECTS: Final = (FLOOR, "sqlite", "postgres")
_QUICK_RACES: Final = 1_000
_RACES: Final = 100_000
_SESSIONS: Final = (10_000, 100_000, 1_000_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    options.data.mkdir(parents=True, exist_ok=True)
    filesystem = filesystem_of(options.data)
    if is_in_memory(filesystem):
        console.print(
            f"{options.data} is {filesystem}: nothing is durable there; give --data", style="red"
        )
        return 2
    given = sys.argv[1:] if arguments is None else arguments
    try:
        # In full: a server may be started in another folder.
        with TemporaryDirectory(prefix="bench-", dir=options.data.resolve()) as place:
            Path(place).chmod(0o755)  # databases may have to run as somebody else
            report = _run(options, given, Path(place), console)
    except WrongAnswer as wrong:
        console.print(str(wrong), style="red", markup=False)
        return 1
    show(report, console)
    kept = keep(report, options.results)
    for path in (kept, *(write(kept) if options.page else ())):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    return 0


def _run(
    options: argparse.Namespace, given: Sequence[str], place: Path, console: Console
) -> Report:
    began = perf_counter()
    machine = describe(place)  # now: the tree may change while it is measured
    quick = options.quick
    parts = options.part or (_QUICK_PARTS if quick else PARTS)
    names = options.subject or (_QUICK_SUBJECTS if quick else tuple(SUBJECTS))
    say = console.status if console.is_terminal else _print
    bench = Bench(place, _QUICK if quick else _FULL, options.connections, say)
    if {*OPERATIONS, PROFILE, WORKERS, RACES} & set(parts):
        races = options.races or (_QUICK_RACES if quick else _RACES)
        bench.compare(parts, [FLOOR, *(name for name in names if name != FLOOR)], races)
    if SESSIONS in parts:
        bench.fill_up(names, options.sessions)
    bench.each_store(parts, names, quick=quick)
    in_process = []
    if IN_PROCESS in parts:
        with say("in process"):
            in_process = measure(place, 1.5 if quick else 6.0)
    tails = []
    if TAILS in parts:
        with say("live tails"):
            tails = measure_tails(place, quick=quick)
    pages = []
    if CONSOLE in parts:
        with say("pages of the console"):
            pages = [measure_pages(place, size) for size in sorted(options.sessions)]
    feed = []
    if FEED in parts:
        with say("the feed of revocations"):
            feed = measure_feed(place, quick=quick)
    verifying: VerifyFigures | None = None
    if VERIFY in parts:
        own = place / "verify"
        own.mkdir()
        verifying = measure_verifying(own, options.connections, say, quick=quick)
    return Report(
        at=datetime.now(UTC),  # noqa: TID251 - when it was measured
        command=shlex.join(["python", "-m", "benchmarks", *given]),
        minutes=(perf_counter() - began) / 60,
        quick=quick,
        connections=options.connections,
        machine=machine,
        subjects=bench.subjects,
        sections=bench.sections,
        races=bench.races,
        in_process=in_process,
        left_out=bench.left_out,
        tails=tails,
        console_pages=pages,
        feed=feed,
        verifying=verifying,
        live_sessions=bench.live_sessions,
        storms=bench.storms,
        event_sizes=bench.event_sizes,
        profiles=bench.profiles,
    )


@contextmanager
def _print(text: str) -> Iterator[None]:
    """What is under way, where no line can be overwritten."""
    print(text, file=sys.stderr, flush=True)
    yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within a minute, for a first look")
    parser.add_argument(
        "--part",
        action="append",
        choices=PARTS,
        help="measure this; may be repeated; by default all of them",
    )
    parser.add_argument(
        "--subject",
        action="append",
        choices=[name for name in SUBJECTS if name != FLOOR],
        help="measure this beside the floor; may be repeated; by default all of them",
    )
    parser.add_argument(
        "--sessions",
        type=_sizes,
        default=_SESSIONS,
        metavar="N,N,…",
        help="sizes of the stores to refresh in; by default 10000,100000,1000000",
    )
    parser.add_argument("--races", type=int, help="for each satmint; by default 100000")
    parser.add_argument("--connections", type=int, default=32, help="by default 32")
    parser.add_argument(
        "--data",
        type=Path,
        default=_HERE.parent / "build" / "benchmarks",
        help="a folder on a real disk for the databases; by default build/benchmarks",
    )
    parser.add_argument(
        "--page", action="store_true", help="make docs/performance.md of what came out"
    )
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="for the figures")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(word) for word in text.replace("_", "").split(",")}))


if __name__ == "__main__":
    sys.exit(main())
