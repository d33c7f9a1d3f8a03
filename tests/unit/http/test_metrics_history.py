"""The last hours of the metrics, in bounded memory, of one process and of several."""

import asyncio
from copy import copy
from functools import partial
from pathlib import Path
from uuid import UUID

from satmint.flows.revocation_status import FeedStatus, ListenerStatus
from satmint.http.metrics import BATCH_STEPS, Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.http.metrics_history import BUCKETS, OTHER, MetricsHistory, Range, merged, quantile
from satmint.model.refusals import Code
from tests.kit.clock import NOW, FrozenClock
from tests.unit.http.test_metrics_aggregator import serving


def test_counts_what_was_added_in_each_step() -> None:
    metrics, clock = Metrics(), FrozenClock(NOW // 1440 * 1440)
    metrics.refreshes["rotated"] = 100  # before it began
    history = MetricsHistory(metrics, clock)
    for minute in range(3):
        metrics.refreshes["rotated"] += minute + 1
        metrics.requests["POST", "create-guest-token", 201] += 1
        metrics.requests["POST", "create-guest-token", 422] += 1
        metrics.gateway.connections = 10 - minute
        history.sample()
        clock.advance(60)
    found = history.read(Range.HOUR)
    assert [bucket.counts.get("refreshed", 0) for bucket in found.buckets] == [1, 2, 3, 0]
    assert [bucket.counts.get("issued", 0) for bucket in found.buckets] == [1, 1, 1, 0]
    assert [bucket.sockets for bucket in found.buckets] == [10, 9, 8, 8]
    (whole,) = history.read(Range.DAY).buckets
    assert (whole.counts["refreshed"], whole.sockets) == (6, 10)


def test_memory_is_bounded_and_old_steps_are_forgotten() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    for number in range(500):
        metrics.refusals[Code.UNAUTHORIZED, f"cause {number}"] += 1
        if number % 2:
            clock.advance(60)
        history.sample()
    for each in Range:
        found = history.read(each).buckets
        assert len(found) <= BUCKETS
        assert all(len(bucket.refusals) <= 40 for bucket in found)
    day = history.read(Range.DAY).buckets
    assert sum(sum(bucket.refusals.values()) for bucket in day) == 500
    assert OTHER not in day[0].refusals or len(day[0].refusals) == 40
    clock.advance(86_400)
    assert len(history.read(Range.DAY).buckets) == 1


def test_the_most_frequent_causes_are_kept_and_the_others_counted_together() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    expected = {f"cause {number}": 100 - number for number in range(39)}
    for number in range(45):
        metrics.refusals[Code.UNAUTHORIZED, f"cause {number}"] += 100 - number
    history.sample()
    (bucket,) = history.read(Range.HOUR).buckets
    rest = sum(100 - number for number in range(39, 45))
    assert set(bucket.refusals.values()) == {*expected.values(), rest}
    assert bucket.refusals[OTHER] == rest
    assert len(bucket.refusals) == 40


def test_as_many_causes_as_are_kept_have_none_beside_them() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    for number in range(40):
        metrics.refusals[Code.UNAUTHORIZED, f"cause {number}"] += 1
    history.sample()
    (bucket,) = history.read(Range.HOUR).buckets
    assert len(bucket.refusals) == 40
    assert OTHER not in bucket.refusals


def test_clock_that_is_set_back_adds_to_the_newest_step() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    history.sample()
    clock.step(-600)
    metrics.refreshes["replayed"] += 1
    history.sample()
    clock.step(600)
    (bucket,) = history.read(Range.HOUR).buckets
    assert bucket.counts == {"replayed": 1}


async def test_workers_are_summed_whichever_answers(tmp_path: Path) -> None:
    clock, workers, metrics = FrozenClock(), [], []
    for number in range(2):
        metrics.append(Metrics())
        history = MetricsHistory(metrics[-1], clock)
        workers.append(MetricsAggregator(metrics[-1], history, tmp_path, number, 2))
        clock.advance(60)
    metrics[0].refreshes["reuse"] += 1
    metrics[1].refreshes["reuse"] += 2
    metrics[0].sessions = metrics[1].sessions = 7
    metrics[0].gateway.connections, metrics[1].gateway.connections = 3, 4
    async with serving(tmp_path, workers):
        answers = await asyncio.gather(*(worker.history(Range.HOUR) for worker in workers))
    for found, missing in answers:
        assert missing == 0
        assert sum(bucket.counts.get("reuse", 0) for bucket in found.buckets) == 3
        assert found.buckets[-1].sockets == 7
        assert (found.active_sessions, found.earliest, found.since) == (7, NOW, NOW + 60)
    found, missing = await workers[0].history(Range.HOUR)
    assert missing == 1
    assert sum(bucket.counts.get("reuse", 0) for bucket in found.buckets) == 1


async def test_feeds_of_all_workers_are_told_by_number(tmp_path: Path) -> None:
    clock, workers, feeds = FrozenClock(), [], []
    for number in range(2):
        listener = ListenerStatus(
            UUID(int=1), UUID(int=2), "192.0.2.7", 1.5, "start", 3, 1, 0.5, number
        )
        feeds.append(FeedStatus(0.25, True, True, [listener] * number))
        metrics = Metrics()
        history, feed = MetricsHistory(metrics, clock), feeds[-1]
        workers.append(
            MetricsAggregator(metrics, history, tmp_path, number, 2, partial(copy, feed))
        )
    async with serving(tmp_path, workers):
        for worker in workers:
            assert list(await worker.feeds()) == feeds
    assert list(await workers[0].feeds()) == [feeds[0], None]


def test_quantiles_are_bounds_of_the_histogram() -> None:
    counts = [0] * (len(BATCH_STEPS) + 1)
    assert quantile(BATCH_STEPS, counts, 0.5) is None
    counts[0], counts[3] = 98, 2
    assert quantile(BATCH_STEPS, counts, 0.5) == 1
    assert quantile(BATCH_STEPS, counts, 0.99) == 8
    counts[-1] = 1000
    assert quantile(BATCH_STEPS, counts, 0.99) == 512
    assert quantile(BATCH_STEPS, [], 0.99) is None


def test_merging_keeps_each_process_once() -> None:
    clock = FrozenClock()
    one = MetricsHistory(Metrics(), clock).read(Range.HOUR)
    assert merged([one]) == one
