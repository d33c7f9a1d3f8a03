"""What is measured: how each server is started, as its users run it.

A new subject is a function that starts a server in a folder of its own, yields a `Running` and
stops the server at the end; add it to `SUBJECTS`. Everything else (load, gauges, report) goes by
what `Running` says.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit.postgres import CLUSTER

from benchmarks.deployment import deployment
from benchmarks.peers import PEERS
from benchmarks.processes import python, server
from benchmarks.running import API_TOKEN, PROJECT, Running, Start, basic

FLOOR: Final = "floor"


@contextmanager
def floor(place: Path) -> Iterator[Running]:
    """The same HTTP stack and the same crypto with no store."""
    with server(python("-m", "benchmarks.floor"), place) as process:
        yield Running(
            "floor",
            process.port,
            basic(PROJECT, API_TOKEN),
            {"server": process.pid},
            "none: keeps nothing",
            start_seconds=process.start_seconds,
        )


@dataclass(frozen=True, slots=True)
class Satmint:
    """`satmint serve`."""

    store: str
    """As `deployment` names it."""
    workers: int = 1

    @contextmanager
    def __call__(self, place: Path) -> Iterator[Running]:
        """See `Start`."""
        with (
            deployment(place, self.store) as deployed,
            deployed.serve(workers=self.workers) as running,
        ):
            yield running


SUBJECTS: Final[Mapping[str, Start]] = {
    FLOOR: floor,
    "sqlite": Satmint("sqlite"),
    "postgres": Satmint("postgres"),
    "sqlite-2": Satmint("sqlite", workers=2),
    "postgres-2": Satmint("postgres", workers=2),
    **({"citus": Satmint("citus"), "citus-2": Satmint("citus", workers=2)} if CLUSTER else {}),
    **PEERS,
}
"""Subjects by the name that the command line knows them by."""
