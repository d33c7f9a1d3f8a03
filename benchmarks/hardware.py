"""What hardware many browsers need, computed from a kept result: docs/hardware.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import mean, median
from typing import Final, Self

from benchmarks.bars import DEVICE_REFRESH, INFO, REFRESH, SESSIONS, WORKERS
from benchmarks.gateway import CONNECT, RESUME
from benchmarks.gateway import REFRESH as GATEWAY_REFRESH
from benchmarks.markdown import table
from benchmarks.parts import CORES_PER_WORKER
from benchmarks.report import Report
from benchmarks.storm import StormFigures
from satmint.flows.devices import DEFAULT_LIFETIME_SECONDS, MAX_JITTER_PERCENT
from satmint.gateway import Limits

LIFETIME: Final = DEFAULT_LIFETIME_SECONDS * (1 - MAX_JITTER_PERCENT / 200)
"""Seconds of a Client Bound SAT that the SDK is told, on average."""
REFRESHES_PER_HOUR: Final = 3600 / (LIFETIME - 30)
"""The SDK renews it 30 s before it ends."""
SOCKETS: Final = Limits().connections // 2
"""Of a process, by plan: the default limit of one project. Connections are not spread evenly, and
those of a machine that fails come to the others."""
CONNECTIONS: Final = 11
"""To PostgreSQL, of a process at most."""
PAGES_PER_DAY: Final = 24
SIGN_INS_PER_DAY: Final = 1
HOURS_PER_DAY: Final = 8
"""In which a browser is used."""
PEAK: Final = 2.0
"""Requests in the busiest hour, by those of the mean one."""
USED: Final = 0.5
"""The part of a core that is used at that time."""
SESSIONS_EACH: Final = 2
"""In the store, for a browser."""
EVENT_DAYS: Final = 30
"""`event_retention_days`."""
BROWSERS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
_EXAMPLE: Final = 1_000_000
_PRECISE_BELOW: Final = 20
"""Microseconds."""

_ISSUE: Final = "issue"
_NAMES: Final = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
_TEMPLATE: Final = Path(__file__).with_name("hardware.md")
_MICRO: Final = 1e-6
_KIB: Final = 1024
_TREES: Final = ("server", "database")
Cpu = Mapping[str, float]
"""Microseconds, by process tree."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured on one store. None: not in this result."""

    device_refresh: Cpu
    info: Cpu
    issue: Cpu
    connect: Cpu | None
    resume: Cpu | None
    idle: Cpu | None
    """For each live session and second."""
    live_bytes: float | None
    process_mb: float
    session_bytes: float
    event_bytes: float | None
    writes_per_second: float
    """Refreshes of one process in the largest store."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a number of browsers needs at the busiest time."""

    writes_per_second: float
    server_cores: float
    database_cores: float
    processes: int
    memory_gb: float
    disk_gb: float


