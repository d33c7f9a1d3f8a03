"""`python -m benchmarks`: measure satmint beside the floor, print a table, keep the figures.

Rounds alternate between the subjects, and every other round goes the other way about, so that a
machine that slows down or warms up during the run does so for all of them. Nothing here fails
because a machine is slow; a wrong answer ends the run at once.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from rich.console import Console

from benchmarks.inprocess import measure
from benchmarks.load import Job, Result
from benchmarks.machine import describe, filesystem_of, is_in_memory
from benchmarks.report import Report, keep, show, summarise
from benchmarks.subjects import FLOOR, SUBJECTS, Running, WrongAnswer

_HERE: Final = Path(__file__).resolve().parent
_SPARE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long."""

    rounds: Mapping[str, int]
    """By operation."""
    warm_up: float
    seconds: float
    in_process_seconds: float


_FULL: Final = Plan({"refresh": 5, "issue": 2}, 1.0, 6.5, 6.0)
_QUICK: Final = Plan({"refresh": 2, "issue": 1}, 0.5, 2.0, 1.5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    console = Console()
    options.data.mkdir(parents=True, exist_ok=True)
    filesystem = filesystem_of(options.data)
    if is_in_memory(filesystem):
        console.print(
            f"{options.data} is {filesystem}: nothing is durable there; give --data", style="red"
        )
        return 2
    try:
        with TemporaryDirectory(prefix="bench-", dir=options.data) as place:
            report = _run(options, Path(place), console)
    except WrongAnswer as wrong:
        console.print(str(wrong), style="red", markup=False)
        return 1
    show(report, console)
    console.print(f"kept as {keep(report, options.results)}", highlight=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about 20 seconds, for a first look")
    parser.add_argument(
        "--subject",
        action="append",
        choices=[name for name in SUBJECTS if name != FLOOR],
        help="measure this beside the floor; may be repeated; by default all of them",
    )
    parser.add_argument(
        "--operation",
        action="append",
        choices=list(_FULL.rounds),
        help="measure this; may be repeated; by default all of them",
    )
    parser.add_argument("--connections", type=int, default=32, help="by default 32")
    parser.add_argument(
        "--data",
        type=Path,
        default=_HERE.parent / "build" / "benchmarks",
        help="a folder on a real disk for the databases; by default build/benchmarks",
    )
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="for the figures")
    return parser


def _run(options: argparse.Namespace, place: Path, console: Console) -> Report:
    plan = _QUICK if options.quick else _FULL
    machine = describe(place)  # now: the tree may change while it is measured
    names = [FLOOR, *(options.subject or [name for name in SUBJECTS if name != FLOOR])]
    rounds: dict[str, list[dict[str, Result]]] = {}
    with ExitStack() as started:
        servers: dict[str, Running] = {}
        for name in names:
            own = place / name
            own.mkdir()
            servers[name] = started.enter_context(SUBJECTS[name](own))
        for operation in options.operation or plan.rounds:
            rounds[operation] = [
                _round(servers, operation, plan, options.connections, number, console)
                for number in range(plan.rounds[operation])
            ]
    return Report(
        at=datetime.now(UTC),  # noqa: TID251 - when it was measured
        quick=options.quick,
        connections=options.connections,
        machine=machine,
        start_seconds={name: server.start_seconds for name, server in servers.items()},
        summaries=[
            summary for operation, seen in rounds.items() for summary in summarise(operation, seen)
        ],
        in_process=measure(place, plan.in_process_seconds),
        rounds=rounds,
    )


def _round(
    servers: Mapping[str, Running],
    operation: str,
    plan: Plan,
    connections: int,
    number: int,
    console: Console,
) -> dict[str, Result]:
    """One go at every subject; odd rounds run backwards."""
    results: dict[str, Result] = {}
    for name in servers if number % 2 == 0 else reversed(list(servers)):
        server = servers[name]
        with console.status(f"{operation}, round {number + 1}: {server.name}"):
            results[name] = _load(
                Job(
                    port=server.port,
                    authorization=server.authorization,
                    operation=operation,
                    routes=dict(server.routes),
                    connections=connections,
                    warm_up=plan.warm_up,
                    seconds=plan.seconds,
                    processes=dict(server.processes),
                    batches_metric=server.batches_metric,
                )
            )
    return {name: results[name] for name in servers}


def _load(job: Job) -> Result:
    """Have a process of its own do `job`.

    Raises:
        WrongAnswer: an answer was not what it must be.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            check=False,
            input=msgspec.json.encode(job),
            capture_output=True,
            cwd=_HERE.parent,
            timeout=job.warm_up + job.seconds + _SPARE_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise WrongAnswer(f"a server stopped answering during {job.operation}") from late
    if done.returncode != 0:
        raise WrongAnswer(done.stderr.decode(errors="replace").strip())
    return msgspec.json.decode(done.stdout, type=Result)


if __name__ == "__main__":
    sys.exit(main())
