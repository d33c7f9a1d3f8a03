"""What was promised, beside what came out.

Every ratio is taken within a round, between two servers that were loaded one right after the other
in the same run.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Final

import msgspec

from benchmarks.console_pages import LIMIT_SECONDS
from benchmarks.feed import LIMIT_SECONDS as FEED_SECONDS
from benchmarks.gateway import CONNECT, RESUME
from benchmarks.gateway import REFRESH as GATEWAY_REFRESH
from benchmarks.inprocess import OPEN, PROOF, VERIFY
from benchmarks.meter import Result
from benchmarks.report import FLOOR, Report, Section, Spread, cpu_us, rate, spread
from benchmarks.storm import StormFigures
from benchmarks.tails import RATE
from benchmarks.verifying import KEPT, VERIFIED, VerifyFigures

REFRESH: Final = "refresh"
GUEST: Final = "guest"
DEVICE_REFRESH: Final = "device refresh"
INFO: Final = "info"
FIRST_SIGN_IN: Final = "first sign-in"
WORKERS: Final = "workers"
SESSIONS: Final = "sessions"

_STORES: Final = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
_NAMES: Final = {**_STORES, "citus": "Citus"}
_MOST_OF_FLOOR: Final = {"sqlite": 1.7, "postgres": 1.45}
_PEERS: Final = {
    "oidc-provider-postgres": ("oidc-provider on PostgreSQL", 6.5),
    "oidc-provider": ("oidc-provider in memory", 3.5),
    "node-oauth2-postgres": ("@node-oauth/oauth2-server on PostgreSQL", 5.0),
    "authlib-postgres": ("Authlib on PostgreSQL", 4.0),
}
_MOST_OF_REFRESH: Final = {
    DEVICE_REFRESH: ("a device refresh with an RS256 proof", 1.7),
    INFO: ("reading one's own subscriber", 1.0),
    GUEST: ("a guest's token", 1.6),
    FIRST_SIGN_IN: ("the first sign-in of a subscriber", 3.0),
}
_MOST_AT_GATEWAY: Final = {
    CONNECT: ("connecting to the gateway and going online", 5.0),
    RESUME: ("resuming at the gateway after a restart", 4.0),
}
_LIVE_KIB: Final = 16.0
_BACK_SECONDS: Final = 10.0
_STORM_P99_MS: Final = 100.0
_KIB: Final = 1024
_OF_ONE_WORKER: Final = 1.75
_OF_FEW_SESSIONS: Final = {"sqlite": 0.8, "postgres": 0.9}
_FEWEST_RACES: Final = 2
_KEPT_UP: Final = 0.95
_LATE: Final = 2.0
_SLOWER: Final = 5.0
_PAGES_MB: Final = 50
_OF_OPEN: Final = 0.9
_KEPT_US: Final = 10
_KEPT_MB: Final = 60
_CACHES_MB: Final = 140
"""What SQLite's two connections keep of the file in memory, however large it is."""


class Bar(msgspec.Struct, frozen=True):
    """A promise and a figure. Without a promise, `wanted` is empty."""

    what: str
    wanted: str
    got: Spread
    unit: str
    holds: bool


def bars(report: Report) -> list[Bar]:
    """Every promise for which there is a figure."""
    found: list[Bar] = []
    if (refresh := report.sections.get(REFRESH)) is not None:
        found += _floor(refresh)
        found += _peers(refresh)
        found += _fleet(report, refresh)
    if (workers := report.sections.get(WORKERS)) is not None:
        found += _workers(workers)
    if (sessions := report.sections.get(SESSIONS)) is not None:
        found += _sessions(report, sessions)
    found += _gateway(report)
    found += _races(report)
    found += _in_process(report)
    found += _starts(report)
    found += _tails(report)
    found += _console_pages(report)
    found += _feed(report)
    if report.verifying is not None:
        found += _verifying(report.verifying)
    return found


def _ratio(
    section: Section, one: str, other: str, figure: Callable[[Result], float]
) -> Spread | None:
    """`one` by `other` in each round; None where one of them was not there."""
    if not all(one in round_ and other in round_ for round_ in section.rounds):
        return None
    return spread([figure(round_[one]) / figure(round_[other]) for round_ in section.rounds])


