"""The parts of a run: which servers, doing what, for how long."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.bars import (
    DEVICE_REFRESH,
    FIRST_SIGN_IN,
    GUEST,
    INFO,
    REFRESH,
    SESSIONS,
    WORKERS,
)
from benchmarks.budget import NoBudget, budget, workers_of
from benchmarks.connection_plans import plans_for
from benchmarks.database import NoPostgres
from benchmarks.event_size import EventSize, measure_event_sizes
from benchmarks.filling import check_room, fill, plans_into
from benchmarks.gateway import STORES, TITLES, LiveSessions, measure_gateway, profile_gateway
from benchmarks.load import write_plans
from benchmarks.peers.installing import NotInstalled
from benchmarks.profiling import Profile, measure_profiles
from benchmarks.races import Races
from benchmarks.report import FLOOR, Section, Subject, section
from benchmarks.rounds import Contest, Effort, Say, play, race
from benchmarks.running import Running, Start, Supply
from benchmarks.storm import StormFigures, measure_storm
from benchmarks.subjects import SUBJECTS, Satmint

OPERATIONS: Final = (REFRESH, "issue", FIRST_SIGN_IN, GUEST, DEVICE_REFRESH, INFO)
PROFILE: Final = "profile"
RACES: Final = "races"
IN_PROCESS: Final = "in-process"
TAILS: Final = "tails"
CONSOLE: Final = "console"
FEED: Final = "feed"
VERIFY: Final = "verify"
GATEWAY: Final = "gateway"
STORM: Final = "storm"
EVENT_SIZE: Final = "event-size"
PARTS: Final = (
    *(*OPERATIONS, PROFILE, WORKERS, RACES, SESSIONS, IN_PROCESS, TAILS, CONSOLE, FEED, VERIFY),
    *(GATEWAY, STORM, EVENT_SIZE),
)

CORES_PER_WORKER: Final = 0.5
_TOKENS: Final = 50_000
_PAIRS: Final = 16
_PEER_RACES: Final = 500
_PREPARED_PER_SECOND: Final = 6_000
"""Requests that are good once are made beforehand; whoever uses them up has a shorter round."""
_WORKERS_OF: Final = ("sqlite", "postgres")


@dataclass(slots=True)
class Bench:
    """A run under way."""

    place: Path
    efforts: Mapping[str, Effort]
    connections: int
    say: Say
    subjects: dict[str, Subject] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)
    races: dict[str, Races] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    live_sessions: list[LiveSessions] = field(default_factory=list)
    storms: list[StormFigures] = field(default_factory=list)
    event_sizes: list[EventSize] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)

    def each_store(self, parts: Sequence[str], names: Sequence[str], *, quick: bool) -> None:
        """Everything that has servers of its own for each store."""
        stores = [store for store in STORES if store in names]
        leave_out = self.left_out.append
        if GATEWAY in parts:
            self._gateway(stores, quick=quick)
        if PROFILE in parts:
            own = self.place / "gateway-profile"
            own.mkdir()
            profiled = [store for store in stores if store in _WORKERS_OF]
            self.profiles += profile_gateway(own, profiled, self.say, leave_out, quick=quick)
        if STORM in parts:
            self.storms = measure_storm(self.place, stores, self.say, leave_out, quick=quick)
        if EVENT_SIZE in parts:
            with self.say("events on the disk"):
                sizes = measure_event_sizes(self.place, stores, leave_out, quick=quick)
            self.event_sizes = sizes

    def _gateway(self, stores: Sequence[str], *, quick: bool) -> None:
        figures, servers = measure_gateway(
            self.place,
            stores,
            self.efforts[GATEWAY],
            self.connections,
            self.say,
            self.left_out.append,
            quick=quick,
        )
        self.live_sessions = figures.live
        for operation, rounds in figures.rounds.items():
            self.sections[operation] = section(TITLES[operation], rounds, self.connections)
        for name, server in servers.items():
            subject = Subject(server.name, server.durability, server.start_seconds)
            self.subjects.setdefault(name, subject)

    def compare(self, parts: Sequence[str], names: Sequence[str], races: int) -> None:
        """Everything that the same servers can do one after the other."""
        floor = {REFRESH, "issue", PROFILE} & set(parts)
        wanted = [name for name in names if name != FLOOR or floor]
        with self._started({name: SUBJECTS[name] for name in wanted}) as servers:
            for operation in OPERATIONS:
                if operation in parts:
                    self._operation(operation, servers)
            if PROFILE in parts:
                self._profile(servers)
            if WORKERS in parts:
                self._workers(servers)
            if RACES in parts:
                self._races(servers, races)

    def fill_up(self, names: Sequence[str], sizes: Sequence[int]) -> None:
        """Refresh in stores of several sizes."""
        stores = [name for name in _WORKERS_OF if name in names]
        check_room(self.place, sum(sizes) * len(stores))
        wanted = {f"{store} {size}": (Satmint(store), size) for store in stores for size in sizes}
        starts = {name: start for name, (start, _) in wanted.items()}
        with self._started(starts) as servers:
            for name, server in servers.items():
                self._fill(name, server, wanted[name][1])
            if servers:
                title = "Refresh, any of so many sessions"
                contest = self._contest(SESSIONS, title, REFRESH, servers)
                rounds = play(replace(contest, plans=self._file), self.say)
                self.sections[SESSIONS] = section(title, rounds, contest.connections)

    def _operation(self, operation: str, servers: Mapping[str, Running]) -> None:
        able = {name: server for name, server in servers.items() if operation in server.routes}
        if operation not in (REFRESH, "issue"):
            able = {name: server for name, server in able.items() if server.workers == 1}
        if not able:
            return
        title = operation.capitalize()
        contest = self._contest(operation, title, operation, able)
        if operation not in (REFRESH, "issue"):
            contest = replace(contest, plans=self._prepared(operation))
        self.sections[operation] = section(title, play(contest, self.say), self.connections)

    def _profile(self, servers: Mapping[str, Running]) -> None:
        wanted = {name: servers[name] for name in (FLOOR, *_WORKERS_OF) if name in servers}
        for operation in OPERATIONS:
            able = {name: one for name, one in wanted.items() if operation in one.routes}
            contest = self._contest(operation, "Profile", operation, able)
            if operation not in (REFRESH, "issue"):
                contest = replace(contest, plans=self._prepared(operation))
            self.profiles += measure_profiles(contest, self.place, self.say, self.left_out.append)

    def _prepared(self, operation: str) -> Callable[[str, Running], Path]:
        effort = self.efforts[operation]
        requests = int(_PREPARED_PER_SECOND * (effort.warm_up + effort.seconds))

        def made(name: str, server: Running) -> Path:
            file = self._file(name, server)
            # A proof or a new reference is good once; all else for any number of rounds.
            if not file.exists() or server.routes[operation].supply is Supply.ONCE:
                write_plans(plans_for(server, operation, self.connections, requests), file)
            return file

        self._forget_files()
        return made

    def _workers(self, servers: Mapping[str, Running]) -> None:
        able = {
            name: servers[name]
            for store in _WORKERS_OF
            for name in (store, f"{store}-2")
            if store in servers and f"{store}-2" in servers
        }
        if not able:
            return
        title = f"Refresh, {CORES_PER_WORKER:g} of a core for each worker"
        contest = replace(
            self._contest(WORKERS, title, REFRESH, able),
            # As many for each of two workers as one has elsewhere, and for one worker as many as
            # for two.
            connections=2 * self.connections,
            limits=lambda server: budget(workers_of(server), CORES_PER_WORKER),
        )
        try:
            rounds = play(contest, self.say)
        except NoBudget as missing:
            self.left_out.append(f"{WORKERS}: {missing}")
            return
        self.sections[WORKERS] = section(title, rounds, contest.connections)

    def _races(self, servers: Mapping[str, Running], races: int) -> None:
        for name, server in servers.items():
            if name != FLOOR:
                number = races if server.keyring is not None else min(races, _PEER_RACES)
                with self.say(f"{number:,} races: {server.name}"):
                    self.races[name] = race(server, number, _PAIRS)

    def _fill(self, name: str, server: Running, size: int) -> None:
        began = perf_counter()
        with self.say(f"putting {size:,} sessions into {server.name}"):
            before = _used(self.place / name)
            fill(server, size)
            write_plans(
                plans_into(server, size, self.connections, _TOKENS), self._file(name, server)
            )
            self.subjects[name] = Subject(
                f"{server.name}, {size:,} sessions",
                server.durability,
                server.start_seconds,
                sessions=size,
                disk_mb=(_used(self.place / name) - before) / 1e6,
                fill_seconds=perf_counter() - began,
            )

    def _contest(
        self,
        part: str,
        title: str,
        operation: str,
        servers: Mapping[str, Running],
    ) -> Contest:
        return Contest(title, operation, servers, self.efforts[part], self.connections)

    def _file(self, name: str, _server: Running) -> Path:
        return self.place / f"{name}.plans"

    def _forget_files(self) -> None:
        for file in self.place.glob("*.plans"):
            file.unlink()

    @contextmanager
    def _started(self, starts: Mapping[str, Start]) -> Iterator[dict[str, Running]]:
        """The servers that could be started; the others are named in one line each."""
        with ExitStack() as started:
            servers: dict[str, Running] = {}
            for name, start in starts.items():
                own = self.place / name
                own.mkdir()
                with self.say(f"starting {name}"):
                    try:
                        server = started.enter_context(start(own))
                    except (NotInstalled, NoPostgres) as missing:
                        self.left_out.append(f"{name}: {missing}")
                        continue
                servers[name] = server
                self.subjects[name] = Subject(
                    server.name, server.durability, server.start_seconds, server.workers
                )
            yield servers


def _used(folder: Path) -> int:
    """Bytes below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
