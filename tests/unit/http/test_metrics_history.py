"""The last hours of the metrics, in bounded memory, of one process and of several."""

import asyncio
from contextlib import suppress
from copy import copy
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from satmint.flows.revocation_status import FeedStatus, ListenerStatus
from satmint.http.metrics import BATCH_STEPS, Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.http.metrics_history import BUCKETS, OTHER, MetricsHistory, Range, merged, quantile
from satmint.model.refusals import Code
from tests.kit.clock import NOW, FrozenClock
from tests.kit.polling import until
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


async def test_workers_are_summed_whichever_answers(socket_folder: Path) -> None:
    clock, workers, metrics = FrozenClock(), [], []
    for number in range(2):
        metrics.append(Metrics())
        history = MetricsHistory(metrics[-1], clock)
        workers.append(MetricsAggregator(metrics[-1], history, socket_folder, number, 2))
        clock.advance(60)
    metrics[0].refreshes["reuse"] += 1
    metrics[1].refreshes["reuse"] += 2
    metrics[0].sessions = metrics[1].sessions = 7
    metrics[0].gateway.connections, metrics[1].gateway.connections = 3, 4
    async with serving(socket_folder, workers):
        answers = await asyncio.gather(*(worker.history(Range.HOUR) for worker in workers))
    for found, missing in answers:
        assert missing == 0
        assert sum(bucket.counts.get("reuse", 0) for bucket in found.buckets) == 3
        assert found.buckets[-1].sockets == 7
        assert (found.active_sessions, found.earliest, found.since) == (7, NOW, NOW + 60)
    found, missing = await workers[0].history(Range.HOUR)
    assert missing == 1
    assert sum(bucket.counts.get("reuse", 0) for bucket in found.buckets) == 1


async def test_feeds_of_all_workers_are_told_by_number(socket_folder: Path) -> None:
    clock, workers, feeds = FrozenClock(), [], []
    for number in range(2):
        listener = ListenerStatus(
            UUID(int=1), UUID(int=2), "192.0.2.7", 1.5, "start", 3, 1, 0.5, number
        )
        feeds.append(FeedStatus(0.25, True, True, [listener] * number))
        metrics = Metrics()
        history, feed = MetricsHistory(metrics, clock), feeds[-1]
        workers.append(
            MetricsAggregator(metrics, history, socket_folder, number, 2, partial(copy, feed))
        )
    async with serving(socket_folder, workers):
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


def test_every_range_has_sixty_steps() -> None:
    seconds = {each: each.step * BUCKETS for each in Range}
    assert seconds == {Range.HOUR: 3600, Range.SIX_HOURS: 21_600, Range.DAY: 86_400}


