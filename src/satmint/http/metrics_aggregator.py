"""One `/metrics` for several workers: the worker that is scraped collects from the others.

The kernel chooses the worker that a scrape reaches. So each worker serves its metrics to the others
on a Unix socket, in a folder that only their user can enter, and every sample has the label
`worker`. The counts of a worker are lost when it exits; Prometheus treats that as a counter reset,
like a restart of a server with one process.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from satmint.http.metrics import Metrics

_RESPONSE_TIMEOUT: Final = 1.0


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One sample of a metric."""

    name: str
    labels: dict[str, str]
    value: float


class MetricFamily(msgspec.Struct, frozen=True, array_like=True):
    """A metric with its samples."""

    name: str
    text: str
    type: str
    samples: list[Sample]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[MetricFamily]).decode


class MetricsAggregator:
    """Exchanges metrics with the other workers of a server."""

    def __init__(self, metrics: Metrics, folder: Path, number: int, count: int) -> None:
        """Create the aggregator of one worker.

        Args:
            metrics: The metrics of this worker.
            folder: The folder of the workers' sockets, accessible only to their user.
            number: The number of this worker, from 0.
            count: The number of workers.
        """
        self._metrics = metrics
        self._folder = folder
        self._number = number
        self._count = count

    async def serve_metrics(self) -> None:
        """Serve this worker's metrics to the others until cancelled."""
        socket_path = self._folder / str(self._number)
        # The previous worker with this number may still be shutting down. An atomic replacement of
        # the socket directs new connections to this worker.
        new_path = socket_path.with_suffix(".new")
        new_path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._send_metrics, new_path)
        new_path.replace(socket_path)
        async with server:
            await server.serve_forever()

    async def text(self) -> bytes:
        """Return the metrics of all workers in the Prometheus text format."""
        families_by_worker = await asyncio.gather(*map(self._fetch, range(self._count)))
        registry = CollectorRegistry()
        registry.register(_CombinedCollector(dict(enumerate(families_by_worker))))
        return generate_latest(registry)

    async def _send_metrics(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(_encode(list(_families(self._metrics))))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _fetch(self, number: int) -> list[MetricFamily] | None:
        """Return the metrics of a worker; None if it does not respond."""
        if number == self._number:
            return list(_families(self._metrics))
        with contextlib.suppress(OSError, TimeoutError, msgspec.DecodeError):
            async with asyncio.timeout(_RESPONSE_TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(self._folder / str(number))
                try:
                    return _decode(await reader.read(-1))
                finally:
                    writer.close()
        return None


class _CombinedCollector(Collector):
    """The metrics of several workers, merged by metric."""

    def __init__(self, families_by_worker: dict[int, list[MetricFamily] | None]) -> None:
        self._families_by_worker = families_by_worker

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "satmint_worker_up", "Whether a worker responds.", labels=("worker",)
        )
        combined: dict[str, Metric] = {}
        for number, families in self._families_by_worker.items():
            worker = str(number)
            up.add_metric((worker,), families is not None)
            for family in families or ():
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