def costs_of(report: Report, store: str) -> Costs | None:
    """The costs on a store; None where one that every browser causes was not measured."""
    device, info, issue = (_cpu(report, part, store) for part in (DEVICE_REFRESH, INFO, _ISSUE))
    largest = max(
        (one for one in report.subjects if one.startswith(f"{store} ")),
        key=lambda one: report.subjects[one].sessions,
        default=None,
    )
    if device is None or info is None or issue is None or largest is None:
        return None
    live = next((one for one in report.live_sessions if one.store == store), None)
    size = next((one.bytes_each for one in report.event_sizes if one.store == store), None)
    filled = report.subjects[largest]
    summaries = [
        summary
        for section in report.sections.values()
        for summary in section.summaries
        if summary.subject in (store, largest)
    ]
    [rate] = [
        one.requests_per_second.median
        for one in report.sections[SESSIONS].summaries
        if one.subject == largest
    ]
    return Costs(
        device_refresh=device,
        info=info,
        issue=issue,
        connect=_cpu(report, CONNECT, store),
        resume=_cpu(report, RESUME, store),
        idle=None
        if live is None
        else {"server": mean(live.idle_us), "database": mean(live.idle_database_us)},
        live_bytes=None if live is None else median(live.bytes_each),
        process_mb=max(summary.resident_mb for summary in summaries),
        session_bytes=filled.disk_mb * 1e6 / filled.sessions,
        event_bytes=size,
        writes_per_second=rate,
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of browsers does in a second at the busiest time."""

    browsers: int
    renewals: float
    pages: float
    sign_ins: float

    @classmethod
    def of(cls, browsers: int) -> Self:
        """The load of some browsers."""
        per_second = PEAK * browsers / 3600
        return cls(
            browsers,
            per_second * REFRESHES_PER_HOUR,
            per_second * PAGES_PER_DAY / HOURS_PER_DAY,
            per_second * SIGN_INS_PER_DAY / HOURS_PER_DAY,
        )

    def parts(self, costs: Costs, tree: str) -> Sequence[tuple[str, float, float]]:
        """What it consists of: a name, how many, and the CPU of one in microseconds."""
        renewal = _of(costs.device_refresh, tree) + _of(costs.resume, tree)
        page = _of(costs.info, tree) + _of(costs.connect, tree)
        return (
            ("renewals/s", self.renewals, renewal),
            ("pages/s", self.pages, page),
            ("sign-ins/s", self.sign_ins, _of(costs.issue, tree)),
            ("live sessions", self.browsers, _of(costs.idle, tree)),
        )


def need_of(costs: Costs, browsers: int) -> Need:
    """What some browsers need."""
    load = Load.of(browsers)

    def cores(tree: str) -> float:
        return sum(many * cpu for _, many, cpu in load.parts(costs, tree)) * _MICRO / USED

    processes = max(ceil(cores("server")), ceil(browsers / SOCKETS))
    memory = processes * costs.process_mb * 1e6 + browsers * (costs.live_bytes or 0.0)
    events = HOURS_PER_DAY * REFRESHES_PER_HOUR + SIGN_INS_PER_DAY
    disk = SESSIONS_EACH * costs.session_bytes + EVENT_DAYS * events * (costs.event_bytes or 0.0)
    return Need(
        writes_per_second=load.renewals + load.sign_ins,
        server_cores=cores("server"),
        database_cores=cores("database"),
        processes=processes,
        memory_gb=memory / 1e9,
        disk_gb=browsers * disk / 1e9,
    )


def hardware_page(report: Report, name: str) -> str | None:
    """The page; None where the result has not what it needs.

    Args:
        report: What was measured.
        name: Of the file that it is kept in.
    """
    costs = {
        store: found
        for store in _NAMES
        if SESSIONS in report.sections and (found := costs_of(report, store)) is not None
    }
    if not costs:
        return None
    return _TEMPLATE.read_text(encoding="utf-8").format(
        result=f"../benchmarks/results/{name}",
        day=f"{report.at:%Y-%m-%d}",
        cpu=report.machine.cpu,
        refreshes=f"{REFRESHES_PER_HOUR:.2f}",
        lifetime=f"{LIFETIME:g}",
        jitter=MAX_JITTER_PERCENT,
        pages_per_hour=f"{PAGES_PER_DAY / HOURS_PER_DAY:g}",
        connections=CONNECTIONS,
        pages=PAGES_PER_DAY,
        hours=HOURS_PER_DAY,
        peak=f"{PEAK:g}",
        used=f"{USED:.0%}",
        sessions_each=SESSIONS_EACH,
        event_days=EVENT_DAYS,
        sockets=f"{SOCKETS:,}",
        costs=_costs(costs),
        needs="\n".join(_needs(_NAMES[store], found) for store, found in costs.items()),
        example=_example(list(costs.items())[-1]),
        missing=_missing(costs),
        checks=_checks(report, costs),
    )


def _cpu(report: Report, part: str, store: str) -> Cpu | None:
    section = report.sections.get(part)
    for summary in () if section is None else section.summaries:
        if summary.subject == store:
            return {tree: spread.median for tree, spread in summary.cpu_us.items()}
    return None


def _of(cpu: Cpu | None, tree: str) -> float:
    return 0.0 if cpu is None else cpu.get(tree, 0.0)


def _costs(costs: Mapping[str, Costs]) -> str:
    def cpu(found: Cpu | None, digits: int = 0) -> str:
        if found is None:
            return "not measured"
        trees = [f"{found[tree]:,.{digits}f}" for tree in _TREES if found.get(tree)]
        return f"{' + '.join(trees)} µs"

    def size(found: float | None) -> str:
        return "not measured" if found is None else f"{found:,.0f} bytes"

    columns = list(costs.values())
    rows = [
        ("CPU: renewing a Client Bound SAT", *(cpu(one.device_refresh) for one in columns)),
        ("CPU: re-authentication (measured as a resume)", *(cpu(one.resume) for one in columns)),
        ("CPU: `GET info`", *(cpu(one.info) for one in columns)),
        ("CPU: connect and go online", *(cpu(one.connect) for one in columns)),
        ("CPU: sign-in", *(cpu(one.issue) for one in columns)),
        ("CPU: a live session, each second", *(cpu(one.idle, 1) for one in columns)),
        ("memory of a live session", *(size(one.live_bytes) for one in columns)),
        ("memory of a process", *(f"{one.process_mb:,.0f} MB" for one in columns)),
        ("a session with its subscriber, on disk", *(size(one.session_bytes) for one in columns)),
        ("an event, on disk", *(size(one.event_bytes) for one in columns)),
    ]
    return table(("", *(_NAMES[store] for store in costs)), rows, "l" + "r" * len(costs))


def _example(measured: tuple[str, Costs]) -> str:
    """How the cores of one row come about, for people who compute their own."""
    store, costs = measured
    load = Load.of(_EXAMPLE)
    terms = " + ".join(
        f"{many:,.0f} {name} × {cpu:,.{0 if cpu > _PRECISE_BELOW else 1}f} µs"
        for name, many, cpu in load.parts(costs, "server")
    )
    cores = need_of(costs, _EXAMPLE).server_cores
    return (
        f"For example, {_EXAMPLE:,} browsers with {_NAMES[store]}: ({terms}) ÷ {USED:.0%} ="
        f" {cores:,.1f} cores of servers."
    )


def _needs(name: str, costs: Costs) -> str:
    """The table of a store."""
    rows = []
    for browsers in BROWSERS:
        need = need_of(costs, browsers)
        if name == _NAMES["sqlite"] and not _fits_one_process(costs, need):
            cells = ("use PostgreSQL", "", "", "", "")
        else:
            cells = (
                _cores(need.server_cores),
                _cores(need.database_cores),
                f"{need.processes:,}",
                f"{need.memory_gb:,.1f}",
                f"{need.disk_gb:,.1f}",
            )
        rows.append((f"{browsers:,}", f"{need.writes_per_second:,.0f}", *cells))
    head = (
        *("browsers", "writes/s", "cores of servers", "cores of the database"),
        *("processes", "memory of servers, GB", "disk, GB"),
    )
    return f"### {name}\n\n{table(head, rows, 'r' * len(head))}\n"


def _fits_one_process(costs: Costs, need: Need) -> bool:
    """Whether SQLite is enough: a second process would wait for the first one's lock."""
    return need.processes == 1 and need.writes_per_second <= USED * costs.writes_per_second


def _cores(cores: float) -> str:
    return f"{cores:,.1f}" if cores else ""


def _missing(costs: Mapping[str, Costs]) -> str:
    """What the tables lack; empty if nothing."""
    lines = []
    if any(one.idle is None or one.connect is None for one in costs.values()):
        lines.append(
            "\nThis result has no measurements of live sessions: the tables are without their CPU"
            " and memory.\n"
        )
    if any(one.event_bytes is None for one in costs.values()):
        lines.append(
            "\nThis result has no measurement of the size of an event: the disk is without"
            " events.\n"
        )
    return "".join(lines)


def _checks(report: Report, costs: Mapping[str, Costs]) -> str:
    rows = [*_budget_checks(report), *_storm_checks(report, costs)]
    if not rows:
        return "This result has no point to check against."
    return table(("", "computed", "measured"), rows, "lrr")


def _budget_checks(report: Report) -> Iterator[tuple[str, str, str]]:
    """One worker with a fixed share of a core: how many refreshes a second does it answer?"""
    section = report.sections.get(WORKERS)
    for summary in () if section is None else section.summaries:
        cpu = _cpu(report, REFRESH, summary.subject)
        if summary.subject in _NAMES and cpu is not None:
            computed = CORES_PER_WORKER / (_of(cpu, "server") * _MICRO)
            yield (
                f"refreshes/s with {CORES_PER_WORKER:g} of a core, {_NAMES[summary.subject]}",
                f"{computed:,.0f}",
                f"{summary.requests_per_second.median:,.0f}",
            )


def _storm_checks(report: Report, costs: Mapping[str, Costs]) -> Iterator[tuple[str, str, str]]:
    """Live sessions and refreshes at the same time: what do they need together?"""
    for storm in report.storms:
        found = costs.get(storm.store)
        refresh = _cpu(report, GATEWAY_REFRESH, storm.store)
        if found is None or refresh is None or found.live_bytes is None:
            continue
        name = _NAMES[storm.store]
        load = f"{storm.sessions:,} live sessions and {storm.calm_per_second:,.0f} refreshes/s"
        measured = {"server": storm.calm_cores, "database": storm.calm_database_cores}
        for tree in _TREES:
            if measured[tree]:
                computed = _calm_cores(storm, found, refresh, tree)
                what = f"cores of the {tree}, {load}, {name}"
                yield what, f"{computed:.2f}", f"{measured[tree]:.2f}"
        memory = found.process_mb + storm.sessions * found.live_bytes / 1e6
        what = f"memory of the server, MB, the same, {name}"
        yield what, f"{memory:,.0f}", f"{storm.calm_resident_mb:,.0f}"


def _calm_cores(storm: StormFigures, costs: Costs, refresh: Cpu, tree: str) -> float:
    idle = storm.sessions * _of(costs.idle, tree)
    return (idle + storm.calm_per_second * _of(refresh, tree)) * _MICRO
