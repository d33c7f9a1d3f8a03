"""One deployment under load and in trouble, with everything that is said of it checked."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import asyncpg

from satmint.model.database_url import is_postgres
from satmint.model.refusals import StoreUnavailable
from satmint.webhooks.slots import DispatchLimits
from tests.kit.postgres import PostgresServer
from tests.kit.tokens import Loupe
from tests.soak.callers import Band, Yard
from tests.soak.deployment import MAIN, Deployment
from tests.soak.full_queue import (
    HOLD_SECONDS,
    LISTENER,
    FullQueue,
    QueueReport,
    check_full_queue,
)
from tests.soak.growth import Bound, Growth, Sample, growth, open_files, resident_megabytes
from tests.soak.history import Answer, Deed, Recorder
from tests.soak.history_checker import Violation, check
from tests.soak.ledgers import Books, unix_seconds
from tests.soak.pooler import Pooler
from tests.soak.promptness import BOUNDS as WAITS
from tests.soak.promptness import Awaited, check_reactions, summary
from tests.soak.restore import Restore, check_restore
from tests.soak.rules import SECOND, Rules
from tests.soak.spans import Span
from tests.soak.tenants import BYSTANDER, SLOW, Bystander, SlowTenant
from tests.soak.thefts import Discipline, check_thefts
from tests.soak.thieves import ThiefPlay
from tests.soak.troubles import FARTHEST_BACK, SMALL_STEPS, Plan, Troubles
from tests.soak.verifiers import VerifierPlay, Verifiers
from tests.soak.waiting import let_pass

WARM_UP: Final = 0.4
BOUNDS: Final = {
    "memory": ("MB", Bound(per_minute=0.5, slack=8)),
    "file handles": ("", Bound(per_minute=0.2, slack=8)),
    "database": ("MB", Bound(per_minute=0.5, slack=4, share=0.25)),
}
"""Growth after the warm-up. The slack is what a busy allocator, a checkpoint or a vacuum moves."""

_DOWN: Final = (
    StoreUnavailable,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""While the database is down. Nothing is lost by it: all is judged the next time."""
_KEPT_SECONDS: Final = 5
_STALL_STEP_SECONDS: Final = 0.1
_STALL_SECONDS: Final = 0.3
"""If a tenth of a second takes longer than that, the machine is too busy."""
_ALERTS_SECONDS: Final = 60
"""How long the last alerts are waited for."""
_AFTER_COPY: Final = (2.0, 4.0)
_AFTER_RESTORE: Final = (3.0, 5.0)

Course = Callable[[Yard], Awaitable[None]]
"""What happens while the load goes on."""


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
    thefts: Counter[Discipline] = field(default_factory=Counter)
    more: list[str] = field(default_factory=list)
    """Lines about the tenants and the restore."""

    waited: set[Awaited] = field(default_factory=set)
    """What the bystander waited for."""
    tries: Counter[Answer] = field(default_factory=Counter)
    """What verifiers said a second and more after an acknowledged end."""
    queue: QueueReport | None = None
    """What was seen while the NOTIFY queue was to be full."""

    @property
    def good(self) -> bool:
        """Whether nothing was found, and all was tried."""
        found = self.violations or self.bugs or self.untried
        return not found and all(g.flat for g in self.growths)

    @property
    def untried(self) -> list[str]:
        """What was planned and did not happen, so that nothing is proven of it."""
        disciplines = set(Discipline) if self.plan.thieves >= len(Discipline) else set()
        awaited = set(Awaited) if self.plan.tenants else set()
        full = self.queue is not None and self.queue.full is not None
        queue = ["a full NOTIFY queue"] if self.plan.full_queue and not full else []
        verified = self.tries[Answer.REFUSED] or not self.plan.verifiers
        queue += [] if verified else ["a verifier after an end"]
        return sorted([*(disciplines - set(self.thefts)), *(awaited - self.waited), *queue])

    def lines(self) -> Iterator[str]:
        """For people."""
        answers = Counter[str]()
        for (deed, answer), count in self.operations.items():
            answers[f"{deed} {answer}"] += count
        yield f"{self.plan.name}: {self.sessions} sessions, {sum(self.kills.values())} kills"
        for title, counts in (("told", answers), ("killed", self.kills), ("done", self.faults)):
            told = ", ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))
            yield f"  {title}: {told}"
        if self.thefts:
            told = ", ".join(f"«{what}» {count}" for what, count in sorted(self.thefts.items()))
            yield f"  thefts: {told}"
        yield from (f"  {line}" for line in self.more)
        yield from (f"  {found}" for found in self.growths)
        yield from (f"  NOT TRIED {what}" for what in self.untried)
        yield from (f"  VIOLATION {found}" for found in self.violations[:20])
        yield from (f"  BUG {str(found)[-300:]}" for found in self.bugs[:5])


