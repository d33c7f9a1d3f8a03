"""What is done to a deployment while callers use it: kills, and faults in between."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from satmint.model.database_url import is_postgres
from tests.kit.postgres import PostgresServer
from tests.kit.tokens import Loupe
from tests.soak.callers import Yard
from tests.soak.history import FOREVER
from tests.soak.ledgers import Books, unix_seconds
from tests.soak.locks import hold_rows
from tests.soak.pooler import Pooler
from tests.soak.rules import BELIEVED_SECONDS, ClockStep
from tests.soak.spans import Span
from tests.soak.waiting import let_pass

_SHORT: Final = (0.05, 0.4)
_HELD_SESSIONS: Final = 3
_HELD_SECONDS: Final = (0.5, 6.0)
"""Some longer than the four seconds that a request waits for a row, some shorter."""
_STEPS: Final = (5, -5, 1800, -1800)
"""Seconds by which a clock is set. Between two of them it is right, so that no token of two hours
ends early."""
SMALL_STEPS: Final = 10
"""Seconds, from the farthest of the small ones ahead to the farthest back. The contract is that
they hurt nobody, so a window may be open for so much longer."""
FARTHEST_BACK: Final = 1800
_READ_SECONDS: Final = 4.0
"""After so long, all processes have read a key that was laid ready."""


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
    operations: int = 0
    """And so many operations at least before each kill, however slow the machine is."""
    steady_seconds: float = 0.0
    """And so long without any, with the gauges looked at."""
    replay_seconds: int = 600
    thieves: int = 0
    """Plays of a holder and a thief at once; each needs more than `replay_seconds`."""
    tenants: bool = False
    """Whether there is a slow tenant, and one who must not notice."""
    believed_seconds: float = BELIEVED_SECONDS
    """For how long after an acknowledged end a verifier may believe a token."""
    locks: bool = False
    """Whether rows are held, as one of the faults."""
    reloads: bool = False
    """Whether keys are rotated and settings read again, as one of the faults."""
    clocks: tuple[int | None, ...] = (None,)
    """For each server: the seconds that its clock is ahead. The first one's is set forth and back;
    None: it is the machine's."""
    full_queue: bool = False
    """Whether PostgreSQL's NOTIFY queue is full for a while, after the kills."""
    restore: bool = False
    """Whether an older copy of the database is put back in the end."""
    restart_node: tuple[str, ...] = ()
    """A command that kills a server of a cluster and starts it again, as one of the kills."""
    look_every: float = 0.5
    check_every: float = 2.0
    verifiers: int = 0
    """Sessions at a time that verifiers are asked about, before and after their ends."""
    verifiers_per_server: int = 2
    seed: int = 20261121


