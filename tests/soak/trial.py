"""One deployment under load and in trouble, with everything that is said of it checked."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from satmint.model.refusals import StoreUnavailable
from tests.kit.postgres import PostgresServer
from tests.kit.tokens import Loupe
from tests.soak.callers import Band, Yard
from tests.soak.deployment import Deployment
from tests.soak.growth import Bound, Growth, Sample, growth, open_files, resident_megabytes
from tests.soak.history import Answer, Deed, Recorder
from tests.soak.history_checker import Violation, check
from tests.soak.ledgers import Books, unix_seconds

WARM_UP: Final = 0.4
BOUNDS: Final = {
    "memory": ("MB", Bound(per_minute=0.5, slack=8)),
    "file handles": ("", Bound(per_minute=0.2, slack=8)),
    "database": ("MB", Bound(per_minute=0.5, slack=4, share=0.25)),
}
"""Growth after the warm-up. The slack is what a busy allocator, a checkpoint or a vacuum moves."""

_DOWN: Final = (StoreUnavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""While the database is down. Nothing is lost by it: all is judged the next time."""
_SHORT: Final = (0.05, 0.4)
_KEPT_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how many, how bad."""

    name: str
    workers: int
    bands: int = 40
    callers: int = 6
    rounds: int = 40
    kills: int = 3
    gap: tuple[float, float] = (0.2, 1.0)
    """Seconds of load before each trouble."""
    steady_seconds: float = 0.0
    """And so long without any, with the gauges looked at."""
    look_every: float = 0.5
    check_every: float = 2.0
    seed: int = 20261121


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    plan: Plan
    operations: Counter[tuple[Deed, Answer]] = field(default_factory=Counter)
    sessions: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    bugs: list[object] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.violations and not self.bugs and all(g.flat for g in self.growths)

    def lines(self) -> Iterator[str]:
        """For people."""
        answers = Counter[str]()
        for (deed, answer), count in self.operations.items():
            answers[f"{deed} {answer}"] += count
        yield f"{self.plan.name}: {self.sessions} sessions, {sum(self.kills.values())} kills"
        for title, counts in (("told", answers), ("killed", self.kills), ("done", self.faults)):
            told = ", ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))
            yield f"  {title}: {told}"
        yield from (f"  {found}" for found in self.growths)
        yield from (f"  VIOLATION {found}" for found in self.violations[:20])
        yield from (f"  BUG {str(found)[-300:]}" for found in self.bugs[:5])


class Trial:
    """A deployment, its callers and its troubles."""

    def __init__(
        self, plan: Plan, deployment: Deployment, books: Books, postgres: PostgresServer | None
    ) -> None:
        """Prepare one.

        Args:
            plan: What is to happen.
            deployment: Not started yet.
            books: Its database.
            postgres: The database's server, where it is one that may be killed.
        """
        self._plan = plan
        self._deployment = deployment
        self._books = books
        self._postgres = postgres
        self._dice = random.Random(plan.seed)
        dice = random.Random(plan.seed + 1)
        self._yard = Yard(deployment, Recorder(), Loupe(deployment.folder), dice)
        self.outcome = Outcome(plan)

    async def run(self) -> Outcome:
        """All of it."""
        plan, yard = self._plan, self._yard
        await self._deployment.start()
        bands = [Band(yard, plan.callers, plan.rounds) for _ in range(plan.bands)]
        async with AsyncExitStack() as stack:
            stack.callback(self._deployment.stop)
            load = [asyncio.ensure_future(band.run()) for band in bands]
            checking = asyncio.ensure_future(self._check_for_ever())
            for task in (*load, checking):
                stack.callback(task.cancel)
            await self._while_they_run([*load, checking], self._troubles())
            if plan.steady_seconds:
                await self._while_they_run([*load, checking], self._monotonic())
            yard.stopping = True
            await asyncio.gather(*load)
            checking.cancel()
            with suppress(asyncio.CancelledError):
                await checking
            await self._check()
        self.outcome.operations.update(yard.recorder.counts)
        self.outcome.bugs += self._deployment.bugs()
        return self.outcome

    async def _while_they_run(
        self, others: Sequence[asyncio.Future[None]], work: Awaitable[None]
    ) -> None:
        """Do some work; whatever fails beside it ends it."""
        mine = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({mine, *others}, return_when=asyncio.FIRST_COMPLETED)
        if mine not in done:
            mine.cancel()
        for task in done:
            await task

    async def _troubles(self) -> None:
        """Kills, as many as are wanted, and everything else in between."""
        kills = self._kills()
        for number in range(self._plan.kills):
            await self._seconds(*self._plan.gap)
            for fault in self._dice.sample(self._faults(), 1):
                self.outcome.faults[fault.__name__.strip("_")] += 1
                await fault()
            await self._seconds(*self._plan.gap)
            kill = kills[number % len(kills)]
            self.outcome.kills[kill.__name__.strip("_")] += 1
            await kill()
        await self._seconds(*self._plan.gap)

    def _kills(self) -> list[Callable[[], Awaitable[None]]]:
        kills: list[Callable[[], Awaitable[None]]] = [self._server]
        if self._plan.workers > 1:
            kills += [self._one_worker, self._one_worker]
        if self._postgres is not None:
            kills += [self._database]
        return kills

    def _faults(self) -> list[Callable[[], Awaitable[None]]]:
        faults: list[Callable[[], Awaitable[None]]] = [self._stopped_for_a_moment]
        if self._deployment.database.startswith("sqlite"):
            faults += [self._full_disk]
        else:
            faults += [self._connections_cut]
        return faults

    async def _server(self) -> None:
        self._deployment.kill()
        await self._deployment.start()

    async def _one_worker(self) -> None:
        while not (crew := self._deployment.crew()):
            await self._seconds(*_SHORT)  # both were killed just now
        self._deployment.kill_worker(self._dice.choice(crew))

    async def _database(self) -> None:
        assert self._postgres is not None
        await asyncio.to_thread(self._postgres.kill)
        await asyncio.to_thread(self._postgres.start)

    async def _stopped_for_a_moment(self) -> None:
        crew = self._deployment.crew()
        if crew:
            process = self._dice.choice(crew)
            self._deployment.pause(process)
            await self._seconds(*_SHORT)
            self._deployment.resume(process)

    async def _full_disk(self) -> None:
        with self._no_room():
            await self._seconds(*_SHORT)

    @contextmanager
    def _no_room(self) -> Iterator[None]:
        self._deployment.fill_disk()
        try:
            yield
        finally:
            self._deployment.empty_disk()

    async def _connections_cut(self) -> None:
        await self._books.cut_connections()

    async def _monotonic(self) -> None:
        """Load without trouble, and a look at the gauges now and then."""
        loop = asyncio.get_running_loop()
        looks: dict[str, list[Sample]] = {name: [] for name in BOUNDS}
        end = loop.time() + self._plan.steady_seconds
        while loop.time() < end:
            processes, at = self._deployment.processes(), loop.time()
            looks["memory"].append(Sample(at, resident_megabytes(processes)))
            looks["file handles"].append(Sample(at, open_files(processes)))
            looks["database"].append(Sample(at, await self._books.size() / 1e6))
            await self._seconds(self._plan.look_every, self._plan.look_every)
        for name, (unit, bound) in BOUNDS.items():
            self.outcome.growths.append(growth(name, unit, looks[name], WARM_UP, bound))

    async def _check_for_ever(self) -> None:
        while True:
            await self._seconds(self._plan.check_every, self._plan.check_every)
            with suppress(*_DOWN):
                await self._check()
                await self._forget()

    async def _check(self) -> None:
        """Judge the sessions that are over."""
        over = list(self._yard.over)
        ledgers = await self._books.ledgers(over)
        del self._yard.over[: len(over)]
        history = self._yard.recorder.take(over)
        self.outcome.sessions += len(over)
        self.outcome.violations += await asyncio.to_thread(check, history, ledgers)
        self._yard.judged(over)

    async def _forget(self) -> None:
        """Let the database forget what was checked, so that its size can be flat."""
        oldest = min(self._yard.under_way.values(), default=unix_seconds())
        await self._books.forget(oldest - _KEPT_SECONDS)

    async def _seconds(self, least: float, most: float) -> None:
        """Let the load go on for a while: this goes by the clock on the wall, and nothing else."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), self._dice.uniform(least, most))


async def play(
    plan: Plan, folder: Path, database: str, postgres: PostgresServer | None = None
) -> Outcome:
    """One trial on an empty database."""
    deployment = await Deployment.make(folder, database, plan.workers)
    books = await Books.open(database)
    try:
        return await Trial(plan, deployment, books, postgres).run()
    finally:
        await books.close()