def _floor(section: Section) -> Iterator[Bar]:
    for store, name in _STORES.items():
        ratio = _ratio(section, store, FLOOR, cpu_us)
        if ratio is not None:
            most = _MOST_OF_FLOOR[store]
            what = f"CPU of a durable refresh, {name}, relative to the floor"
            yield Bar(what, f"≤ {most:g}", ratio, "×", ratio.median <= most)


def _peers(section: Section) -> Iterator[Bar]:
    for peer, (peer_name, least) in _PEERS.items():
        for store, name in _STORES.items():
            ratio = _ratio(section, store, peer, rate)
            if ratio is not None:
                what = f"Refreshes a second, {name}, relative to {peer_name}"
                yield Bar(what, f"≥ {least:g}", ratio, "×", ratio.median >= least)


def _fleet(report: Report, refresh: Section) -> Iterator[Bar]:
    """What browsers do: CPU of the server in each round, by the median of a refresh in the run."""
    for operation, (operation_name, most) in _MOST_OF_REFRESH.items():
        section = report.sections.get(operation)
        for store, name in _STORES.items():
            if section is None or not all(store in one.rounds[0] for one in (section, refresh)):
                continue
            usual = median(cpu_us(round_[store]) for round_ in refresh.rounds)
            ratio = spread([cpu_us(round_[store]) / usual for round_ in section.rounds])
            what = f"CPU of {operation_name}, {name}, relative to a refresh"
            yield Bar(what, f"≤ {most:g}", ratio, "×", ratio.median <= most)


def _gateway(report: Report) -> Iterator[Bar]:
    """What browsers do at the gateway: CPU of the server, by a refresh in the same round."""
    refresh = report.sections.get(GATEWAY_REFRESH)
    for operation, (operation_name, most) in _MOST_AT_GATEWAY.items():
        section = report.sections.get(operation)
        if section is None or refresh is None:
            continue
        for store in section.rounds[0]:
            pairs = zip(section.rounds, refresh.rounds, strict=True)
            ratio = spread([cpu_us(one[store]) / cpu_us(other[store]) for one, other in pairs])
            what = f"CPU of {operation_name}, {_NAMES[store]}, relative to a refresh"
            yield Bar(what, f"≤ {most:g}", ratio, "×", ratio.median <= most)
    for live in report.live_sessions:
        kib = spread([each / _KIB for each in live.bytes_each])
        what = f"Memory of a live session, {_NAMES[live.store]}"
        yield Bar(what, f"≤ {_LIVE_KIB:g}", kib, "KiB", kib.median <= _LIVE_KIB)
    for storm in report.storms:
        yield from _storm(storm, _NAMES[storm.store])


def _storm(storm: StormFigures, name: str) -> Iterator[Bar]:
    back, p99, sessions = storm.back_seconds, storm.refresh_p99_ms, f"{storm.sessions:,}"
    what = f"From a restart until all of {sessions} live sessions are back, {name}"
    yield Bar(what, f"≤ {_BACK_SECONDS:g}", spread([back]), "s", back <= _BACK_SECONDS)
    what = f"Browsers refused although they waited as told, of {sessions}, {name}"
    yield Bar(what, "0", spread([storm.refused]), "", storm.refused == 0)
    what = f"p99 of refreshes while {sessions} live sessions come back, {name}"
    yield Bar(what, f"< {_STORM_P99_MS:g}", spread([p99]), "ms", p99 < _STORM_P99_MS)


def _workers(section: Section) -> Iterator[Bar]:
    for store, name in _STORES.items():
        ratio = _ratio(section, f"{store}-2", store, rate)
        if ratio is not None:
            what = f"Refreshes a second, two workers relative to one, {name}"
            yield Bar(what, f"≥ {_OF_ONE_WORKER:g}", ratio, "×", ratio.median >= _OF_ONE_WORKER)


def _sessions(report: Report, section: Section) -> Iterator[Bar]:
    for store, name in _STORES.items():
        names = [one for one in section.rounds[0] if one.startswith(f"{store} ")]
        if len(names) < 2:
            continue
        names.sort(key=lambda one: report.subjects[one].sessions)
        few, many = (report.subjects[one].sessions for one in (names[0], names[-1]))
        ratio = _ratio(section, names[-1], names[0], rate)
        if ratio is not None:
            what = f"Refreshes a second, {many:,} sessions relative to {few:,}, {name}"
            least = _OF_FEW_SESSIONS[store]
            yield Bar(what, f"≥ {least:g}", ratio, "×", ratio.median >= least)
        small, large = (_resident_mb(section, one) for one in (names[0], names[-1]))
        what = f"Additional memory with {many:,} sessions instead of {few:,}, {name}"
        grown = large - small
        yield Bar(what, f"≤ {_CACHES_MB}", spread([grown]), "MB", grown <= _CACHES_MB)


