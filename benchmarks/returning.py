"""Browsers that connect to the gateway, stay, and come back when its server has restarted.

A process of its own. It takes a `Stay`, opens some sockets and says `Held`; it opens the others
when it is told to go on, and says what that cost in a `Result`. After that the server restarts. In
order, the browsers resume when it is told `Again`, some at a time, and it says what that cost. In a
storm, each comes back by itself as the vendor's SDK does; it says `Back` once all are there.
"""

import asyncio
import random
import sys
from time import perf_counter
from typing import Final

import msgspec

from benchmarks.browser import Browser, Login, Refused, connect, local_address
from benchmarks.load_process import hear, run_load, say
from benchmarks.logins import read_logins
from benchmarks.meter import Meter, Result
from benchmarks.running import BatchesMetric

_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 3.0
"""How long the SDK waits before it tries again, after its first failure and in the end."""
_SETTLE_SECONDS: Final = 1.0
"""After the last one is online: its lease is written within half a second."""
_SEED: Final = 7


class Stay(msgspec.Struct, frozen=True):
    """Who stays where."""

    port: int
    logins: str
    """A file of them: one browser each."""
    first: int
    """How many of them open their socket at once, the others later."""
    at_a_time: int
    """So many are about to connect at the same time, except in a storm."""
    storm: bool
    processes: dict[str, int]
    batches_metric: BatchesMetric | None


class Held(msgspec.Struct, frozen=True):
    """So many are online."""

    browsers: int


class Again(msgspec.Struct, frozen=True):
    """The server has restarted."""

    processes: dict[str, int]
    batches_metric: BatchesMetric | None


class Back(msgspec.Struct, frozen=True):
    """How a storm went."""

    at: list[float]
    """When each browser was online again, by the machine's monotonic clock, in order."""
    told_to_wait: int
    """Upgrades that were answered with a time to wait."""
    refused: int
    """Of those, the ones of browsers that had waited for so long as they were told."""


class Browsers:
    """All browsers of a `Stay`."""

    def __init__(self, stay: Stay) -> None:
        self._stay = stay
        self._logins = read_logins(stay.logins)
        self._open: list[Browser | None] = [None for _ in self._logins]
        self._told_to_wait = self._refused = 0
        self._random = random.Random(_SEED)
        self.took: list[float] = []
        """Seconds that each took to be connected."""
        self.received = 0

    def __len__(self) -> int:
        return len(self._logins)

    async def connect(self, numbers: range, *, online: bool) -> None:
        """Connect some of them, so many at a time as the `Stay` says.

        Args:
            numbers: Which.
            online: Whether they say that they are online.
        """
        waiting = iter(numbers)

        async def some() -> None:
            for number in waiting:
                began = perf_counter()
                browser = await self._connect(number, online=online)
                self.took.append(perf_counter() - began)
                self.received += browser.received

        async with asyncio.TaskGroup() as group:
            for _ in range(self._stay.at_a_time):
                group.create_task(some())

    async def closed(self) -> None:
        """Return once the server has closed all sockets."""
        await asyncio.gather(*(browser.closed for browser in self._open if browser is not None))

    async def storm(self) -> Back:
        """Come back, each by itself, once the server closes its socket."""
        async with asyncio.TaskGroup() as group:
            returning = [
                group.create_task(self._return(number)) for number in range(len(self._logins))
            ]
        at = sorted(task.result() for task in returning)
        return Back(at, self._told_to_wait, self._refused)

    async def _return(self, number: int) -> float:
        browser, waited = self._open[number], False
        if browser is not None:
            await browser.closed
        delay = _FIRST_SECONDS
        while True:
            await asyncio.sleep(delay * self._random.uniform(0.5, 1.0))
            delay = min(2 * delay, _LONGEST_SECONDS)
            try:
                await self._connect(number, online=True)
            except Refused as refused:
                self._told_to_wait += 1
                self._refused += waited
                waited = True
                await asyncio.sleep(refused.seconds)
            except OSError:  # nothing listens, or it goes away
                continue
            else:
                return perf_counter()

    async def _connect(self, number: int, *, online: bool) -> Browser:
        login: Login = self._logins[number]
        browser = await connect(self._stay.port, local_address(number), login, goes_online=online)
        await browser.ready
        self._open[number] = browser
        return browser


async def measured(
    browsers: Browsers, numbers: range, server: Stay | Again, *, online: bool
) -> Result:
    """Connect some browsers: what it costs.

    Args:
        browsers: All of them.
        numbers: Of those to connect.
        server: Who is measured.
        online: Whether they say that they are online.
    """
    browsers.took.clear()
    browsers.received = 0
    meter = Meter(server.processes, server.batches_metric)
    await meter.start()
    await browsers.connect(numbers, online=online)
    await meter.stop(_SETTLE_SECONDS)
    return meter.result(browsers.took, browsers.received)


async def _work() -> None:
    stay = await hear(Stay)
    browsers = Browsers(stay)
    everybody = range(len(browsers))
    await browsers.connect(everybody[: stay.first], online=True)
    say(Held(stay.first))
    await hear(dict[str, str])
    say(await measured(browsers, everybody[stay.first :], stay, online=True))
    if stay.storm:
        say(await browsers.storm())
        return
    await browsers.closed()
    say(await measured(browsers, everybody, await hear(Again), online=False))


if __name__ == "__main__":
    sys.exit(run_load(_work()))
