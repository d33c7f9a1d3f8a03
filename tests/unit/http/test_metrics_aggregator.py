"""One `/metrics` for several workers, whichever of them answers."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from satmint.flows.revocation_status import FeedStatus
from satmint.http.metrics import Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.http.metrics_history import MetricsHistory
from satmint.http.retained_counters import MetricFamily, RetainedCounters, Sample
from tests.kit.clock import FrozenClock
from tests.kit.polling import until


def an_aggregator(folder: Path, number: int, count: int) -> MetricsAggregator:
    metrics = Metrics()
    history = MetricsHistory(metrics, FrozenClock())
    return MetricsAggregator(metrics, history, folder, number, count)


def aggregators(folder: Path, count: int) -> list[MetricsAggregator]:
    return [an_aggregator(folder, number, count) for number in range(count)]


@asynccontextmanager
async def serving(folder: Path, workers: Sequence[MetricsAggregator]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.serve_metrics()) for worker in workers]
    try:
        for worker in workers:
            await until((folder / str(worker._number)).exists)
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def workers_up(worker: MetricsAggregator) -> dict[str, float]:
    """Whether each worker answers, by its number."""
    text = (await worker.text()).decode()
    return {
        sample.labels["worker"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "satmint_worker_up"
    }


async def workers_counted(worker: MetricsAggregator) -> set[str]:
    """The workers whose own metrics are in the text."""
    text = (await worker.text()).decode()
    return {
        sample.labels["worker"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name != "satmint_worker_up"
    }


async def test_any_worker_answers_for_all(socket_folder: Path) -> None:
    workers = aggregators(socket_folder, 3)
    async with serving(socket_folder, workers):
        for worker in workers:
            assert await workers_up(worker) == {"0": 1.0, "1": 1.0, "2": 1.0}
            assert await workers_counted(worker) == {"0", "1", "2"}


async def test_worker_that_does_not_answer_is_down(socket_folder: Path) -> None:
    one, two, _ = aggregators(socket_folder, 3)
    (socket_folder / "2").write_text("no socket")
    async with serving(socket_folder, [one, two]):
        assert await workers_up(one) == {"0": 1.0, "1": 1.0, "2": 0.0}
        assert await workers_counted(one) == {"0", "1"}


async def test_worker_that_answers_nonsense_is_down(socket_folder: Path) -> None:
    one, _ = aggregators(socket_folder, 2)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense")
        writer.close()

    async with await asyncio.start_unix_server(answer, socket_folder / "1"):
        assert await workers_up(one) == {"0": 1.0, "1": 0.0}


async def test_successor_takes_the_socket_over_whatever_was_left(socket_folder: Path) -> None:
    former, other = aggregators(socket_folder, 2)
    later = an_aggregator(socket_folder, 0, 2)
    async with serving(socket_folder, [former]):
        before = (socket_folder / "0").stat().st_ino
        (socket_folder / "0.new").write_text("of a worker that was killed")
        async with serving(socket_folder, [later]):
            await until(lambda: (socket_folder / "0").stat().st_ino != before)
            assert not (socket_folder / "0.new").exists()
            assert await workers_up(other) == {"0": 1.0, "1": 1.0}


REUSE = "satmint_refreshes_total"


async def reuse_counted(worker: MetricsAggregator) -> dict[str, float]:
    """How often reuse was found by each worker and its predecessors."""
    text = (await worker.text()).decode()
    return {
        sample.labels["worker"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == REUSE and sample.labels["outcome"] == "reuse"
    }


def reuse_kept(folder: Path, number: int) -> float:
    """How often reuse was found, according to the files of a worker."""
    families = RetainedCounters(folder, number).read(None)
    samples = [sample for family in families for sample in family.samples]
    return sum(
        one.value for one in samples if one.name == REUSE and one.labels["outcome"] == "reuse"
    )


def keep(folder: Path, number: int, instance: str, count: float) -> None:
    """Write the file of a former worker."""
    family = MetricFamily(
        "satmint_refreshes", "", "counter", [Sample(REUSE, {"outcome": "reuse"}, count)]
    )
    RetainedCounters(folder, number).save(instance, [family])


def files_of(folder: Path, pid: int) -> list[str]:
    """The names of the files of a process."""
    return [path.name for path in folder.iterdir() if str(pid) in path.name]


def exited_process() -> int:
    """The id of a process that has exited."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_counters_go_on_from_those_of_predecessors_and_count_nothing_twice(
    socket_folder: Path,
) -> None:
    one, two, three = aggregators(socket_folder, 3)
    for number in range(3):
        keep(socket_folder, number, f"{os.getpid()}-former", 10 * (number + 1))
    one._metrics.refreshes["reuse"] += 1
    two._metrics.refreshes["reuse"] += 2
    three._metrics.refreshes["reuse"] += 3  # it does not serve
    async with serving(socket_folder, [one, two]):
        for worker in (one, two, one):
            assert await reuse_counted(worker) == {"0": 11, "1": 22, "2": 30}


async def test_counters_of_a_worker_are_kept_when_it_stops(socket_folder: Path) -> None:
    (one,) = aggregators(socket_folder, 1)
    async with serving(socket_folder, [one]):
        one._metrics.refreshes["reuse"] += 1
    assert reuse_kept(socket_folder, 0) == 1


async def test_counters_of_a_worker_are_kept_while_nobody_asks(
    socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.http.metrics_aggregator._SAVE_SECONDS", 0)
    (one,) = aggregators(socket_folder, 1)
    async with serving(socket_folder, [one]):
        one._metrics.refreshes["reuse"] += 1
        await until(lambda: reuse_kept(socket_folder, 0) == 1)


async def test_worker_merges_the_files_of_its_predecessors(socket_folder: Path) -> None:
    pid = exited_process()
    for number in range(3):
        keep(socket_folder, 0, f"{pid}-{number}", 1)
    keep(socket_folder, 1, f"{pid}-0", 1)
    (one,) = aggregators(socket_folder, 1)
    async with serving(socket_folder, [one]):
        await until((socket_folder / "0-merged").exists)
    assert files_of(socket_folder, pid) == [f"1-{pid}-0"]
    assert reuse_kept(socket_folder, 0) == 3


async def test_worker_without_a_feed_of_revocations_tells_that_nobody_listens(
    socket_folder: Path,
) -> None:
    (one,) = aggregators(socket_folder, 1)
    assert list(await one.feeds()) == [FeedStatus(None, False, False, [])]


async def test_question_that_is_none_is_not_answered(socket_folder: Path) -> None:
    (one,) = aggregators(socket_folder, 1)
    async with serving(socket_folder, [one]):
        await until((socket_folder / "questions-0").exists)
        for question, is_answered in ((b"nonsense", False), (b"feed", True), (b"hour", True)):
            reader, writer = await asyncio.open_unix_connection("questions-0")
            writer.write(question + b"\n")
            async with asyncio.timeout(60):
                answer = await reader.read()
            writer.close()
            assert bool(answer) is is_answered