def test_step_is_shown_until_it_is_sixty_steps_old() -> None:
    metrics, clock = Metrics(), FrozenClock(NOW // 60 * 60)
    history = MetricsHistory(metrics, clock)
    first = clock.now() // 60
    history.sample()
    clock.advance(59 * 60)
    found = history.read(Range.HOUR)
    assert [bucket.index for bucket in found.buckets] == [first, first + 59]
    assert (found.since, found.earliest, found.now) == (first * 60, first * 60, clock.now())
    clock.advance(60)
    assert [bucket.index for bucket in history.read(Range.HOUR).buckets] == [first + 59, first + 60]


class CountingClock(FrozenClock):
    """Counts how often it is asked."""

    asked = 0

    def now(self) -> int:
        self.asked += 1
        return super().now()


async def test_process_samples_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("satmint.http.metrics_history._SAMPLE_SECONDS", 0)
    metrics, clock = Metrics(), CountingClock()
    history = MetricsHistory(metrics, clock)
    metrics.refreshes["reuse"] += 1
    running = asyncio.create_task(history.run())
    await until(lambda: clock.asked > 3)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    clock.advance(60)
    one, two = history.read(Range.HOUR).buckets
    assert (one.counts, two.counts) == ({"reuse": 1}, {})


def test_counts_are_those_of_the_operations_that_succeeded() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    for route, count in (
        ("create-subscriber-token", 1),
        ("create-guest-token", 2),
        ("create-invite-token", 3),
        ("create-embed-token", 4),
        ("create-embed-token-alias", 5),
        ("create-device-token", 7),
        ("refresh-device-token", 11),
        ("list-addresses", 13),
    ):
        for status in (200, 299):
            metrics.requests["POST", route, status] += count
        for status in (199, 300, 422):
            metrics.requests["POST", route, status] += 1000
    metrics.refreshes["rotated"] = 100
    metrics.refreshes["replayed"] = 200
    metrics.refreshes["reuse"] = 300
    metrics.device_tokens["again"] = 40
    metrics.refusals[Code.NOT_FOUND, ""] = 6
    metrics.refusals[Code.UNAUTHORIZED, "no_credentials"] = 8
    (bucket,) = history.read(Range.HOUR).buckets
    assert bucket.counts == {
        "issued": 30,
        "bound": 14,
        "refreshed": 122,
        "replayed": 240,
        "reuse": 300,
    }
    assert bucket.refusals == {"not_found": 6, "no_credentials": 8}


def test_histograms_of_a_step_are_added() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    for seconds in (0.0001, 100.0):
        history.sample()
        metrics.seconds.observe(seconds)
        metrics.batches.observe(1)
        history.sample()
    found = history.read(Range.HOUR)
    (bucket,) = found.buckets
    assert (bucket.seconds[0], bucket.seconds[-1], sum(bucket.seconds)) == (1, 1, 2)
    assert (bucket.batches[0], sum(bucket.batches)) == (2, 2)
    (both,) = merged([found, found]).buckets
    assert (both.seconds[0], both.seconds[-1], sum(both.seconds)) == (2, 2, 4)
    assert both.batches[0] == 4


def test_step_without_responses_has_no_histogram() -> None:
    (bucket,) = MetricsHistory(Metrics(), FrozenClock()).read(Range.HOUR).buckets
    assert (bucket.seconds, bucket.batches, bucket.counts, bucket.refusals) == ([], [], {}, {})
    assert (bucket.sockets, bucket.live) == (0, 0)


def test_connections_of_processes_are_added_and_those_of_a_step_are_the_most() -> None:
    parts = []
    for connections, sessions in ((5, 4), (3, 1)):
        metrics, clock = Metrics(), FrozenClock()
        history = MetricsHistory(metrics, clock)
        metrics.gateway.connections, metrics.gateway.sessions = connections, sessions
        history.sample()
        metrics.gateway.connections, metrics.gateway.sessions = 0, 0
        parts.append(history.read(Range.HOUR))
    assert [(part.buckets[0].sockets, part.buckets[0].live) for part in parts] == [(5, 4), (3, 1)]
    (bucket,) = merged(parts).buckets
    assert (bucket.sockets, bucket.live) == (8, 5)


def test_merged_history_reaches_from_the_last_start_to_the_latest_time() -> None:
    parts = []
    for seconds, sessions in ((0, None), (60, 7), (120, 9)):
        metrics = Metrics()
        metrics.sessions = sessions
        clock = FrozenClock(NOW + seconds)
        parts.append(MetricsHistory(metrics, clock).read(Range.HOUR))
    found = merged(parts)
    assert (found.since, found.earliest, found.now) == (NOW + 120, NOW, NOW + 120)
    assert found.active_sessions == 9
    assert [bucket.index for bucket in found.buckets] == [NOW // 60 + step for step in range(3)]
    assert merged(parts[:1]).active_sessions is None


def test_causes_that_are_counted_together_stay_so_in_later_samples() -> None:
    metrics, clock = Metrics(), FrozenClock()
    history = MetricsHistory(metrics, clock)
    for sample in range(3):
        for number in range(50):
            metrics.refusals[Code.UNAUTHORIZED, f"cause {sample} {number}"] += 100 - number
        history.sample()
    (bucket,) = history.read(Range.HOUR).buckets
    whole = sum(metrics.refusals.values())
    assert (len(bucket.refusals), sum(bucket.refusals.values())) == (40, whole)
    kept = [count for cause, count in bucket.refusals.items() if cause != OTHER]
    assert sorted(kept, reverse=True) == sorted(metrics.refusals.values(), reverse=True)[:39]


def test_quantile_is_the_bound_that_the_share_is_at() -> None:
    bounds = (1, 2, 4)
    assert quantile(bounds, [0, 1, 0, 0], 0.5) == 2
    assert quantile(bounds, [1, 1, 0, 0], 0.5) == 1
    assert quantile(bounds, [1, 1, 1, 0], 0.5) == 2
    assert quantile(bounds, [1, 1, 1, 1], 1) == 4
    assert quantile(bounds, [3, 0, 1, 0], 0.75) == 1
