"""Counters and histograms for `/metrics`, cheap enough to sit on every request.

They are kept as plain numbers and turned into Prometheus families only when scraped.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STEPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(slots=True)
class Histogram:
    """How often a value fell into each bucket."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count `value` in."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts, as Prometheus wants them."""
        running, cumulative = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            running += count
            cumulative.append((bound, float(running)))
        return cumulative


class Metrics(Collector):
    """Everything that this process counts."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        """By method, route and status."""
        self.refreshes: Counter[str] = Counter()
        """By outcome: rotated, replayed, or the cause of the refusal."""
        self.refusals: Counter[tuple[str, str]] = Counter()
        """By code and cause."""
        self.seconds = Histogram(_SECONDS)
        self.batches = Histogram(_STEPS)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        requests = CounterMetricFamily(
            "satmint_http_requests", "Answers sent.", labels=("method", "route", "status")
        )
        for (method, route, status), count in self.requests.items():
            requests.add_metric((method, route, str(status)), count)
        refreshes = CounterMetricFamily(
            "satmint_refreshes", "Refresh tokens presented, by outcome.", labels=("outcome",)
        )
        for outcome, count in self.refreshes.items():
            refreshes.add_metric((outcome,), count)
        refusals = CounterMetricFamily(
            "satmint_refusals", "Requests refused, by code and cause.", labels=("code", "cause")
        )
        for (code, cause), count in self.refusals.items():
            refusals.add_metric((code, cause), count)
        yield requests
        yield refreshes
        yield refusals
        yield _family("satmint_http_request_seconds", "Time to an answer.", self.seconds)
        yield _family("satmint_commit_batch_steps", "Steps made durable together.", self.batches)


def _family(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.total)
