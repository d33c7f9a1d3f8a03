"""`python -m benchmarks.page [FILE]`: write docs/performance.md, its plots and docs/hardware.md.

They are made of a kept result: without a file, of the newest of `results/` that was no quick one.
The parts about a cluster and about profiles are made of the newest results with them.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bars import REFRESH, SESSIONS, WORKERS, bars
from benchmarks.cluster import cluster_part, is_of_cluster
from benchmarks.gateway import CONNECT, RESUME
from benchmarks.hardware import hardware_page
from benchmarks.markdown import table
from benchmarks.plot import Bar, Line, bar_chart, line_chart
from benchmarks.profile_part import profile_part
from benchmarks.report import FLOOR, Report, Section, Spread, Subject, Summary, read

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = Path("docs/performance.md")
HARDWARE: Final = Path("docs/hardware.md")
RATES: Final = Path("docs/images/refreshes.svg")
SIZES: Final = Path("docs/images/sessions.svg")

_STORES: Final = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
_STORMS: Final = """### A restart with live sessions

The server stops and starts again, as in an upgrade, while each live session is the WebSocket of a
browser. Each browser resumes by itself with the back-off of the vendor's SDK. Another process
refreshes 200 times a second, before and meanwhile. All times count from the order to stop.

"""
_TEMPLATE: Final = Path(__file__).with_name("page.md")


def files(
    report: Report,
    name: str,
    cluster: tuple[Report, str] | None = None,
    profiles: tuple[Report, str] | None = None,
) -> dict[Path, str]:
    """Every file that is made of a report.

    Args:
        report: What was measured.
        name: Of the file that it is kept in.
        cluster: The same of a report about a cluster; None: there is none.
        profiles: The same of a report with profiles; None: they are those of `report`.
    """
    refresh, sizes = report.sections.get(REFRESH), report.sections.get(SESSIONS)
    parts = {
        "profile": profile_part(report, *(profiles or (report, name))),
        "cluster": "" if cluster is None else cluster_part(*cluster),
    }
    made = {PAGE: _page(report, name, parts)}
    if refresh is not None:
        made[RATES] = _rates(report, refresh)
    if sizes is not None:
        made[SIZES] = _sizes(report, sizes)
    needs = hardware_page(report, name)
    if needs is not None:
        made[HARDWARE] = needs
    return made


def newest(folder: Path) -> Path | None:
    """The latest result that has all that a page shows."""
    return _newest(folder, is_whole)


def newest_with_profiles(folder: Path) -> Path | None:
    """The latest result with profiles."""
    return _newest(folder, lambda report: not report.quick and bool(report.profiles))


def newest_of_cluster(folder: Path) -> Path | None:
    """The latest result that compares a cluster with one PostgreSQL."""
    return _newest(folder, is_of_cluster)


def is_whole(report: Report) -> bool:
    """Whether a report has all that a page shows."""
    return not report.quick and {REFRESH, SESSIONS} <= report.sections.keys()


def _newest(folder: Path, fits: Callable[[Report], bool]) -> Path | None:
    for file in sorted(folder.glob("*.json"), reverse=True):
        with suppress(msgspec.ValidationError):  # of an older kind
            if fits(read(file)):
                return file
    return None


def _page(report: Report, name: str, parts: Mapping[str, str]) -> str:
    machine = report.machine
    sections = "\n".join(
        f"### {section.title}\n\n{_note(key)}{_figures(report, section)}\n"
        for key, section in report.sections.items()
    )
    return _TEMPLATE.read_text(encoding="utf-8").format(
        command=report.command,
        result=f"../benchmarks/results/{name}",
        day=f"{report.at:%Y-%m-%d}",
        minutes=f"{report.minutes:.0f}",
        connections=report.connections,
        cpu=machine.cpu,
        cores=machine.cores,
        kernel=machine.kernel,
        filesystem=machine.filesystem,
        versions=_versions(report),
        commit=machine.commit,
        promises=_promises(report),
        durability=_durability(report),
        races=_races(report),
        sections=sections,
        storms=_storms(report),
        in_process=_in_process(report),
        **parts,
        left_out="".join(f"\nLeft out here: {line}.\n" for line in report.left_out),
    )


def _versions(report: Report) -> str:
    machine = report.machine
    known = {"Python": machine.python, "SQLite": machine.sqlite, **machine.parts}
    return ", ".join(f"{name} {version}" for name, version in known.items())


def _note(section: str) -> str:
    notes = {
        WORKERS: (
            "With 64 connections for each. The machine is too small for the load, the database and"
            " two workers at full speed, so the kernel limits each worker to this share of a core."
            " The test measures the loss of the second worker because of the shared database. The"
            " limit of a disk or a database would show only on a larger machine.\n\n"
        ),
        SESSIONS: (
            "The database was filled before the test. Each refresh uses another random session, so"
            " that most reads are not cached.\n\n"
        ),
        CONNECT: (
            "A WebSocket, `signalwire.connect` with a SAT and a proof of the browser's key, and"
            " `subscriber.online`: what version 4 of the vendor's SDK does. All stay online.\n\n"
        ),
        RESUME: (
            "All live sessions come back to a server that has just started, with the state of"
            " their former connection.\n\n"
        ),
    }
    return notes.get(section, "")


def _promises(report: Report) -> str:
    rows = [
        (
            bar.what,
            f"{bar.wanted} {bar.unit}".strip() if bar.wanted else "",
            _got(bar.got, bar.unit),
            _yes(bar.holds) if bar.wanted else "",
        )
        for bar in bars(report)
    ]
    return table(("measurement", "target", "result", "met"), rows, "lrrc")


def _got(spread: Spread, unit: str) -> str:
    digits = 2 if unit in ("×", "s") else 1 if unit else 0
    return f"{spread.shown(digits)} {unit}".strip()


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _durability(report: Report) -> str:
    rows = [(subject.name, subject.durability) for subject in _plain(report).values()]
    return table(("server", "durability of a response"), rows, "ll")


def _plain(report: Report) -> Mapping[str, Subject]:
    return {name: one for name, one in report.subjects.items() if not one.sessions}


def _races(report: Report) -> str:
    rows = [
        (
            report.subjects[name].name,
            *(f"{count:,}" for count in (races.races, races.one, races.same)),
            f"**{races.double:,}**" if races.double else "0",
            f"{races.none:,}",
        )
        for name, races in report.races.items()
    ]
    head = ("server", "races", "one succeeds", "both, the same", "both, different", "neither")
    return table(head, rows, "lrrrrr")


def _storms(report: Report) -> str:
    """The text about storms; empty where none was measured."""
    if not report.storms:
        return ""
    rows = [
        (
            report.subjects[storm.store].name if storm.store in report.subjects else storm.store,
            f"{storm.sessions:,}",
            *(f"{each:.2f}" for each in (storm.down_seconds, storm.half_seconds)),
            f"{storm.back_seconds:.2f}",
            str(storm.told_to_wait),
            *(f"{each:.1f}" for each in (storm.calm_p99_ms, storm.refresh_p99_ms)),
        )
        for storm in report.storms
    ]
    head = (
        *("", "live sessions", "server answers after s", "half are back after s"),
        *("all are back after s", "told to wait", "refresh p99 before, ms", "refresh p99, ms"),
    )
    return f"{_STORMS}{table(head, rows, 'l' + 'r' * (len(head) - 1))}\n\n"


def _figures(report: Report, section: Section) -> str:
    floor = any(summary.times_floor is not None for summary in section.summaries)
    head = ["", "CPU µs a request", "requests/s", "p50 ms", "p99 ms", "RSS MB", "a commit"]
    if floor:
        head.insert(2, "× floor")
    rows = [_row(report, summary, floor=floor) for summary in section.summaries]
    return table(head, rows, "l" + "r" * (len(head) - 1))


def _row(report: Report, summary: Summary, *, floor: bool) -> list[str]:
    cells = [
        report.subjects[summary.subject].name,
        " + ".join(f"{spread.median:,.0f}" for spread in summary.cpu_us.values()),
        summary.requests_per_second.shown(0),
        f"{summary.p50_ms.median:,.1f}",
        f"{summary.p99_ms.median:,.1f}",
        f"{summary.resident_mb:,.0f}",
        "" if summary.batch_mean is None else f"{summary.batch_mean:.1f}",
    ]
    if floor:
        times = summary.times_floor
        cells.insert(2, "1" if times is None else times.shown(2))
    return cells


def _in_process(report: Report) -> str:
    rows = [(cost.what, f"{cost.median:.1f}", f"{cost.least:.1f}") for cost in report.in_process]
    return table(("", "µs", "least"), rows, "lrr")


def _rates(report: Report, section: Section) -> str:
    """Who refreshes how often, and who lets two win."""
    rows = [
        _rate_row(report, summary)
        for summary in section.summaries
        if report.subjects[summary.subject].workers == 1
    ]
    rows.sort(key=lambda row: -row.value)
    return bar_chart("Refreshes a second, one process each", rows)


def _rate_row(report: Report, summary: Summary) -> Bar:
    subject, races = report.subjects[summary.subject], report.races.get(summary.subject)
    rate = summary.requests_per_second.median
    remark = ""
    if races is not None:
        share = races.double / races.races
        won = f"two winners in {share:.0%} of" if races.double else "never two winners in"
        remark = f"{won} {races.races:,} races"
    kind = (
        "ours" if summary.subject in _STORES else "floor" if summary.subject == FLOOR else "other"
    )
    durable = f"durability: {subject.durability}"
    bad = races is not None and races.double > 0
    return Bar(subject.name, durable, rate, f"{rate:,.0f}", kind, remark, bad=bad)


def _sizes(report: Report, section: Section) -> str:
    """Refreshes a second by how many sessions there are."""
    lines = [
        Line(
            name,
            sorted(
                (report.subjects[one.subject].sessions, one.requests_per_second.median)
                for one in section.summaries
                if one.subject.startswith(f"{store} ")
            ),
        )
        for store, name in _STORES.items()
    ]
    return line_chart(
        "Refreshes a second, of any session in the store",
        "sessions in the store",
        [line for line in lines if line.points],
    )


def write(file: Path) -> list[Path]:
    """Write every file that is made of a kept result, of a cluster's and of one with profiles."""
    written = []
    beside = [
        None if one is None else (read(one), one.name)
        for one in (newest_of_cluster(RESULTS), newest_with_profiles(RESULTS))
    ]
    for path, text in files(read(file), file.name, *beside).items():
        (ROOT / path).write_text(text, encoding="utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="a kept result")
    file = parser.parse_args(arguments).file or newest(RESULTS)
    if file is None:
        print("there is no result to make a page of: python -m benchmarks", file=sys.stderr)
        return 1
    for path in write(file):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
