"""Paired rounds: in each, every server is loaded once, and every other round goes backwards.

A machine that slows down or warms up during the run does so for all of them, so what to trust is
the ratio within a round.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from benchmarks.load import Job
from benchmarks.meter import Result
from benchmarks.processes import ROOT
from benchmarks.races import RaceJob, Races
from benchmarks.running import Running, Supply, WrongAnswer

_SPARE_SECONDS: Final = 60
_RACING_SECONDS: Final = 900

Made = TypeVar("Made")
Say = Callable[[str], AbstractContextManager[object]]
"""Shows what is under way."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How often, and how long."""

    rounds: int
    warm_up: float
    seconds: float
    rehearsal: float = 0.0
    """Seconds for which each server is loaded before the first round, because compilers that work
    while a program runs need some time."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Servers that do the same thing, in turns."""

    title: str
    operation: str
    servers: Mapping[str, Running]
    effort: Effort
    connections: int
    plans: Callable[[str, Running], Path | None] = lambda _name, _server: None
    """A file of what is sent to a server, made anew for each round; None: what needs no making."""
    limits: Callable[[Running], AbstractContextManager[object]] = lambda _server: nullcontext()
    """What holds for a server while it is loaded."""


def play(contest: Contest, say: Say) -> list[dict[str, Result]]:
    """All rounds of a contest: what each server did in each, by its name.

    Raises:
        WrongAnswer: an answer was not what it must be.
    """
    effort = contest.effort
    if effort.rehearsal:
        once = replace(contest, effort=replace(effort, warm_up=0.0, seconds=effort.rehearsal))
        for name, server in contest.servers.items():
            with say(f"{contest.title}, rehearsal: {server.name}"):
                load(once, server, contest.plans(name, server))
    rounds = []
    for number in range(effort.rounds):
        names = list(contest.servers)
        results = {}
        for name in names if number % 2 == 0 else reversed(names):
            server = contest.servers[name]
            with say(f"{contest.title}, round {number + 1}: {server.name}"):
                plans = contest.plans(name, server)
                with contest.limits(server):
                    results[name] = load(contest, server, plans)
        rounds.append({name: results[name] for name in names})
    return rounds


def race(server: Running, races: int, pairs: int) -> Races:
    """Run races against a server.

    Raises:
        WrongAnswer: it did anything but to answer or to refuse.
    """
    job = RaceJob(
        port=server.port,
        authorization=server.authorization,
        issue=server.routes["issue"],
        refresh=server.routes["refresh"],
        races=races,
        pairs=min(pairs, races),
        keyring=None if server.keyring is None else str(server.keyring),
    )
    return _run_process("benchmarks.races", job, Races, _RACING_SECONDS, f"races: {server.name}")


def load(contest: Contest, server: Running, plans: Path | None) -> Result:
    """What one server did in a contest's time.

    Raises:
        WrongAnswer: an answer was not what it must be.
    """
    route = server.routes[contest.operation]
    begins = route.supply is Supply.CHAIN and plans is None
    job = Job(
        port=server.port,
        authorization=server.authorization,
        route=route,
        first=server.routes["issue"] if begins else None,
        plans=None if plans is None else str(plans),
        connections=contest.connections,
        warm_up=contest.effort.warm_up,
        seconds=contest.effort.seconds,
        processes=dict(server.processes),
        batches_metric=server.batches_metric,
    )
    seconds = job.warm_up + job.seconds + _SPARE_SECONDS
    return _run_process("benchmarks.load", job, Result, seconds, f"{contest.title}: {server.name}")


def _run_process(module: str, job: object, result: type[Made], seconds: float, what: str) -> Made:
    """What a process of its own makes of `job`.

    Args:
        module: What it runs.
        job: Comes as JSON on its standard input.
        result: The type of what it writes to its standard output.
        seconds: How long it may take.
        what: Names it in an error.

    Raises:
        WrongAnswer: it failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            check=False,
            input=msgspec.json.encode(job),
            capture_output=True,
            cwd=ROOT,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        raise WrongAnswer(f"{what}: it stopped answering") from late
    if done.returncode != 0:
        raise WrongAnswer(f"{what}: {done.stderr.decode(errors='replace').strip()}")
    return msgspec.json.decode(done.stdout, type=result)
