"""The feed of revocations: how soon other processes tell of a revocation, after its answer.

    .venv/bin/python -m benchmarks --part feed

Two workers of one server, and two servers, on each store. Everything that ends a token is tried in
turn, in several projects at the same time; see `tests/soak/feed_latency.py`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from tests.soak.feed_latency import ENDINGS, TWO_NODES, TWO_WORKERS, Topology, feed_latencies

from benchmarks.database import NoPostgres, postgres

LIMIT_SECONDS: Final = 1.0
_PROJECTS: Final = 4
_ROUNDS: Final = 36
"""Of all endings in each project: 1,008 revocations."""
_QUICK_ROUNDS: Final = 3


class FeedFigures(msgspec.Struct, frozen=True):
    """What was measured with one store and some processes."""

    store: str
    processes: str
    revocations: int
    median_seconds: float
    worst_seconds: float
    worst_by_ending: dict[str, float]
    """Seconds, by what ended."""


@contextmanager
def _database(name: str, place: Path) -> Iterator[str]:
    if name == "SQLite":
        yield f"sqlite:///{place}/satmint.db"
        return
    with postgres(place) as cluster:
        yield cluster.new_database()


def _measure(store: str, topology: Topology, place: Path, rounds: int) -> FeedFigures:
    with _database(store, place) as database:
        found = asyncio.run(feed_latencies(place, database, topology, rounds, _PROJECTS))
    return FeedFigures(
        store,
        topology.name,
        len(found.all),
        median(found.all),
        max(found.all),
        {ending: max(found.seconds[ending]) for ending in ENDINGS},
    )


def measure_feed(place: Path, *, quick: bool) -> list[FeedFigures]:
    """Measure on each store that is there.

    Args:
        place: A folder for what they keep.
        quick: Whether a few revocations are enough.
    """
    found = []
    for store in ("SQLite", "PostgreSQL"):
        for topology in (TWO_WORKERS, TWO_NODES):
            own = place / f"feed-{store}-{topology.servers}"
            own.mkdir()
            with suppress(NoPostgres):
                rounds = _QUICK_ROUNDS if quick else _ROUNDS
                found.append(_measure(store, topology, own, rounds))
    return found
