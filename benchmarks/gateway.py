"""What browsers do at the gateway, beside refreshes on the same server in the same round.

    .venv/bin/python -m benchmarks --part gateway

In every round, and for each store: browsers connect to a server that has just started, go online
and stay, which shows what memory a live session takes; the server restarts, and they resume; then
it refreshes.
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

import msgspec

from benchmarks.database import NoPostgres
from benchmarks.deployment import Restarting, deployment
from benchmarks.gauges import usage_of, usages_of, used_since
from benchmarks.logins import write_logins
from benchmarks.meter import Result
from benchmarks.processes import Conversation, reason_of
from benchmarks.profiling import Profile, sampled
from benchmarks.returning import Again, Held, Stay
from benchmarks.rounds import Contest, Effort, Say, load
from benchmarks.running import Running

REFRESH: Final = "gateway refresh"
CONNECT: Final = "gateway connect"
RESUME: Final = "gateway resume"
TITLES: Final[Mapping[str, str]] = {
    REFRESH: "Refresh, between connects and resumes",
    CONNECT: "Gateway: connect and go online",
    RESUME: "Gateway: resume after a restart",
}
STORES: Final = ("sqlite", "postgres", "citus")

_LIVE: Final = 2_000
_QUICK_LIVE: Final = 400
_FIRST: Final = 100
"""Live sessions before memory is measured: they bring in whatever is needed but once."""
_AT_A_TIME: Final = 32
_SETTLE_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 9.0
"""Every session is pinged once in so long."""
_MICROSECONDS: Final = 1_000_000
_PATIENCE_SECONDS: Final = 60.0


During = Callable[[str, Running], AbstractContextManager[object]]
_NOTHING: Final = nullcontext()


class LiveSessions(msgspec.Struct, frozen=True):
    """What live sessions take while nothing happens."""

    store: str
    """As subjects are named."""
    sessions: int
    bytes_each: list[float]
    """In the memory of the server's processes, in each round."""
    idle_us: list[float]
    """CPU of the server for each session and second: pings, leases, rechecks; in one round."""
    idle_database_us: list[float]
    """The same of the database's own server; 0 where there is none."""


class GatewayFigures(msgspec.Struct, frozen=True):
    """What was measured."""

    rounds: dict[str, list[dict[str, Result]]]
    """By operation; in each round, by subject."""
    live: list[LiveSessions]


@dataclass(frozen=True, slots=True)
class _Stayed:
    """What was seen of browsers that stayed."""

    bytes_each: float
    idle_us: tuple[float, float] | None
    """Of the server, and of the database."""
    connected: Result
    resumed: Result


@dataclass(frozen=True, slots=True)
class _Subject:
    """A server that restarts, and who connects to it."""

    server: Restarting
    place: Path
    logins: Path

    @property
    def running(self) -> Running:
        return self.server.running

    def stay(self, *, idle: bool, during: During = lambda _operation, _server: _NOTHING) -> _Stayed:
        """Connect, stay, and resume after a restart.

        Args:
            idle: Whether the sessions are watched for some seconds in between.
            during: What is done while the server is measured at an operation.
        """
        running = self.running
        with Conversation("benchmarks.returning", self.place) as browsers:
            browsers.tell(
                Stay(
                    running.port,
                    str(self.logins),
                    _FIRST,
                    _AT_A_TIME,
                    storm=False,
                    processes=dict(running.processes),
                    batches_metric=running.batches_metric,
                )
            )
            browsers.hear(Held, _PATIENCE_SECONDS)
            sleep(_SETTLE_SECONDS)
            before = self._resident()
            with during(CONNECT, running):
                browsers.tell({})
                connected = browsers.hear(Result, _PATIENCE_SECONDS)
            each = (self._resident() - before) / connected.requests
            idle_us = self._idle_us(connected.requests + _FIRST) if idle else None
            again = self.server.restart()
            with during(RESUME, again):
                browsers.tell(Again(dict(again.processes), again.batches_metric))
                resumed = browsers.hear(Result, _PATIENCE_SECONDS)
        return _Stayed(each, idle_us, connected, resumed)

    def _idle_us(self, sessions: int) -> tuple[float, float]:
        processes = self.running.processes
        before, began = usages_of(processes), perf_counter()
        sleep(_IDLE_SECONDS)
        used, seconds = used_since(before, processes), perf_counter() - began
        each = {
            name: usage.cpu / seconds / sessions * _MICROSECONDS for name, usage in used.items()
        }
        return each["server"], each.get("database", 0.0)

    def refresh(self, effort: Effort, connections: int) -> Result:
        """What refreshes cost."""
        contest = Contest("refresh", "refresh", {}, effort, connections)
        return load(contest, self.running, None)

    def _resident(self) -> int:
        return usage_of(self.running.processes["server"]).resident