def _resident_mb(section: Section, subject: str) -> float:
    return next(one.resident_mb for one in section.summaries if one.subject == subject)


def _races(report: Report) -> Iterator[Bar]:
    for subject, races in report.races.items():
        if subject.split("-")[0] in _STORES and races.races >= _FEWEST_RACES:
            what = f"Forked sessions in {races.races:,} races, {report.subjects[subject].name}"
            yield Bar(what, "0", spread([races.double]), "", races.double == 0)


def _in_process(report: Report) -> Iterator[Bar]:
    costs = {cost.what: cost.median for cost in report.in_process}
    if OPEN in costs:
        opening = costs[OPEN]
        yield Bar("Decrypting and checking a SAT", "≤ 25", spread([opening]), "µs", opening <= 25)
    if PROOF in costs and VERIFY in costs:
        ratio = costs[PROOF] / costs[VERIFY]
        what = "Checking an RS256 proof relative to verifying its signature"
        yield Bar(what, "≤ 1.5", spread([ratio]), "×", ratio <= 1.5)


def _starts(report: Report) -> Iterator[Bar]:
    for store in _STORES:
        subject = report.subjects.get(store)
        if subject is not None:
            seconds = subject.start_seconds
            what = f"Start to the first response, {subject.name}"
            yield Bar(what, "< 1.5", spread([seconds]), "s", seconds < 1.5)


def _tails(report: Report) -> Iterator[Bar]:
    for found in report.tails:
        rate, slower = found.events_per_second, Spread(*found.slower_percent)
        kept_up = found.missing == 0 and rate >= _KEPT_UP * RATE and found.late_seconds < _LATE
        what = f"Events that a live tail tells, {found.store}"
        wanted = f"≥ {_KEPT_UP * RATE:,.0f}"
        yield Bar(what, wanted, Spread(rate, rate, rate), "/s", kept_up)
        what = f"Refreshes slower with a live tail, {found.store}"
        yield Bar(what, f"at most {_SLOWER:g}", slower, "%", slower.median <= _SLOWER)


def _console_pages(report: Report) -> Iterator[Bar]:
    for found in report.console_pages:
        seconds, grown = found.slowest_seconds, found.grown_mb
        what = f"Slowest page of the console, {found.sessions:,} sessions"
        wanted = f"< {LIMIT_SECONDS:g}"
        yield Bar(what, wanted, spread([seconds]), "s", seconds < LIMIT_SECONDS)
        what = f"Memory that pages of the console take, {found.sessions:,} sessions"
        yield Bar(what, f"< {_PAGES_MB}", spread([grown]), "MB", grown < _PAGES_MB)


def _feed(report: Report) -> Iterator[Bar]:
    for found in report.feed:
        middle, worst = found.median_seconds, found.worst_seconds
        what = f"Time until another process tells of a revocation, {found.store}, {found.processes}"
        got = Spread(middle, middle, worst)
        yield Bar(what, f"< {FEED_SECONDS:g}", got, "s", worst < FEED_SECONDS)


def _verifying(found: VerifyFigures) -> Iterator[Bar]:
    for way in found.ways:
        wanted = f"≥ {_OF_OPEN}" if way.name == VERIFIED else ""
        ratio = spread(way.of_open)
        holds = way.name != VERIFIED or ratio.median >= _OF_OPEN
        yield Bar(
            f"Requests of FastAPI {way.name}, relative to those without a check",
            wanted,
            ratio,
            "×",
            holds,
        )
        what = f"CPU of the application, {way.name}"
        yield Bar(what, "", spread(way.cpu_us), "µs", holds=True)
    kept, mb = found.kept_us, found.kept_mb
    yield Bar("A kept answer", f"≤ {_KEPT_US}", spread([kept]), "µs", kept <= _KEPT_US)
    fits = mb * KEPT / found.kept <= _KEPT_MB
    yield Bar(f"{found.kept:,} kept answers", f"≤ {_KEPT_MB}", spread([mb]), "MB", fits)
    what = f"Caught up after {found.cut_seconds:g} s, {found.revoked:,} revocations"
    yield Bar(what, "", spread([found.caught_up_seconds]), "s", holds=True)
