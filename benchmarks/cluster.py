"""The part of docs/performance.md about a Citus cluster, which is made of a result of its own."""

from collections.abc import Mapping
from typing import Final

from benchmarks.markdown import table
from benchmarks.report import Report, Summary

CITUS: Final = "citus"
POSTGRES: Final = "postgres"

_TEXT: Final = """## A Citus cluster

Measured on {day} with a coordinator and two nodes, which share the two cores with the server, the
load and PostgreSQL: a cluster is not faster here. The table shows what it costs.
`SATMINT_TEST_CITUS_URL` was set for

```text
{command}
```

which stored [these measurements](../benchmarks/results/{name}). The CPU is that of the server; the
cluster's own was not measured. One project is measured, and so one shard: with many projects, a
refresh costs more ([many machines](many-machines.md#a-citus-cluster)).

{table}

"""


def is_of_cluster(report: Report) -> bool:
    """Whether a report compares a cluster with one PostgreSQL."""
    return not report.quick and {CITUS, POSTGRES} <= report.subjects.keys()


def cluster_part(report: Report, name: str) -> str:
    """The text.

    Args:
        report: One that `is_of_cluster`.
        name: Of the file that it is kept in.
    """
    rows = []
    for section in report.sections.values():
        found = {summary.subject: summary for summary in section.summaries}
        if {CITUS, POSTGRES} <= found.keys():
            rows.append([section.title, *_cells(found)])
    head = (
        *("", "PostgreSQL: CPU µs", "requests/s", "p99 ms"),
        *("Citus: CPU µs", "requests/s", "p99 ms", "rate, of PostgreSQL's"),
    )
    return _TEXT.format(
        day=f"{report.at:%Y-%m-%d}",
        command=report.command,
        name=name,
        table=table(head, rows, "l" + "r" * (len(head) - 1)),
    )


def _cells(found: Mapping[str, Summary]) -> list[str]:
    cells = []
    for one in (found[POSTGRES], found[CITUS]):
        cells += [
            f"{one.cpu_us['server'].median:,.0f}",
            one.requests_per_second.shown(0),
            f"{one.p99_ms.median:,.1f}",
        ]
    rates = [found[name].requests_per_second.median for name in (CITUS, POSTGRES)]
    return [*cells, f"{rates[0] / rates[1]:.2f}"]
