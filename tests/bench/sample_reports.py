"""Reports of runs that never were."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.event_size import EventSize
from benchmarks.gateway import LiveSessions
from benchmarks.gauges import Usage
from benchmarks.inprocess import Cost
from benchmarks.machine import Machine
from benchmarks.meter import Result
from benchmarks.profiling import KINDS, PYTHON, Profile
from benchmarks.races import Races
from benchmarks.report import Report, Section, Subject, section
from benchmarks.storm import StormFigures
from msgspec import structs

MACHINE = Machine("abc123", "a CPU", 2, "6.1", "3.11.0", "3.40.0", {"uvicorn": "1.0"}, "ext4")


def result(requests: int = 1000, cpu: float = 0.1, database: float | None = None) -> Result:
    """A second in which so many requests were answered with so many seconds of CPU."""
    usage = {"server": Usage(cpu * 0.75, cpu * 0.25, 50_000_000, 100)}
    if database is not None:
        usage["database"] = Usage(database, 0.0, 0, 0)
    return Result(
        requests=requests,
        seconds=1.0,
        p50_ms=2.0,
        p99_ms=4.0,
        worst_ms=9.0,
        answer_bytes=1200.0,
        usage=usage,
        load_cores=0.2,
        other_cores=0.0,
        batches={"16": 5, "32": 5},
        batched_steps=200.0,
    )


def refreshes(*rounds: dict[str, Result]) -> Section:
    """A section of refreshes."""
    return section("Refresh", rounds)


def report(**changes: Any) -> Report:  # noqa: ANN401 - members of a report
    """A report of nothing, but for the `changes`."""
    usual: dict[str, Any] = {
        "at": datetime(2026, 11, 21, 4, 5, tzinfo=UTC),
        "command": "python -m benchmarks",
        "minutes": 11.4,
        "quick": False,
        "connections": 32,
        "machine": MACHINE,
        "subjects": {},
        "sections": {},
        "races": {},
        "in_process": [],
        "left_out": [],
    }
    return Report(**{**usual, **changes})


def whole_report() -> Report:
    """A report with something in every place."""
    subjects = {
        "floor": Subject("floor", "none", 0.2),
        "sqlite": Subject("satmint, SQLite", "WAL", 0.5),
        "oidc-provider-postgres": Subject("oidc-provider, PostgreSQL", "fsync", 0.9),
        "sqlite 10": Subject("satmint, 10 sessions", "WAL", 0.5, sessions=10, disk_mb=1),
        "sqlite 1000": Subject("satmint, 1,000 sessions", "WAL", 0.5, sessions=1000, disk_mb=2),
    }
    first = {
        "floor": result(2000, 0.125),
        "sqlite": result(1000, 0.125),
        "oidc-provider-postgres": result(50, 0.0625, 0.03125),
    }
    second = {**first, "sqlite": result(500, 0.0625)}
    return report(
        subjects=subjects,
        sections={
            "refresh": refreshes(first, second),
            "sessions": section("Sizes", [{"sqlite 10": result(), "sqlite 1000": result(950)}]),
        },
        races={
            "sqlite": Races(1000, 0, 1000, 0, 0, 1.0),
            "oidc-provider-postgres": Races(50, 2, 0, 48, 0, 1.0),
        },
        in_process=[Cost("open a SAT", 5.0, 4.5)],
        left_out=["authlib-postgres: npm is missing"],
        profiles=[
            Profile("floor", {**dict.fromkeys(KINDS, 0.0), PYTHON: 0.5, "kernel": 0.5}),
            Profile("sqlite", {**dict.fromkeys(KINDS, 0.0), PYTHON: 0.75, "SQLite": 0.25}),
        ],
    )


def gateway_report() -> Report:
    """A report of browsers at the gateway alone."""
    rounds = {
        "gateway refresh": refreshes({"sqlite": result(1000, 0.1)}, {"sqlite": result(1000, 0.2)}),
        "gateway connect": refreshes({"sqlite": result(1000, 0.5)}, {"sqlite": result(1000, 0.8)}),
        "gateway resume": refreshes({"sqlite": result(1000, 0.5)}, {"sqlite": result(1000, 1.0)}),
    }
    storm = StormFigures(
        store="postgres",
        sessions=5_000,
        down_seconds=0.5,
        half_seconds=2.0,
        back_seconds=4.25,
        told_to_wait=7,
        refused=1,
        refreshes=600,
        refresh_p99_ms=120.0,
        refresh_worst_ms=130.0,
        calm_p99_ms=4.0,
        calm_per_second=200.0,
        calm_cores=0.1,
        calm_database_cores=0.02,
        calm_resident_mb=150.0,
    )
    return report(
        subjects={"sqlite": Subject("satmint, SQLite", "WAL", 0.5)},
        sections=rounds,
        live_sessions=[LiveSessions("sqlite", 2_000, [20480.0, 10240.0], [8.0], [0.0])],
        storms=[storm],
    )


def fleet_report(**changes: Any) -> Report:  # noqa: ANN401 - members of a report
    """A report with everything that hardware is computed from, on SQLite, but for the `changes`."""
    usual = whole_report()
    gateway = gateway_report()
    costs = {"device refresh": 0.3, "info": 0.1, "issue": 0.2, "workers": 0.2}
    sections = {
        **usual.sections,
        **gateway.sections,
        **{part: section(part, [{"sqlite": result(1000, cpu)}]) for part, cpu in costs.items()},
    }
    made = report(
        subjects=usual.subjects,
        sections=sections,
        live_sessions=gateway.live_sessions,
        event_sizes=[EventSize("sqlite", 1000, 300.0)],
        storms=[structs.replace(gateway.storms[0], store="sqlite")],
    )
    return structs.replace(made, **changes)
