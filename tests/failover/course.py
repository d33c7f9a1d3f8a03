"""Faults one after the other, under load, with what each of them cost."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tests.failover.clients import Client, Log
from tests.failover.faults import Fault
from tests.kit.patroni import PatroniCluster
from tests.kit.polling import until
from tests.soak.callers import Yard
from tests.soak.history import FOREVER
from tests.soak.spans import Span
from tests.soak.waiting import let_pass

_MORE: Final = 5
"""Refreshes that each client gets before it counts as recovered."""
_RECOVERY_SECONDS: Final = 120
_PAUSE_SECONDS: Final = 0.25
"""Or the crowd would ask all the time while there is no primary."""


@dataclass(frozen=True, slots=True)
class Failover:
    """What a fault cost."""

    fault: str
    former: str
    primary: str
    """Who was the primary before, and who is it afterwards."""
    gap: float
    """Seconds without any refresh granted."""
    wait: float
    """Seconds that the client waited who waited longest."""
    gap_of_return: float
    """Seconds without any refresh granted while the former primary came back."""
    rejoined: float
    """Seconds until the cluster was whole, from the moment at which the fault was put right."""
    answers: Counter[str]
    """What clients got in place of tokens."""


@dataclass(slots=True)
class Course:
    """What happens to a cluster while the load goes on."""

    cluster: PatroniCluster
    faults: Sequence[Fault]
    clients: int = 16
    seconds: float = 0.0
    """After all faults were tried, they are tried again until so many seconds are over."""
    calm: float = 1.0
    """Seconds of load before each of them."""
    heals_last: bool = True
    """Whether what the last fault did is put right."""
    log: Log = field(default_factory=Log)
    done: list[Failover] = field(default_factory=list)
    ended: list[Client] = field(default_factory=list)
    """All clients."""

    async def run(self, yard: Yard) -> None:
        """All of it."""
        yard.pause_seconds = _PAUSE_SECONDS
        self.ended = [Client(yard, self.log, number) for number in range(self.clients)]
        running = [asyncio.ensure_future(client.run()) for client in self.ended]
        try:
            await self._progress(running)
            end = time.monotonic() + self.seconds
            while True:
                for fault in self.faults:
                    heals = self.heals_last or fault is not self.faults[-1]
                    with _noted(yard):
                        self.done.append(await self._try(fault, running, heals=heals))
                    print(line_of(self.done[-1]), flush=True)
                if time.monotonic() >= end:
                    break
        except BaseException:
            # They ask until there is an answer, and there may be none.
            for client in running:
                client.cancel()
            raise
        finally:
            # The crowd goes on meanwhile: the trial ends with the first that ends.
            self.log.stopping = True
            await asyncio.gather(*running, return_exceptions=True)
        for client in running:
            client.result()

    async def _try(
        self, fault: Fault, running: Sequence[asyncio.Future[None]], *, heals: bool
    ) -> Failover:
        cluster = self.cluster
        await let_pass(self.calm)
        former = await asyncio.to_thread(lambda: cluster.primary)
        began = time.monotonic()
        await asyncio.to_thread(fault.act, cluster, former)
        if fault.replaced:
            await asyncio.to_thread(
                cluster.wait_for_primary, lambda name: name != former, _RECOVERY_SECONDS
            )
        await self._progress(running)
        recovered = time.monotonic()
        if heals:
            await asyncio.to_thread(fault.heal, cluster, former)
            await asyncio.to_thread(cluster.wait_until_whole)
        whole = time.monotonic()
        await self._progress(running)
        primary = await asyncio.to_thread(lambda: cluster.primary)
        return Failover(
            fault.name,
            former,
            primary,
            self.log.longest_gap(began, recovered),
            self.log.longest_wait(began, recovered),
            self.log.longest_gap(recovered, whole),
            whole - recovered,
            self.log.answers(began, whole),
        )

    async def _progress(self, running: Sequence[asyncio.Future[None]]) -> None:
        """Return when each client has got some more tokens."""
        goals = [len(client.told) + _MORE for client in self.ended]

        def all_have() -> bool:
            for client in running:
                if client.done():
                    client.result()
            pairs = zip(self.ended, goals, strict=True)
            return all(len(client.told) >= goal for client, goal in pairs)

        await until(all_have, _RECOVERY_SECONDS)


@contextmanager
def _noted(yard: Yard) -> Iterator[None]:
    """Note when something is done to the database: nothing has to be prompt meanwhile."""
    rules, began = yard.rules, yard.recorder.now()
    places = [(spans, len(spans)) for spans in (rules.disturbances, rules.pauses)]
    for spans, _ in places:
        spans.append(Span(began, FOREVER))
    try:
        yield
    finally:
        for spans, at in places:
            spans[at] = Span(began, yard.recorder.now())


def line_of(one: Failover) -> str:
    """One failover, for people."""
    answers = ", ".join(f"{what} {count}" for what, count in sorted(one.answers.items()))
    return (
        f"  {one.fault}: {one.former} to {one.primary}; nothing granted for {one.gap:.1f} s,"
        f" longest wait {one.wait:.1f} s; whole again after {one.rejoined:.1f} s, in which nothing"
        f" was granted for {one.gap_of_return:.1f} s; {answers or 'no other answer'}"
    )


def table_of(done: Sequence[Failover]) -> list[str]:
    """A table of all, as documents have it."""
    lines = [
        "| fault | tries | no refresh, median | at most | a client waited at most | whole again |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(one.fault for one in done):
        tries = [one for one in done if one.fault == name]
        gaps = [max(one.gap, one.gap_of_return) for one in tries]
        lines.append(
            f"| {name} | {len(tries)} | {median(gaps):.1f} s | {max(gaps):.1f} s"
            f" | {max(one.wait for one in tries):.1f} s"
            f" | {median(one.rejoined for one in tries):.1f} s |"
        )
    return lines
