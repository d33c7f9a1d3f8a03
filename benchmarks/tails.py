"""Live tails of events: whether one keeps up with 1,000 events a second, and what refreshes pay.

    .venv/bin/python -m benchmarks --part tails

Everything is in one process, without sockets: refreshes share the thread with the tail. As many of
them are made as the process can, and each is an event that the tail tells: it tells more than 1,000
events a second meanwhile.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Final

import msgspec
import structlog
from tests.kit.service import ORIGIN, Server, a_service

from benchmarks.database import NoPostgres, postgres
from satmint.console.event_tail import EventTail, EventTails
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event, EventKind
from satmint.store.contract.events import EventStore
from satmint.store.sql.events import SqlEvents
from satmint.store.sql.port import Transaction

RATE: Final = 1000
_STEP_SECONDS: Final = 0.05
_CHAINS: Final = 16
_ROUNDS: Final = 7
_ROUND_SECONDS: Final = 3.0
_KEEP_UP_SECONDS: Final = 5.0


@dataclass(slots=True)
class Reader:
    """Reads a tail, as a browser does."""

    tail: EventTail
    counts: bool = True
    """Whether it looks at what it reads, which is a browser's work and not the server's."""
    told: int = 0
    skipped: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        """Read to the end."""
        while True:
            try:
                sent = await self.tail.__anext__()
            except StopAsyncIteration:
                return
            sent.encode()
            if self.counts and sent.event == "events":
                data = json.loads(sent.data or "")
                self.told += len(data["events"])
                self.skipped = self.skipped or data["skipped"]
                self.changed.set()


@dataclass(frozen=True, slots=True)
class KeptUp:
    """How a tail kept up."""

    events: int
    told: int
    skipped: bool
    rate: float
    """Events that were recorded in a second."""
    late_seconds: float
    """How long after the last one was committed it was told."""
    cpu: float
    """CPU seconds of the process in a second, with recording them."""


class TailFigures(msgspec.Struct, frozen=True):
    """What was measured on one store."""

    store: str
    events_per_second: float
    """That were recorded while a tail was read."""
    missing: int
    """Events that the tail did not tell."""
    late_seconds: float
    """How long after the last one was committed it was told."""
    cores: float
    """CPU seconds of the process in a second, with recording the events."""
    slower_percent: list[float]
    """By how much refreshes are slower with a tail: median, least, most."""


@asynccontextmanager
async def reading(server: Server, *, counts: bool) -> AsyncIterator[Reader]:
    """A reader of a tail of a server's project."""
    tail = await EventTails().listen(server.services, server.tenant.id, EventFilter())
    reader = Reader(tail, counts)
    task = asyncio.create_task(reader.read())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await tail.aclose()


async def _record(store: EventStore, events: Sequence[Event]) -> None:
    """Record events in one transaction, as a group commit does."""
    if not isinstance(store, SqlEvents):
        raise TypeError("the store keeps events in a database")

    async def work(tx: Transaction) -> None:
        for event in events:
            await tx.record(event)

    await store.db.transaction(work)


async def keep_up(server: Server, seconds: float, patience: float = 20) -> KeptUp:
    """Record events at `RATE` for so long, and read them from a tail."""
    services, project = server.services, server.tenant.id
    now = services.clock.now()

    def event() -> Event:
        identifier = services.new_id().bytes
        return Event(identifier, project, EventKind.REPLAYED, now, ORIGIN, cause="head=1")

    async with reading(server, counts=True) as reader:
        writing: list[asyncio.Future[None]] = []
        recorded, began, cpu = 0, perf_counter(), process_time()
        while (passed := perf_counter() - began) < seconds:
            due = int(passed * RATE) - recorded
            # Not awaited here: the pace must not depend on how long a commit takes.
            batch = [event() for _ in range(due)]
            writing.append(asyncio.ensure_future(_record(services.store.events, batch)))
            recorded += due
            await asyncio.sleep(_STEP_SECONDS)
        await asyncio.gather(*writing)
        took, cpu = perf_counter() - began, process_time() - cpu
        committed = perf_counter()
        async with asyncio.timeout(patience):
            while reader.told < recorded:
                reader.changed.clear()
                await reader.changed.wait()
        late = perf_counter() - committed
    return KeptUp(recorded, reader.told, reader.skipped, recorded / took, late, cpu / took)


async def _refreshes(server: Server, tokens: list[str], seconds: float) -> float:
    """Refreshes in a second, of some chains at the same time."""
    ends, count = perf_counter() + seconds, 0

    async def chain(number: int) -> None:
        nonlocal count
        while perf_counter() < ends:
            tokens[number] = (await server.rotate(tokens[number]))["refresh_token"]
            count += 1

    began = perf_counter()
    await asyncio.gather(*map(chain, range(len(tokens))))
    return count / (perf_counter() - began)


async def slowed(server: Server, rounds: int) -> list[float]:
    """By how much refreshes are slower with a tail than without, in each of some rounds."""
    tokens = [(await server.sign_in(f"user {one}"))["refresh_token"] for one in range(_CHAINS)]
    await _refreshes(server, tokens, 1)
    found = []
    for number in range(rounds):
        rates = {}
        for with_tail in (number % 2 == 0, number % 2 == 1):
            async with reading(server, counts=False) if with_tail else nullcontext():
                rates[with_tail] = await _refreshes(server, tokens, _ROUND_SECONDS)
        found.append(1 - rates[True] / rates[False])
    return found


@contextmanager
def _database(name: str, place: Path) -> Iterator[str]:
    if name == "SQLite":
        yield f"sqlite:///{place}/satmint.db"
        return
    with postgres(place) as cluster:
        yield cluster.new_database()


async def _measure(place: Path, name: str, database: str, rounds: int) -> TailFigures:
    warnings_only = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=warnings_only)
    async with a_service(place, database=database, database_without_fsync=False) as server:
        kept = await keep_up(server, _KEEP_UP_SECONDS)
        slower = [100 * one for one in await slowed(server, rounds)]
    return TailFigures(
        name,
        kept.rate,
        kept.events - kept.told,
        kept.late_seconds,
        kept.cpu,
        [median(slower), min(slower), max(slower)],
    )


def measure_tails(place: Path, *, quick: bool) -> list[TailFigures]:
    """Measure on each store that is there.

    Args:
        place: A folder for what they keep.
        quick: Whether fewer rounds are enough.
    """
    found = []
    for name in ("SQLite", "PostgreSQL"):
        own = place / f"tails-{name}"
        own.mkdir()
        with suppress(NoPostgres), _database(name, own) as database:
            found.append(asyncio.run(_measure(own, name, database, 3 if quick else _ROUNDS)))
    return found
