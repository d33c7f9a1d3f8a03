"""One `/metrics` for several workers: the worker that is scraped collects from the others.

So do pages of the console, for their plots and for who listens to the feed of revocations.

The kernel chooses the worker that a scrape reaches. So each worker serves its metrics to the others
on a Unix socket, in a folder that only their user can enter, and every sample has the label
`worker`. The counters of a worker go on from those of its predecessors; see `RetainedCounters`.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic_ns
from typing import Final, NamedTuple, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from satmint.flows.revocation_status import FeedStatus
from satmint.http.metrics import Metrics
from satmint.http.metrics_history import History, MetricsHistory, Range, merged
from satmint.http.retained_counters import MetricFamily, RetainedCounters, Sample, sum_of

_RESPONSE_TIMEOUT: Final = 1.0
_SAVE_SECONDS: Final = 5.0


class WorkerMetrics(msgspec.Struct, frozen=True, array_like=True):
    """The metrics of one process."""

    instance: str
    """Its name in `RetainedCounters`."""
    families: list[MetricFamily]


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_encode: Final = msgspec.json.Encoder().encode
_FEED: Final = "feed"
"""The question for the feed of revocations; all others are ranges of the history."""

T = TypeVar("T")

_decode_history: Final = msgspec.json.Decoder(History).decode
_decode_feed: Final = msgspec.json.Decoder(FeedStatus).decode
_decode: Final = msgspec.json.Decoder(WorkerMetrics).decode


class MetricsAggregator:
    """Exchanges metrics with the other workers of a server."""

    def __init__(
        self,
        metrics: Metrics,
        history: MetricsHistory,
        folder: Path,
        number: int,
        count: int,
        feed: Callable[[], FeedStatus] = lambda: FeedStatus(None, False, False, []),
    ) -> None:
        """Create the aggregator of one worker.

        Args:
            metrics: The metrics of this worker.
            history: Their history.
            folder: The folder of the workers' sockets, accessible only to their user.
            number: The number of this worker, from 0.
            count: The number of workers.
            feed: Returns the status of this worker's feed of revocations.
        """
        self._metrics = metrics
        self._history = history
        self._folder = folder
        self._number = number
        self._count = count
        self._feed = feed
        self._instance = f"{os.getpid()}-{monotonic_ns()}"
        self._retained = [RetainedCounters(folder, each) for each in range(count)]

    async def serve_metrics(self) -> None:
        """Serve this worker's metrics to the others until cancelled."""
        socket_path = self._folder / str(self._number)
        server = await _listen(socket_path, self._send_metrics)
        questions_server = await _listen(self._questions_path(self._number), self._send_answer)
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self._retained[self._number].merge()
        async with server, questions_server:
            try:
                while True:
                    await asyncio.sleep(_SAVE_SECONDS)
                    self._saved()
            finally:
                self._saved()

    async def text(self) -> bytes:
        """Return the metrics of all workers in the Prometheus text format."""
        families_by_worker = await asyncio.gather(*map(self._collect, range(self._count)))
        registry = CollectorRegistry()
        registry.register(_CombinedCollector(dict(enumerate(families_by_worker))))
        return generate_latest(registry)

    async def history(self, wanted: Range) -> tuple[History, int]:
        """The history of all workers, and how many of them did not respond."""
        found = await self._ask_all(wanted.value, self._history.read(wanted), _decode_history)
        parts = [part for part in found if part is not None]
        return merged(parts), self._count - len(parts)

    async def feeds(self) -> Sequence[FeedStatus | None]:
        """The feeds of revocations of all workers, in order; None: it did not respond."""
        return await self._ask_all(_FEED, self._feed(), _decode_feed)

    async def _ask_all(
        self, question: str, own: T, decode: Callable[[bytes], T]
    ) -> Sequence[T | None]:
        """The answers of all workers; this one's is `own`."""

        async def ask(number: int) -> T | None:
            return own if number == self._number else await self._ask(number, question, decode)

        return await asyncio.gather(*map(ask, range(self._count)))

    async def _ask(self, number: int, question: str, decode: Callable[[bytes], T]) -> T | None:
        """The answer of another worker; None if it does not respond."""
        with contextlib.suppress(OSError, TimeoutError, msgspec.DecodeError):
            async with asyncio.timeout(_RESPONSE_TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(self._questions_path(number))
                try:
                    writer.write(f"{question}\n".encode())
                    return decode(await reader.read(-1))
                finally:
                    writer.close()
        return None

    async def _send_answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_RESPONSE_TIMEOUT):
                question = (await reader.readline()).decode().strip()
                is_feed = question == _FEED
                found = self._feed() if is_feed else self._history.read(Range(question))
                writer.write(_encode(found))
                await writer.drain()
        writer.close()

    def _questions_path(self, number: int) -> Path:
        return self._folder / f"questions-{number}"

    async def _send_metrics(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(_encode(self._saved()))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    def _saved(self) -> WorkerMetrics:
        """Return this worker's metrics; its counters are saved."""
        families = list(_families(self._metrics))
        with contextlib.suppress(OSError):  # a full disk does not stop the service
            self._retained[self._number].save(self._instance, families)
        return WorkerMetrics(self._instance, families)

    async def _collect(self, number: int) -> "_Collected":
        """Return the metrics of a worker, with the counters of its predecessors."""
        current = await self._fetch(number)
        retained: list[MetricFamily] = []
        with contextlib.suppress(OSError, msgspec.DecodeError):
            retained = self._retained[number].read(None if current is None else current.instance)
        families = current.families if current is not None else []
        return _Collected(current is not None, sum_of(families, retained))

    async def _fetch(self, number: int) -> WorkerMetrics | None:
        """Return the metrics of a worker; None if it does not respond."""
        if number == self._number:
            return self._saved()
        with contextlib.suppress(OSError, TimeoutError, msgspec.DecodeError):
            async with asyncio.timeout(_RESPONSE_TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(self._folder / str(number))
                try:
                    return _decode(await reader.read(-1))
                finally:
                    writer.close()
        return None


async def _listen(path: Path, answer: Answer) -> asyncio.Server:
    """Serve on a Unix socket.

    The previous worker with this number may still be shutting down. An atomic replacement of the
    socket directs new connections to this worker.
    """
    new_path = path.with_suffix(".new")
    new_path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, new_path)
    new_path.replace(path)
    return server


class _Collected(NamedTuple):
    """The metrics of the processes with one number."""

    is_up: bool
    families: list[MetricFamily]


class _CombinedCollector(Collector):
    """The metrics of several workers, merged by metric."""

    def __init__(self, families_by_worker: dict[int, _Collected]) -> None:
        self._families_by_worker = families_by_worker

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "satmint_worker_up", "Whether a worker responds.", labels=("worker",)
        )
        combined: dict[str, Metric] = {}
        for number, collected in self._families_by_worker.items():
            worker = str(number)
            up.add_metric((worker,), collected.is_up)
            for family in collected.families:
                metric = combined.setdefault(
                    family.name, Metric(family.name, family.text, family.type)
                )
                for sample in family.samples:
                    metric.add_sample(
                        sample.name, {**sample.labels, "worker": worker}, sample.value
                    )
        return [*combined.values(), up]


def _families(metrics: Metrics) -> Iterator[MetricFamily]:
    for metric in metrics.collect():
        samples = [Sample(one.name, one.labels, one.value) for one in metric.samples]
        yield MetricFamily(metric.name, metric.documentation, metric.type, samples)
