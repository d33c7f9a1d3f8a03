"""One `/metrics` for several workers: whichever of them is asked, asks the others.

A scrape reaches one worker, and which one is the kernel's choice. So each worker tells its numbers
to the others, through a socket file in a folder that only their user can enter, and every sample
bears the label `worker`. What a worker has counted ends with it, which Prometheus takes for the
reset of a counter, as it does when a single server starts anew.
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

_ANSWER_SECONDS: Final = 1.0


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number."""

    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """Numbers of one meaning."""

    name: str
    text: str
    type: str
    samples: list[Sample]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[Family]).decode


class Siblings:
    """The workers of one server, as one of them sees them."""

    def __init__(self, metrics: Metrics, folder: Path, number: int, count: int) -> None:
        """Prepare to meet the others.

        Args:
            metrics: What this worker counts.
            folder: Where their socket files are; the user's own.
            number: Which of the workers this one is, from 0.
            count: How many there are.
        """
        self._metrics = metrics
        self._folder = folder
        self._number = number
        self._count = count

    async def tell(self) -> None:
        """Answer the others, until cancelled."""
        place = self._folder / str(self._number)
        # Its predecessor may still be finishing: whoever asks is answered by the newest.
        fresh = place.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._answer, fresh)
        fresh.replace(place)
        async with server:
            await server.serve_forever()

    async def text(self) -> bytes:
        """Everything that all of them have counted, in Prometheus' text format."""
        told = await asyncio.gather(*map(self._ask, range(self._count)))
        registry = CollectorRegistry()
        registry.register(_Together(dict(enumerate(told))))
        return generate_latest(registry)

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(_encode(list(_families(self._metrics))))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _ask(self, number: int) -> list[Family] | None:
        """What a worker has counted; None where it does not answer."""
        if number == self._number:
            return list(_families(self._metrics))
        with contextlib.suppress(OSError, TimeoutError, msgspec.DecodeError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._folder / str(number))
                try:
                    return _decode(await reader.read(-1))
                finally:
                    writer.close()
        return None


class _Together(Collector):
    """What several workers have told, family by family."""

    def __init__(self, told: dict[int, list[Family] | None]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("satmint_worker_up", "Whether a worker answers.", labels=("worker",))
        together: dict[str, Metric] = {}
        for number, families in self._told.items():
            worker = str(number)
            up.add_metric((worker,), families is not None)
            for family in families or ():
                metric = together.setdefault(
                    family.name, Metric(family.name, family.text, family.type)
                )
                for sample in family.samples:
                    metric.add_sample(
                        sample.name, {**sample.labels, "worker": worker}, sample.value
                    )
        return [*together.values(), up]


def _families(metrics: Metrics) -> Iterator[Family]:
    for metric in metrics.collect():
        samples = [Sample(one.name, one.labels, one.value) for one in metric.samples]
        yield Family(metric.name, metric.documentation, metric.type, samples)
