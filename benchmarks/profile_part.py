"""The part of docs/performance.md about where the time of a refresh goes."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.markdown import table
from benchmarks.profiling import KINDS, PYTHON, Profile
from benchmarks.report import FLOOR

_SHOWN: Final = 0.1
"""µs; what takes less in every server has no row."""
_TEXT: Final = """## Where the time goes

CPU µs of a refresh by what the process executes, from samples of `perf` under the same load:

{table}

The last row answers why the targets for the CPU of a refresh are missed. It is what a refresh would
cost, relative to the floor, if reading the session, applying the rules, the shared commit and the
event ran no Python at all. The difference to the target is what is left for all of them. There is
no single place to shorten: in a profile by function, what does not call the kernel is spread over
some hundred functions, of which none takes more than 6 %.

"""


def profile_part(
    profiles: Sequence[Profile], names: Mapping[str, str], cpu_us: Mapping[str, float]
) -> str:
    """The text of docs/performance.md; empty without a profile of the floor and of a store.

    Args:
        profiles: What was measured.
        names: Of servers, by subject.
        cpu_us: CPU of each server for a refresh, without the database, by subject.
    """
    found = {one.subject: one for one in profiles if one.subject in cpu_us}
    if FLOOR not in found or len(found) == 1:
        return ""
    by_kind = {
        name: {kind: share * cpu_us[name] for kind, share in one.shares.items()}
        for name, one in found.items()
    }
    rows = [
        [kind, *(f"{one[kind]:.1f}" for one in by_kind.values())]
        for kind in KINDS
        if any(one[kind] >= _SHOWN for one in by_kind.values())
    ]
    rows.append(["together", *(f"{cpu_us[name]:.1f}" for name in found)])
    python = by_kind[FLOOR][PYTHON]
    least = [cpu_us[name] - one[PYTHON] + python for name, one in by_kind.items()]
    rows.append(
        ["with no more Python than the floor", *(f"{one / cpu_us[FLOOR]:.2f} ×" for one in least)]
    )
    head = ("", *(names[name] for name in found))
    return _TEXT.format(table=table(head, rows, "l" + "r" * len(found)))
