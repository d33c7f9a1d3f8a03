"""The part of docs/performance.md about where the time of a request goes."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.bars import REFRESH
from benchmarks.markdown import table
from benchmarks.profiling import KINDS, PYTHON, Profile
from benchmarks.report import FLOOR, Report

_SHOWN: Final = 0.1
"""µs; what takes less in every server has no row."""
_TEXT: Final = """## Where the time goes

CPU µs of a request by what the process executes, from samples of `perf` under the same load
([measurements](../benchmarks/results/{name})). First, of a refresh:

{refresh}

The last row answers why the targets for the CPU of a refresh are missed. It is what a refresh would
cost, relative to the floor, if reading the session, applying the rules, the shared commit and the
event ran no Python at all. The difference to the target is what is left for all of them. There is
no single place to shorten: in a profile by function, what does not call the kernel is spread over
some hundred functions, of which none takes more than 6 %.

"""
_OTHERS: Final = """The other requests. The last column is what each would cost, relative to a
refresh, if it ran no more Python than a refresh does:

{others}

"""


def profile_part(report: Report, measured: Report, name: str) -> str:
    """The text; empty without a profile of the floor and of a store.

    Args:
        report: Has the CPU of each operation.
        measured: Has the profiles; the same, or one of the profiles alone.
        name: Of the file that the latter is kept in.
    """
    cpu = {
        (operation, one.subject): one.cpu_us["server"].median
        for operation, section in report.sections.items()
        for one in section.summaries
    }
    by_kind = {
        (one.operation, one.subject): _microseconds(one, cpu[one.operation, one.subject])
        for one in measured.profiles
        if (one.operation, one.subject) in cpu
    }
    names = {subject: one.name for subject, one in report.subjects.items()}
    refresh = {of: kinds for (operation, of), kinds in by_kind.items() if operation == REFRESH}
    if FLOOR not in refresh or len(refresh) == 1:
        return ""
    text = _TEXT.format(name=name, refresh=_refresh_table(refresh, names))
    others = [
        [
            *(names[of], operation),
            *(f"{kinds[kind]:.1f}" for kind in KINDS),
            f"{sum(kinds.values()):.0f}",
            f"{_relative(kinds, refresh[of]):.2f} ×",
        ]
        for (operation, of), kinds in by_kind.items()
        if operation != REFRESH and of in refresh
    ]
    if not others:
        return text
    head = ("", "", *KINDS, "together", "relative to a refresh")
    return text + _OTHERS.format(others=table(head, others, "ll" + "r" * (len(KINDS) + 2)))


def _microseconds(profile: Profile, cpu_us: float) -> dict[str, float]:
    return {kind: share * cpu_us for kind, share in profile.shares.items()}


def _relative(one: Mapping[str, float], base: Mapping[str, float]) -> float:
    """The CPU of one, relative to another, if it ran as much Python as that."""
    return (sum(one.values()) - one[PYTHON] + base[PYTHON]) / sum(base.values())


def _refresh_table(refresh: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> str:
    columns: Sequence[Mapping[str, float]] = list(refresh.values())
    rows = [
        [kind, *(f"{kinds[kind]:.1f}" for kinds in columns)]
        for kind in KINDS
        if any(kinds[kind] >= _SHOWN for kinds in columns)
    ]
    rows.append(["together", *(f"{sum(kinds.values()):.1f}" for kinds in columns)])
    least = [f"{_relative(kinds, refresh[FLOOR]):.2f} ×" for kinds in columns]
    rows.append(["with no more Python than the floor", *least])
    return table(("", *(names[of] for of in refresh)), rows, "l" + "r" * len(columns))
