"""Counters and histograms for `/metrics`, cheap enough to sit on every request.

They are kept as plain numbers and turned into Prometheus families only when scraped.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PROOF_AGES: Final = (-60, -10, -2, 2, 10, 60, 120, 300)
_STEPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Tally(Counter[Any]):
    """How often each thing happened, by its labels: one word, or a tuple of as many as there are.

    tally["rotated"] += 1
    """

    def __init__(self, name: str, text: str, *labels: str, known: Iterable[object] = ()) -> None:
        """Begin to count.

        Args:
            name: Its name in Prometheus, without `_total`.
            text: What it counts.
            labels: Names of its labels.
            known: What is shown from the start. Prometheus sees no increase in a number that was
                not there before: the first theft would ring no alarm.
        """
        super().__init__(dict.fromkeys(known, 0))
        self._name = name
        self._text = text
        self._labels = labels

    def family(self) -> Metric:
        """All of it, for Prometheus, which puts `_total` after the name."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for key, count in self.items():
            words = key if isinstance(key, tuple) else (key,)
            family.add_metric([str(word) for word in words], count)
        return family


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

    def family(self, name: str, text: str) -> Metric:
        """All of it, for Prometheus."""
        return HistogramMetricFamily(name, text, buckets=self.buckets(), sum_value=self.total)


@dataclass(slots=True)
class GatewayFigures:
    """What the gateway counts."""

    connections: int = 0
    sessions: int = 0
    connects: Tally = field(
        default_factory=lambda: Tally(
            "satmint_gateway_connects",
            "Credentials shown to the gateway, by kind and outcome.",
            *("kind", "outcome"),
        )
    )
    requests: Tally = field(
        default_factory=lambda: Tally(
            "satmint_gateway_requests", "Requests to the gateway, by method.", "method"
        )
    )
    closes: Tally = field(
        default_factory=lambda: Tally(
            "satmint_gateway_closes", "Connections that ended, by close code.", "code"
        )
    )

    def families(self) -> Iterator[Metric]:
        """All of it, for Prometheus."""
        yield _gauge("satmint_gateway_connections", "Open connections.", self.connections)
        yield _gauge("satmint_gateway_sessions", "Those that were let in.", self.sessions)
        yield from (self.connects.family(), self.requests.family(), self.closes.family())


class Metrics(Collector):
    """Everything that this process counts."""

    def __init__(self) -> None:
        self.requests = Tally("satmint_http_requests", "Answers.", "method", "route", "status")
        self.refreshes = Tally(
            "satmint_refreshes",
            "Refresh tokens presented: rotated, replayed, or why not.",
            "outcome",
            known=("rotated", "replayed", "reuse"),
        )
        self.device_tokens = Tally(
            "satmint_device_tokens",
            "Client Bound SATs: granted, again, or why not.",
            "outcome",
            known=("granted", "again", "key_mismatch"),
        )
        self.proof_refusals = Tally(
            "satmint_proof_refusals", "Proofs of possession refused, by cause.", "cause"
        )
        self.refusals = Tally(
            "satmint_refusals", "Requests refused, by code and cause.", "code", "cause"
        )
        self.webhooks = Tally(
            "satmint_webhooks",
            "Deliveries tried, by outcome.",
            "outcome",
            known=("delivered", "failed", "given_up"),
        )
        self.gateway = GatewayFigures()
        self.sessions: int | None = None
        """Alive in the store, as of the last walk through it; None: there was none so far."""
        self.seconds = Histogram(_SECONDS)
        self.proof_ages = Histogram(_PROOF_AGES)
        """Seconds by which the clocks of those who made proofs are behind ours; ahead: below 0."""
        self.batches = Histogram(_STEPS)
        self._measured: list[tuple[str, str, Callable[[], float]]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def measure(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a value that others know, asked for at each scrape."""
        self._measured.append((name, text, value))

    def count_webhook(self, outcome: str) -> None:
        """Count one delivery that was tried."""
        self.webhooks[outcome] += 1

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        yield self.requests.family()
        yield self.seconds.family("satmint_http_request_seconds", "Time to an answer.")
        yield self.refreshes.family()
        yield self.device_tokens.family()
        yield self.proof_refusals.family()
        yield self.proof_ages.family("satmint_proof_age_seconds", "Age of proofs by our clock.")
        yield self.refusals.family()
        yield self.webhooks.family()
        yield from self.gateway.families()
        if self.sessions is not None:
            yield _gauge(
                "satmint_sessions_alive", "Sessions in the store that may be used.", self.sessions
            )
        yield self.batches.family("satmint_commit_batch_steps", "Steps made durable together.")
        for name, text, value in self._measured:
            yield _gauge(name, text, value())


def _gauge(name: str, text: str, value: float) -> Metric:
    # A bool would be no number on its way between workers.
    return GaugeMetricFamily(name, text, float(value))
