"""What servers and the machine have used while something was measured."""

import asyncio
from collections.abc import Sequence
from time import perf_counter, process_time
from typing import Final

import msgspec

from benchmarks.gauges import (
    Histogram,
    Usage,
    machine_busy,
    read_histogram,
    usages_of,
    used_since,
)
from benchmarks.running import BatchesMetric, WrongAnswer

_MILLISECONDS: Final = 1000


class Result(msgspec.Struct, frozen=True):
    """What was seen in the measured window."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    answer_bytes: float
    """Mean size of an answer, head and body."""
    usage: dict[str, Usage]
    load_cores: float
    """CPU of this process per second: near 1, the load is the bottleneck and not the server."""
    other_cores: float
    """CPU per second of the rest of the machine: the more, the less the figures are worth."""
    batches: dict[str, int]
    batched_steps: float


class Meter:
    """Measures from `start` to `stop`, in the process of the load."""

    def __init__(self, processes: dict[str, int], batches_metric: BatchesMetric | None) -> None:
        """Prepare to measure.

        Args:
            processes: Roots of process trees by what they are, as in `Running`.
            batches_metric: How many steps each commit carried.
        """
        self._processes = processes
        self._batches_metric = batches_metric
        self._batches = Histogram({}, 0.0)
        self._used: dict[str, Usage] = {}
        self._busy = self._began = self._cpu = 0.0
        self._seconds = self._watched = self._own = 0.0

    async def start(self) -> None:
        """Begin to measure."""
        self._batches = await self._read_batches()
        self._used = usages_of(self._processes)
        self._busy, self._began, self._cpu = machine_busy(), perf_counter(), process_time()

    async def stop(self, settle: float = 0.0) -> None:
        """End measuring.

        Args:
            settle: So many seconds more of what the servers use counts: what they do later.
        """
        self._seconds = perf_counter() - self._began
        self._own = process_time() - self._cpu
        if settle:
            await asyncio.sleep(settle)
        self._busy = machine_busy() - self._busy
        self._used = used_since(self._used, self._processes)
        self._watched = perf_counter() - self._began
        self._batches = (await self._read_batches()).since(self._batches)

    def result(self, latencies: Sequence[float], received: int) -> Result:
        """What was measured.

        Args:
            latencies: Seconds of each request that was answered meanwhile.
            received: Bytes of all their answers.

        Raises:
            WrongAnswer: nothing was answered.
        """
        if not latencies:
            raise WrongAnswer("no answer at all came while it was measured")
        ordered = sorted(latencies)
        ours = self._own + sum(used.cpu for used in self._used.values())
        return Result(
            requests=len(ordered),
            seconds=self._seconds,
            p50_ms=quantile(ordered, 0.5) * _MILLISECONDS,
            p99_ms=quantile(ordered, 0.99) * _MILLISECONDS,
            worst_ms=ordered[-1] * _MILLISECONDS,
            answer_bytes=received / len(ordered),
            usage=self._used,
            load_cores=self._own / self._seconds,
            other_cores=max(0.0, self._busy - ours) / self._watched,
            batches=self._batches.counts,
            batched_steps=self._batches.total,
        )

    async def _read_batches(self) -> Histogram:
        metric = self._batches_metric
        if metric is None:
            return Histogram({}, 0.0)
        return await asyncio.to_thread(read_histogram, metric.port, metric.name)


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value below which `part` of some sorted values lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
