"""One `/metrics` for several workers, whichever of them answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from satmint.http.metrics import Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.http.metrics_history import MetricsHistory
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


async def test_any_worker_answers_for_all(tmp_path: Path) -> None:
    workers = aggregators(tmp_path, 3)
    async with serving(tmp_path, workers):
        for worker in workers:
            assert await workers_up(worker) == {"0": 1.0, "1": 1.0, "2": 1.0}
            assert await workers_counted(worker) == {"0", "1", "2"}


async def test_worker_that_does_not_answer_is_down(tmp_path: Path) -> None:
    one, two, _ = aggregators(tmp_path, 3)
    (tmp_path / "2").write_text("no socket")
    async with serving(tmp_path, [one, two]):
        assert await workers_up(one) == {"0": 1.0, "1": 1.0, "2": 0.0}
        assert await workers_counted(one) == {"0", "1"}


async def test_worker_that_answers_nonsense_is_down(tmp_path: Path) -> None:
    one, _ = aggregators(tmp_path, 2)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense")
        writer.close()

    async with await asyncio.start_unix_server(answer, tmp_path / "1"):
        assert await workers_up(one) == {"0": 1.0, "1": 0.0}


async def test_successor_takes_the_socket_over_whatever_was_left(tmp_path: Path) -> None:
    former, other = aggregators(tmp_path, 2)
    later = an_aggregator(tmp_path, 0, 2)
    async with serving(tmp_path, [former]):
        before = (tmp_path / "0").stat().st_ino
        (tmp_path / "0.new").write_text("of a worker that was killed")
        async with serving(tmp_path, [later]):
            await until(lambda: (tmp_path / "0").stat().st_ino != before)
            assert not (tmp_path / "0.new").exists()
            assert await workers_up(other) == {"0": 1.0, "1": 1.0}