class Troubles:
    """Kills and faults, one after the other."""

    def __init__(
        self,
        plan: Plan,
        yard: Yard,
        books: Books,
        postgres: PostgresServer | None,
        dice: random.Random,
        pooler: Pooler | None = None,
    ) -> None:
        """Prepare them.

        Args:
            plan: What is to happen.
            yard: The callers, whose rules tell what was done and when.
            books: The database.
            postgres: The database's server, where it is one that may be killed.
            dice: Chooses.
            pooler: Between the servers and PostgreSQL, where there is one.
        """
        self._plan = plan
        self._yard = yard
        self._deployment = yard.deployment
        self._books = books
        self._postgres = postgres
        self._dice = dice
        self._pooler = pooler
        self.kills: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    async def run(self) -> None:
        """Kills, as many as are wanted, and everything else in between."""
        kills, faults = self._kills(), self._faults()
        self._dice.shuffle(faults)
        for number in range(self._plan.kills):
            await self._seconds(*self._plan.gap)
            fault = faults[number % len(faults)]
            self.faults[fault.__name__.strip("_")] += 1
            with self._noted(self._spans(fault)), self._noted(self._yard.rules.pauses):
                await fault()
            await self._seconds(*self._plan.gap)
            await self._operations((number + 1) * self._plan.operations)
            kill = kills[number % len(kills)]
            self.kills[kill.__name__.strip("_")] += 1
            rules = self._yard.rules
            # The feeds of a server that is killed are cut: verifiers know at once.
            silent = kill in (self._database, self._connection_pooler, self._node)
            pauses = self._noted(rules.pauses) if silent else nullcontext()
            with self._noted(rules.disturbances), pauses:
                await kill()
        await self._seconds(*self._plan.gap)

    async def _operations(self, least: int) -> None:
        """Let the load go on until there were so many operations."""
        while sum(self._yard.recorder.counts.values()) < least:
            await let_pass(0.02)

    def _spans(self, fault: Callable[[], Awaitable[None]]) -> list[Span]:
        """Where it is noted when a fault was: SQLite has one lock for all, PostgreSQL has rows."""
        rules = self._yard.rules
        noticed_by_none = [self._clock_set, self._keys_rotated]
        if is_postgres(self._deployment.database):
            noticed_by_none.append(self._held_rows)
        return rules.held if fault in noticed_by_none else rules.disturbances

    @contextmanager
    def _noted(self, spans: list[Span]) -> Iterator[None]:
        """Note when something is done to the server."""
        now, at = self._yard.recorder.now, len(spans)
        spans.append(Span(now(), FOREVER))
        try:
            yield
        finally:
            spans[at] = Span(spans[at].earliest, now())

    def _kills(self) -> list[Callable[[], Awaitable[None]]]:
        kills: list[Callable[[], Awaitable[None]]] = [self._server]
        if self._plan.workers > 1:
            kills += [self._one_worker, self._one_worker]
        if len(self._plan.clocks) > 1:
            kills += [self._one_server]
        if self._postgres is not None:
            kills += [self._database]
        if self._pooler is not None:
            kills += [self._connection_pooler]
        if self._plan.restart_node:
            kills += [self._node, self._node]
        return kills

    def _faults(self) -> list[Callable[[], Awaitable[None]]]:
        faults: list[Callable[[], Awaitable[None]]] = [self._stopped_for_a_moment]
        if self._deployment.database.startswith("sqlite"):
            faults += [self._full_disk]
        else:
            faults += [self._connections_cut]
        if self._plan.locks:
            faults += [self._held_rows]
        if self._plan.reloads:
            faults += [self._keys_rotated]
        if self._plan.clocks[0] is not None:
            faults += [self._clock_set]
        return faults

    async def _server(self) -> None:
        self._deployment.kill()
        await self._deployment.start()

    async def _one_server(self) -> None:
        """Callers find the others meanwhile."""
        server = self._dice.choice(self._deployment.servers)
        server.kill()
        await asyncio.to_thread(server.start)

    async def _one_worker(self) -> None:
        while not (crew := self._deployment.crew()):
            await self._seconds(*_SHORT)  # both were killed just now
        self._deployment.kill_worker(self._dice.choice(crew))

    async def _database(self) -> None:
        assert self._postgres is not None
        await asyncio.to_thread(self._postgres.kill)
        await asyncio.to_thread(self._postgres.start)

    async def _node(self) -> None:
        process = await asyncio.create_subprocess_exec(*self._plan.restart_node)
        assert await process.wait() == 0, self._plan.restart_node

    async def _connection_pooler(self) -> None:
        assert self._pooler is not None
        await asyncio.to_thread(self._pooler.restart)

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

    async def _held_rows(self) -> None:
        """Some sessions of the crowd, and its project."""
        sessions = sorted(self._yard.signed_in_as)
        sessions = self._dice.sample(sessions, min(_HELD_SESSIONS, len(sessions)))
        seconds = self._dice.uniform(*_HELD_SECONDS)
        await hold_rows(self._deployment.database, sessions, seconds)

    async def _clock_set(self) -> None:
        """The clock of the first server is set, and back."""
        offset = self._dice.choice(_STEPS)
        if offset < 0:
            self._yard.dated_back = FOREVER
        self._set_clock(offset)
        await self._seconds(*_HELD_SECONDS)
        self._set_clock(0)
        if offset < 0:
            self._yard.dated_back = unix_seconds()

    def _set_clock(self, offset: int) -> None:
        now, server = self._yard.recorder.now, self._deployment.servers[0]
        usual = self._plan.clocks[0]
        assert usual is not None
        began = now()
        server.set_clock(usual + offset)
        if not is_postgres(self._deployment.database):
            # Servers that share PostgreSQL measure by its clock.
            self._yard.rules.steps.append(ClockStep(Span(began, now()), offset))

    async def _keys_rotated(self) -> None:
        """As the operator's guide says: a key is laid ready, and takes over once all have it."""
        await self._keys("add")
        await let_pass(_READ_SECONDS)
        self._yard.loupe = Loupe(self._deployment.folder)
        await self._keys("rotate")
        for server in self._deployment.servers:
            server.hang_up()

    async def _keys(self, command: str) -> None:
        code, _, told = await asyncio.to_thread(self._deployment.command, "keys", command)
        assert code == 0, told

    async def _seconds(self, least: float, most: float) -> None:
        """Let the load go on for a while."""
        await let_pass(self._dice.uniform(least, most))
