"""Counters and histograms as Prometheus reads them."""

import pytest

from satmint.http.metrics import Histogram, LabeledCounter, Metrics
from satmint.model.refusals import Unproven


def samples(metrics: Metrics, prefix: str) -> dict[str, float]:
    """The samples whose names begin so, without those of timestamps."""
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith(prefix)]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.mark.parametrize(
    ("values", "counts", "total"),
    [
        ((), (0, 0, 0), 0),
        ((0.5, 1), (2, 2, 2), 1.5),
        ((1.01, 2), (0, 2, 2), 3.01),
        ((2.01, 0), (1, 1, 2), 2.01),
    ],
)
def test_histogram_counts_up_to_and_including_each_bound(
    values: tuple[float, ...], counts: tuple[int, ...], total: float
) -> None:
    histogram = Histogram((1, 2))
    for value in values:
        histogram.observe(value)
    assert histogram.buckets() == list(zip(("1", "2", "+Inf"), map(float, counts), strict=True))
    assert histogram.total == pytest.approx(total)


def test_counter_shows_its_labels_and_what_was_not_counted_yet() -> None:
    one = LabeledCounter("a", "A.", "label", initial=("x", "y"))
    one["x"] += 2
    assert [(sample.labels, sample.value) for sample in one.family().samples] == [
        ({"label": "x"}, 2),
        ({"label": "y"}, 0),
    ]
    two = LabeledCounter("b", "B.", "method", "status")
    two["GET", 200] += 1
    (sample,) = two.family().samples
    assert (sample.name, sample.labels) == ("b_total", {"method": "GET", "status": "200"})


def test_alerts_find_a_sample_from_the_start() -> None:
    metrics = Metrics()
    assert samples(metrics, "satmint_refreshes_total") == {
        f'satmint_refreshes_total{{outcome="{outcome}"}}': 0
        for outcome in ("rotated", "replayed", "reuse")
    }
    for name, count in (("device_tokens", 3), ("webhooks", 4), ("worker_replacements", 2)):
        assert len(samples(metrics, f"satmint_{name}_total")) == count


def test_refused_proofs_are_counted_with_their_age() -> None:
    metrics = Metrics()
    metrics.count_proof_refusal(Unproven("old", skew=-61))
    metrics.count_proof_refusal(Unproven("old", skew=0))
    metrics.count_proof_refusal(Unproven("other"))
    assert samples(metrics, "satmint_proof_refusals_total") == {
        'satmint_proof_refusals_total{cause="old"}': 2,
        'satmint_proof_refusals_total{cause="other"}': 1,
    }
    assert metrics.proof_ages.total == 61
    found = samples(metrics, "satmint_proof_age_seconds_bucket")
    assert list(found.values()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_webhooks_are_counted_by_outcome() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.count_webhook("failed")
    assert samples(metrics, 'satmint_webhooks_total{outcome="failed"') == {
        'satmint_webhooks_total{outcome="failed"}': 2
    }


def test_gauges_are_read_with_each_scrape() -> None:
    metrics, values = Metrics(), iter((1.5, True))
    metrics.add_gauge("a_gauge", "A.", lambda: next(values))
    assert [samples(metrics, "a_gauge") for _ in range(2)] == [{"a_gauge": 1.5}, {"a_gauge": 1}]


def test_connections_of_the_gateway_are_gauges() -> None:
    metrics = Metrics()
    assert samples(metrics, "satmint_gateway_connections") == {"satmint_gateway_connections": 0}
    assert samples(metrics, "satmint_gateway_sessions") == {"satmint_gateway_sessions": 0}
    gateway = metrics.gateway
    gateway.connections, gateway.sessions = 3, 2
    assert samples(metrics, "satmint_gateway_connections") == {"satmint_gateway_connections": 3}
    assert samples(metrics, "satmint_gateway_sessions") == {"satmint_gateway_sessions": 2}


def test_sessions_are_shown_once_they_are_counted() -> None:
    metrics = Metrics()
    assert samples(metrics, "satmint_sessions_active") == {}
    metrics.sessions = 0
    assert samples(metrics, "satmint_sessions_active") == {"satmint_sessions_active": 0}
