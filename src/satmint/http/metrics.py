"""Counters and histograms for `/metrics`, cheap enough to update on every request.

They are plain numbers, which are converted to Prometheus metric families only for a scrape.
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

from satmint.model.refusals import Unproven

RESPONSE_SECONDS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
)
"""Bounds of the times to respond, in seconds."""
_PROOF_AGES: Final = (-60, -10, -2, 2, 10, 60, 120, 300)
BATCH_STEPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Bounds of the operations of a commit."""


class LabeledCounter(Counter[Any]):
    """A Prometheus counter. Its keys are label values: a string, or a tuple for several labels.

    tally["rotated"] += 1
    """

    def __init__(self, name: str, text: str, *labels: str, initial: Iterable[object] = ()) -> None:
        """Create a counter.

        Args:
            name: The name in Prometheus, without `_total`.
            text: The help text.
            labels: The names of the labels.
            initial: Keys to show with the value 0 from the start. Without a first sample,
                Prometheus cannot compute an increase, and an alert would miss the first reuse.
        """
        super().__init__(dict.fromkeys(initial, 0))
        self._name = name
        self._text = text
        self._labels = labels

    def family(self) -> Metric:
        """Return the Prometheus metric family; Prometheus adds `_total` to the name."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for key, count in self.items():
            words = key if isinstance(key, tuple) else (key,)
            family.add_metric([str(word) for word in words], count)
        return family


@dataclass(slots=True)
class Histogram:
    """A Prometheus histogram."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count `value` in its bucket."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return cumulative counts by upper bound, as Prometheus requires."""
        running, cumulative = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            running += count
            cumulative.append((bound, float(running)))
        return cumulative

    def family(self, name: str, text: str) -> Metric:
        """Return the Prometheus metric family."""
        return HistogramMetricFamily(name, text, buckets=self.buckets(), sum_value=self.total)


@dataclass(slots=True)
class GatewayCounters:
    """The metrics of the gateway."""

    connections: int = 0
    sessions: int = 0
    connects: LabeledCounter = field(
        default_factory=lambda: LabeledCounter(
            "satmint_gateway_connects",
            "Authentications on the gateway, by kind and outcome.",
            *("kind", "outcome"),
        )
    )
    requests: LabeledCounter = field(
        default_factory=lambda: LabeledCounter(
            "satmint_gateway_requests", "Requests on the gateway, by method.", "method"
        )
    )
    closes: LabeledCounter = field(
        default_factory=lambda: LabeledCounter(
            "satmint_gateway_closes", "Closed gateway connections, by close code.", "code"
        )
    )

    def families(self) -> Iterator[Metric]:
        """Return the Prometheus metric families."""
        yield _gauge("satmint_gateway_connections", "Open gateway connections.", self.connections)
        yield _gauge(
            "satmint_gateway_sessions", "Authenticated gateway connections.", self.sessions
        )
        yield from (self.connects.family(), self.requests.family(), self.closes.family())


class Metrics(Collector):
    """All metrics of this process."""

    def __init__(self) -> None:
        self.requests = LabeledCounter(
            "satmint_http_requests", "HTTP responses.", "method", "route", "status"
        )
        self.refreshes = LabeledCounter(
            "satmint_refreshes",
            "Refresh requests, by outcome: rotated, replayed, or the cause of the refusal.",
            "outcome",
            initial=("rotated", "replayed", "reuse"),
        )
        self.device_tokens = LabeledCounter(
            "satmint_device_tokens",
            "Client Bound SAT requests, by outcome: granted, again, or the cause of the refusal.",
            "outcome",
            initial=("granted", "again", "key_mismatch"),
        )
        self.proof_refusals = LabeledCounter(
            "satmint_proof_refusals", "Refused proofs of possession, by cause.", "cause"
        )
        self.introspections = LabeledCounter(
            "satmint_introspections",
            "Introspected tokens, by outcome.",
            "outcome",
            initial=("active", "inactive"),
        )
        self.revocation_feeds = LabeledCounter(
            "satmint_revocation_feeds",
            "Listeners of the feed of revocations: how they began, and how many were cut off"
            " because they did not read.",
            "outcome",
            initial=("start", "resumed", "reset", "cut"),
        )
        self.refusals = LabeledCounter(
            "satmint_refusals", "Refused requests, by code and cause.", "code", "cause"
        )
        self.webhooks = LabeledCounter(
            "satmint_webhooks",
            "Webhook delivery attempts, by outcome.",
            "outcome",
            initial=("delivered", "failed", "timeout", "given_up"),
        )
        self.worker_replacements = LabeledCounter(
            "satmint_worker_replacements",
            "Worker processes replaced since the server started: exited, or hung.",
            "reason",
            initial=("exited", "hung"),
        )
        self.gateway = GatewayCounters()
        self.sessions: int | None = None
        """The active sessions in the store, as of the last count; None: not counted yet."""
        self.seconds = Histogram(RESPONSE_SECONDS)
        self.proof_ages = Histogram(_PROOF_AGES)
        """The ages of proofs in seconds; negative if the client's clock is ahead."""
        self.batches = Histogram(BATCH_STEPS)
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def add_gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a gauge; each scrape calls `value`."""
        self._gauges.append((name, text, value))

    def count_webhook(self, outcome: str) -> None:
        """Count one delivery attempt."""
        self.webhooks[outcome] += 1

    def count_proof_refusal(self, refusal: Unproven) -> None:
        """Count a refused proof, with its age if that check failed."""
        self.proof_refusals[refusal.cause] += 1
        if refusal.skew is not None:
            self.proof_ages.observe(-refusal.skew)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        yield self.requests.family()
        yield self.seconds.family("satmint_http_request_seconds", "Time to respond, in seconds.")
        yield self.refreshes.family()
        yield self.device_tokens.family()
        yield self.proof_refusals.family()
        yield self.proof_ages.family("satmint_proof_age_seconds", "Age of proofs, in seconds.")
        yield self.introspections.family()
        yield self.revocation_feeds.family()
        yield self.refusals.family()
        yield self.webhooks.family()
        yield self.worker_replacements.family()
        yield from self.gateway.families()
        if self.sessions is not None:
            yield _gauge(
                "satmint_sessions_active", "Active sessions in the database.", self.sessions
            )
        yield self.batches.family("satmint_commit_batch_steps", "Database operations per commit.")
        for name, text, value in self._gauges:
            yield _gauge(name, text, value())


def _gauge(name: str, text: str, value: float) -> Metric:
    # Convert a bool, because the encoding between workers accepts only numbers.
    return GaugeMetricFamily(name, text, float(value))