class Trial:
    """A deployment, its callers and its troubles."""

    def __init__(
        self,
        plan: Plan,
        deployment: Deployment,
        books: Books,
        postgres: PostgresServer | None,
        pooler: Pooler | None = None,
        course: Course | None = None,
    ) -> None:
        """Prepare one.

        Args:
            plan: What is to happen.
            deployment: Not started yet.
            books: Its database.
            postgres: The database's server, where it is one that may be killed.
            pooler: Between the servers and PostgreSQL, where there is one.
            course: What happens in place of the plan's kills and faults; None: these.
        """
        self._plan = plan
        self._course_of_others = course
        self._deployment = deployment
        self._books = books
        self._postgres = postgres
        self._dice = random.Random(plan.seed)
        dice = random.Random(plan.seed + 1)
        steps = plan.clocks[0] is not None and not is_postgres(deployment.database)
        rules = Rules(plan.replay_seconds, plan.believed_seconds, slack=SMALL_STEPS if steps else 0)
        self._yard = Yard(deployment, Recorder(), Loupe(deployment.folder), dice, rules=rules)
        self._troubles = Troubles(plan, self._yard, books, postgres, self._dice, pooler)
        self.outcome = Outcome(plan, kills=self._troubles.kills, faults=self._troubles.faults)

    async def run(self) -> Outcome:
        """All of it."""
        await self._deployment.start()
        try:
            restore = Restore(self._yard, self._postgres) if self._plan.restore else None
            await self._under_load(self._course(restore), with_tenants=self._plan.tenants)
            if restore is not None:
                await self._put_back(restore)
        finally:
            self._deployment.stop()
        self.outcome.operations.update(self._yard.recorder.counts)
        self.outcome.bugs += self._deployment.bugs()
        return self.outcome

    async def _course(self, restore: Restore | None) -> None:
        """What happens while the load goes on."""
        if self._course_of_others is None:
            await self._troubles.run()
        else:
            await self._course_of_others(self._yard)
        if self._plan.full_queue:
            await self._full_queue()
        if self._plan.steady_seconds:
            await self._monotonic()
        if restore is not None:
            await restore.copy()
            await self._seconds(*_AFTER_COPY)

    async def _full_queue(self) -> None:
        """Once the servers have recovered from the kills, so that nothing is excused by them."""
        assert self._postgres is not None
        await let_pass(WAITS[Awaited.ANSWER].recovery)
        queue = FullQueue(self._yard, self._postgres)
        self.outcome.queue = queue.report
        await queue.hold(HOLD_SECONDS)
        rules, now = self._yard.rules, self._yard.recorder.now()
        self.outcome.violations += check_full_queue(queue.report, rules, now)
        self.outcome.more.append(queue.report.summary)

    async def _under_load(self, work: Awaitable[None], *, with_tenants: bool) -> None:
        """Do some work while callers go on; then let them end, and judge everything."""
        plan, yard = self._plan, self._yard
        yard.stopping = False
        runs: list[Band | ThiefPlay | SlowTenant | VerifierPlay] = []
        runs += [Band(yard, plan.callers, plan.rounds) for _ in range(plan.bands)]
        runs += [ThiefPlay(yard, number) for number in range(plan.thieves)]
        bystander = Bystander(yard) if with_tenants else None
        if bystander is not None:
            runs.append(SlowTenant(yard))
        verifiers = (
            Verifiers(yard, plan.seed, plan.verifiers_per_server) if plan.verifiers else None
        )
        async with AsyncExitStack() as stack:
            if verifiers is not None:
                await stack.enter_async_context(verifiers.running())
                runs += [VerifierPlay(yard, verifiers) for _ in range(plan.verifiers)]
            load = [asyncio.ensure_future(run.run()) for run in runs]
            waiting = [] if bystander is None else [asyncio.ensure_future(bystander.run())]
            checking = asyncio.ensure_future(self._check_for_ever())
            stalls = asyncio.ensure_future(self._note_stalls())
            for task in (*load, *waiting, checking, stalls):
                stack.callback(task.cancel)
            await self._while_they_run([*load, *waiting, checking], work)
            yard.stopping = True
            await asyncio.gather(*load)
            checking.cancel()
            with suppress(asyncio.CancelledError):
                await checking
            await self._check()
            if verifiers is not None:
                self.outcome.tries.update(verifiers.tries)
                self.outcome.more.append(verifiers.summary)
            if bystander is not None:
                done, _ = await asyncio.wait(waiting, timeout=_ALERTS_SECONDS)
                for task in done:
                    await task
                await self._judge_promptness(bystander)

    async def _judge_promptness(self, bystander: Bystander) -> None:
        rules, now = self._yard.rules, self._yard.recorder.now()
        self.outcome.violations += check_reactions(bystander.reactions, rules, now)
        self.outcome.waited = {reaction.awaited for reaction in bystander.reactions}
        self.outcome.more += summary(bystander.reactions, rules)
        stalled = rules.stalls.total / SECOND
        self.outcome.more.append(f"the machine was too busy: {stalled:.1f} s in all")

    async def _put_back(self, restore: Restore) -> None:
        """Stop everything, put the older copy back, and begin again."""
        self._deployment.stop()
        await self._books.close()
        await restore.put_back()
        await restore.adopt()
        await self._books.reopen()
        if not restore.report.failure:
            await self._deployment.start()
            await restore.show()
            await self._under_load(self._seconds(*_AFTER_RESTORE), with_tenants=False)
        self.outcome.violations += check_restore(restore.report)
        self.outcome.more.append(restore.report.summary)

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
        for name, (unit, bound) in self._bounds().items():
            self.outcome.growths.append(growth(name, unit, looks[name], WARM_UP, bound))

    def _bounds(self) -> dict[str, tuple[str, Bound]]:
        """Each process may have as many connections to slow endpoints as it makes attempts."""
        unit, handles = BOUNDS["file handles"]
        processes = self._plan.workers * len(self._plan.clocks)
        attempts = DispatchLimits().per_project * processes if self._plan.tenants else 0
        more = replace(handles, slack=handles.slack + attempts)
        return {**BOUNDS, "file handles": (unit, more)}

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
        self.outcome.violations += await asyncio.to_thread(
            check, history, ledgers, self._yard.rules
        )
        thefts = [theft for session in over if (theft := self._yard.thefts.pop(session, None))]
        self.outcome.violations += check_thefts(thefts, ledgers)
        self.outcome.thefts.update(theft.discipline for theft in thefts)
        self._yard.judged(over)

    async def _forget(self) -> None:
        """Let the database forget what was checked, so that its size can be flat."""
        yard, behind = self._yard, -min(0, *(ahead or 0 for ahead in self._plan.clocks))
        oldest = min(yard.under_way.values(), default=unix_seconds())
        if oldest <= yard.dated_back:
            behind += FARTHEST_BACK
        await self._books.forget(oldest - behind - _KEPT_SECONDS)

    async def _note_stalls(self) -> None:
        """Note when this process has to wait for a CPU."""
        rules, now = self._yard.rules, self._yard.recorder.now
        while True:
            began = now()
            await let_pass(_STALL_STEP_SECONDS)
            if (over := now()) - began > _STALL_SECONDS * SECOND:
                rules.stalls.append(Span(began + int(_STALL_STEP_SECONDS * SECOND), over))

    async def _seconds(self, least: float, most: float) -> None:
        """Let the load go on for a while: this goes by the clock on the wall, and nothing else."""
        await let_pass(self._dice.uniform(least, most))


async def play(
    plan: Plan,
    folder: Path,
    database: str,
    postgres: PostgresServer | None = None,
    pooler: Pooler | None = None,
    course: Course | None = None,
) -> Outcome:
    """One trial on an empty database, which servers reach through the pooler if there is one."""
    tenants = (BYSTANDER, SLOW) if plan.tenants else ()
    names = (MAIN, *tenants, *([LISTENER] if plan.full_queue else []))
    settings = {"SATMINT_REPLAY_SECONDS": str(plan.replay_seconds)}
    pooled = "" if pooler is None else pooler.url(database)
    deployment = await Deployment.make(
        folder, database, plan.workers, names, settings, plan.clocks, pooled
    )
    books = await Books.open(database)
    try:
        return await Trial(plan, deployment, books, postgres, pooler, course).run()
    finally:
        await books.close()
