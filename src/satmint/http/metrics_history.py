"""The last hours of the metrics of a process, in memory: what the console draws.

Each process samples its own metrics every few seconds, and keeps what was added since the sample
before in buckets of a fixed length: an hour by the minute, six hours and a day more coarsely. The
memory is bounded; a process that starts begins anew.
"""

import asyncio
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from satmint.http.metrics import Metrics
from satmint.model.clock import Clock

BUCKETS: Final = 60
"""Buckets of a range."""
_SAMPLE_SECONDS: Final = 5.0
_MAX_CAUSES: Final = 40
"""Causes of refusals that a process tells apart in a bucket."""
OTHER: Final = "other"
_ISSUED: Final = frozenset(
    {
        *("create-subscriber-token", "create-guest-token", "create-invite-token"),
        *("create-embed-token", "create-embed-token-alias"),
    }
)
"""Ids of the operations that issue tokens of new sessions."""
_OK: Final = range(200, 300)


class Range(StrEnum):
    """What a plot shows."""

    HOUR = "hour"
    SIX_HOURS = "six-hours"
    DAY = "day"

    @property
    def step(self) -> int:
        """Seconds of a bucket."""
        return {Range.HOUR: 60, Range.SIX_HOURS: 360, Range.DAY: 1440}[self]


class Bucket(msgspec.Struct, array_like=True):
    """What happened in one step of time."""

    index: int
    """Unix seconds, divided by the step."""
    counts: dict[str, int] = {}
    """By name: `issued`, `bound`, `refreshed`, `replayed`, `reuse`."""
    refusals: dict[str, int] = {}
    """By cause."""
    seconds: list[int] = []
    """Responses, by the buckets of `Metrics.seconds`."""
    batches: list[int] = []
    """Commits, by the buckets of `Metrics.batches`."""
    sockets: int = 0
    """Open gateway connections, at most."""
    live: int = 0
    """Authenticated ones, at most."""

    def add(self, other: "Bucket", *, concurrent: bool) -> None:
        """Add what another bucket has counted.

        Args:
            other: The other bucket.
            concurrent: Whether it is another process's, of the same time.
        """
        self.counts = _sum(self.counts, other.counts)
        self.refusals = _bounded(_sum(self.refusals, other.refusals))
        self.seconds = _added(self.seconds, other.seconds)
        self.batches = _added(self.batches, other.batches)
        if concurrent:
            self.sockets, self.live = self.sockets + other.sockets, self.live + other.live
        else:
            self.sockets = max(self.sockets, other.sockets)
            self.live = max(self.live, other.live)


class History(msgspec.Struct, array_like=True):
    """A range of the history of a process, or of all processes of a server."""

    since: int
    """Unix seconds at which the counting began; of several processes, the latest."""
    earliest: int
    """The earliest of several processes."""
    now: int
    """Unix seconds: the end of the range."""
    buckets: list[Bucket]
    """In order; those without a sample are left out."""
    active_sessions: int | None = None
    """The active sessions in the database, as of the last count."""


class MetricsHistory:
    """Samples the metrics of this process."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        """Begin.

        Args:
            metrics: What is sampled.
            clock: The time of the samples.
        """
        self._metrics = metrics
        self._clock = clock
        self._since = clock.now()
        self._before = _Totals(metrics)
        self._rings: dict[Range, deque[Bucket]] = {each: deque(maxlen=BUCKETS) for each in Range}

    async def run(self) -> None:
        """Sample, until cancelled."""
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            self.sample()

    def sample(self) -> None:
        """Count what has happened since the last sample."""
        now, totals = self._clock.now(), _Totals(self._metrics)
        for each, ring in self._rings.items():
            found = totals.since(self._before)
            found.index = now // each.step
            if ring and found.index <= ring[-1].index:  # or the clock was set back
                ring[-1].add(found, concurrent=False)
            else:
                ring.append(found)
        self._before = totals

    def read(self, wanted: Range) -> History:
        """A range, up to now."""
        self.sample()
        now = self._clock.now()
        first = now // wanted.step - BUCKETS + 1
        buckets = [bucket for bucket in self._rings[wanted] if bucket.index >= first]
        return History(self._since, self._since, now, buckets, self._metrics.sessions)


def merged(histories: Iterable[History]) -> History:
    """The history of a server, from those of its processes. There must be at least one."""
    parts = list(histories)
    buckets: dict[int, Bucket] = {}
    for part in parts:
        for bucket in part.buckets:
            found = buckets.setdefault(bucket.index, Bucket(bucket.index))
            found.add(bucket, concurrent=True)
    return History(
        max(part.since for part in parts),
        min(part.earliest for part in parts),
        max(part.now for part in parts),
        [buckets[index] for index in sorted(buckets)],
        # Every process counts all sessions of the database.
        max(
            (part.active_sessions for part in parts if part.active_sessions is not None),
            default=None,
        ),
    )


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """The least bound below which at least `share` of the observations are; None without any.

    Observations above the last bound count as that.
    """
    total = sum(counts)
    if not total:
        return None
    running, cumulative = 0, []
    for count in counts:
        running += count
        cumulative.append(running)
    return bounds[min(bisect_left(cumulative, share * total), len(bounds) - 1)]


class _Totals:
    """The counters of a process at one time."""

    def __init__(self, metrics: Metrics) -> None:
        routes: Counter[str] = Counter()
        for (_, route, status), count in metrics.requests.items():
            if status in _OK:
                routes[route] += count
        outcomes, device_tokens = metrics.refreshes, metrics.device_tokens
        self.counts = {
            "issued": sum(routes[name] for name in _ISSUED),
            "bound": routes["create-device-token"],
            "refreshed": outcomes["rotated"] + routes["refresh-device-token"],
            "replayed": outcomes["replayed"] + device_tokens["again"],
            "reuse": outcomes["reuse"],
        }
        refusals: Counter[str] = Counter()
        for (code, cause), count in metrics.refusals.items():
            refusals[str(cause or code)] += count
        self.refusals = refusals
        self.seconds = [*metrics.seconds.counts]
        self.batches = [*metrics.batches.counts]
        self._gateway = metrics.gateway.connections, metrics.gateway.sessions

    def since(self, before: "_Totals") -> Bucket:
        """What was added since `before`."""
        sockets, live = self._gateway
        return Bucket(
            0,
            _difference(self.counts, before.counts),
            _bounded(_difference(self.refusals, before.refusals)),
            _subtracted(self.seconds, before.seconds),
            _subtracted(self.batches, before.batches),
            sockets,
            live,
        )


def _difference(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    found = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in found.items() if count}


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in one.keys() | other.keys()}


def _bounded(causes: dict[str, int]) -> dict[str, int]:
    """The most frequent causes; the others together."""
    if len(causes) <= _MAX_CAUSES:
        return causes
    ranked = sorted(causes, key=lambda name: (name == OTHER, -causes[name]))
    kept = {name: causes[name] for name in ranked[: _MAX_CAUSES - 1]}
    return {**kept, OTHER: sum(causes.values()) - sum(kept.values())}


def _subtracted(after: Sequence[int], before: Sequence[int]) -> list[int]:
    found = [one - other for one, other in zip(after, before, strict=True)]
    return found if any(found) else []


def _added(one: list[int], other: list[int]) -> list[int]:
    if not one or not other:
        return [*(one or other)]
    return [a + b for a, b in zip(one, other, strict=True)]
