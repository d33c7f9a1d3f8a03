"""Browsers that connect to the gateway, go online and leave again: a process of its own.

Some browsers at a time, in a closed loop: the next one comes when the last one is online and has
left. Arguments: none; a `VisitJob` comes as JSON on standard input, a `Result` goes to standard
output.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle
from time import perf_counter
from typing import Final

import msgspec

from benchmarks.browser import Login, connect, local_address
from benchmarks.load import Window
from benchmarks.load_process import hear, run_load, say
from benchmarks.logins import read_logins
from benchmarks.meter import Meter, Result
from benchmarks.running import BatchesMetric

_BROWSERS_EACH: Final = 8
"""Sessions that each place in the loop takes in turn."""


class VisitJob(msgspec.Struct, frozen=True):
    """What to do to whom."""

    port: int
    logins: str
    """A file of them."""
    connections: int
    """Browsers at a time."""
    warm_up: float
    """Seconds before the measured window."""
    seconds: float
    """Length of the measured window."""
    processes: dict[str, int]
    batches_metric: BatchesMetric | None


async def run(job: VisitJob) -> Result:
    """Do `job`.

    Raises:
        WrongAnswer: a browser was not let in.
        OSError: the server cannot be reached or went away.
    """
    window, ends = Window(), asyncio.Event()
    logins = read_logins(job.logins)
    places = [logins[start :: job.connections][:_BROWSERS_EACH] for start in range(job.connections)]
    async with asyncio.TaskGroup() as group:
        for number, place in enumerate(places):
            group.create_task(_come_and_go(job.port, local_address(number), place, window, ends))
        await asyncio.sleep(job.warm_up)
        meter = Meter(job.processes, job.batches_metric)
        await meter.start()
        window.open = True
        await asyncio.sleep(job.seconds)
        window.open = False
        await meter.stop()
        ends.set()
    return meter.result(window.latencies, window.bytes)


async def _come_and_go(
    port: int, address: str, logins: Sequence[Login], window: Window, ends: asyncio.Event
) -> None:
    turns: Iterator[Login] = cycle(logins)
    while not ends.is_set():
        began = perf_counter()
        browser = await connect(port, address, next(turns).fresh())
        await browser.ready
        took = perf_counter() - began
        browser.leave()
        await browser.closed
        if window.open:
            window.latencies.append(took)
            window.bytes += browser.received


async def _work() -> None:
    say(await run(await hear(VisitJob)))


if __name__ == "__main__":
    sys.exit(run_load(_work()))