def measure_gateway(
    place: Path,
    stores: Sequence[str],
    effort: Effort,
    connections: int,
    say: Say,
    leave_out: Callable[[str], None],
    *,
    quick: bool,
) -> tuple[GatewayFigures, dict[str, Running]]:
    """Measure on some stores in turns. Also returns the servers, by store.

    Args:
        place: A folder for what they keep.
        stores: As `deployment` names them.
        effort: How often; and for how long refreshes are measured.
        connections: Those that refresh.
        say: Shows what is under way.
        leave_out: Is told, in a line each, what cannot be measured here.
        quick: Whether few live sessions are enough.

    Raises:
        WrongAnswer: a browser was not let in, or an answer was not what it must be.
    """
    count = _QUICK_LIVE if quick else _LIVE
    rounds: dict[str, list[dict[str, Result]]] = {operation: [] for operation in TITLES}
    with _subjects(place, stores, count, leave_out) as subjects:
        names = list(subjects)
        live = {store: LiveSessions(store, count, [], [], []) for store in names}
        for number in range(effort.rounds):
            seen: dict[str, dict[str, Result]] = {operation: {} for operation in TITLES}
            for store in names if number % 2 == 0 else reversed(names):
                subject = subjects[store]
                with say(f"Gateway, round {number + 1}: {subject.running.name}"):
                    if number:
                        subject.server.restart()
                    stayed = subject.stay(idle=number == 0)
                    live[store].bytes_each.append(stayed.bytes_each)
                    if stayed.idle_us is not None:
                        live[store].idle_us.append(stayed.idle_us[0])
                        live[store].idle_database_us.append(stayed.idle_us[1])
                    seen[CONNECT][store] = stayed.connected
                    seen[RESUME][store] = stayed.resumed
                    seen[REFRESH][store] = subject.refresh(effort, connections)
            for operation, results in seen.items():
                rounds[operation].append({store: results[store] for store in names})
        servers = {store: subject.running for store, subject in subjects.items()}
    return GatewayFigures(rounds, list(live.values())), servers


def profile_gateway(
    place: Path,
    stores: Sequence[str],
    say: Say,
    leave_out: Callable[[str], None],
    *,
    quick: bool,
) -> list[Profile]:
    """Profile each store's server while browsers connect, and while they resume.

    Args:
        place: A folder for what they keep.
        stores: As `deployment` names them.
        say: Shows what is under way.
        leave_out: Is called with the reason, if a server cannot be profiled.
        quick: Whether few live sessions are enough.
    """
    profiles: list[Profile] = []
    count = _QUICK_LIVE if quick else _LIVE
    with _subjects(place, stores, count, leave_out) as subjects:
        for store, subject in subjects.items():

            @contextmanager
            def during(operation: str, server: Running, store: str = store) -> Iterator[None]:
                with sampled(server, operation, store, place) as found:
                    yield
                profiles.extend(found)

            with say(f"profile, gateway: {subject.running.name}"):
                try:
                    subject.stay(idle=False, during=during)
                except (OSError, subprocess.CalledProcessError) as failure:
                    leave_out(f"profile of {store}, gateway: {reason_of(failure)}")
    return profiles


@contextmanager
def _subjects(
    place: Path, stores: Sequence[str], live: int, leave_out: Callable[[str], None]
) -> Iterator[dict[str, _Subject]]:
    with ExitStack() as stack:
        found = {}
        for store in stores:
            own = place / f"gateway-{store}"
            own.mkdir()
            try:
                deployed = stack.enter_context(deployment(own, store))
            except NoPostgres as missing:
                leave_out(f"gateway, {store}: {missing}")
                continue
            server = Restarting(deployed, stack)
            logins = own / "logins.json"
            write_logins(server.running, live, logins)
            found[store] = _Subject(server, own, logins)
        yield found
