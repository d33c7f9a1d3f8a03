"""`make soak`: hours of what `test_short_soak.py` does in seconds.

    SOAK_MINUTES=60 SOAK_KILLS=200 make soak
    SOAK_ONLY=4,6 SOAK_MINUTES=5 SOAK_KILLS=10 make soak   # these deployments, counted from 1

Each deployment gets its share of the time: kills in the first part of it, and load without any in
the second, when memory, file handles and the database's size must not grow. Ends with 1 where
anything was found.
"""

import asyncio
import os
import shlex
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from tests.kit.emptying import emptied
from tests.kit.pgbouncer import pgbouncer_program
from tests.kit.postgres import CLUSTER, DURABLE, PostgresServer
from tests.soak.full_queue import SMALL_QUEUE
from tests.soak.pooler import Pooler
from tests.soak.trial import Outcome, play
from tests.soak.troubles import Plan

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "60"))
KILLS: Final = int(os.environ.get("SOAK_KILLS", "200"))
SEED: Final = int(os.environ.get("SOAK_SEED", "20261121"))
RESTART_NODE: Final = tuple(shlex.split(os.environ.get("SATMINT_TEST_CITUS_RESTART", "")))
"""A command that kills a server of the cluster, any, and starts it again. Empty: none is killed."""


class Kind(NamedTuple):
    """One of the deployments."""

    name: str
    on_postgres: bool
    workers: int = 1
    clocks: tuple[int | None, ...] = (None,)
    """For each server: the seconds that its clock is ahead; None: it is never set."""
    pooled: bool = False
    """Whether PgBouncer in transaction mode is between the servers and PostgreSQL."""
    verifiers: int = 0
    """Sessions at a time that verifiers are asked about; then there is little other load."""
    full_queue: bool = False
    """Whether PostgreSQL's NOTIFY queue is full for a while."""
    on_cluster: bool = False
    """Whether the database is `SATMINT_TEST_CITUS_URL`. Its servers are killed if there is a
    `RESTART_NODE`; no rows are held there, and no older copy is put back."""


_ON_CLUSTER: Final = Kind("Citus, 2 processes", on_postgres=True, workers=2, on_cluster=True)
DEPLOYMENTS: Final = (
    Kind("SQLite, 1 process", on_postgres=False),
    Kind("SQLite, 2 processes, clock set", on_postgres=False, workers=2, clocks=(0,)),
    Kind("PostgreSQL, 1 process", on_postgres=True),
    Kind("PostgreSQL, 2 processes", on_postgres=True, workers=2, full_queue=True),
    Kind(
        "PostgreSQL, 2 servers, one 15 s behind",
        on_postgres=True,
        clocks=(0, -15),
        full_queue=True,
    ),
    Kind("PostgreSQL behind PgBouncer, 2 processes", on_postgres=True, workers=2, pooled=True),
    Kind("SQLite, 2 servers, verifiers", on_postgres=False, clocks=(None, None), verifiers=256),
    Kind("PostgreSQL, 2 servers, verifiers", on_postgres=True, clocks=(None, None), verifiers=256),
    *([_ON_CLUSTER] if CLUSTER else []),
)
CHOSEN: Final = tuple(
    int(number) - 1 for number in os.environ.get("SOAK_ONLY", "").split(",") if number
) or tuple(range(len(DEPLOYMENTS)))
"""Those that are tried, which share the time and the kills."""
REPLAY_SECONDS: Final = 15
"""Longer than the ten seconds for a race and than a restart, and short enough to be waited for."""
BANDS: Final = 40
THIEVES: Final = 24
_EAGER: Final = "autovacuum_naptime = 1s\nautovacuum_vacuum_cost_delay = 0\n"
"""So that what settles within hours does so within minutes."""
_OF_KILLS: Final = 0.4
"""Share of the time that is for kills; the rest is for the gauges."""
_OF_A_RESTART: Final = 2.0
"""Seconds that a kill takes beside the gaps before and after it, about."""


def plan_of(number: int) -> Plan:
    """What one of the deployments has to go through."""
    kind = DEPLOYMENTS[number]
    seconds = MINUTES * 60 / len(CHOSEN)
    kills = KILLS // len(CHOSEN) + (CHOSEN.index(number) < KILLS % len(CHOSEN))
    gap = max(0.1, seconds * _OF_KILLS / max(kills, 1) - _OF_A_RESTART) / 2
    return Plan(
        name=kind.name,
        workers=kind.workers,
        clocks=kind.clocks,
        kills=kills,
        gap=(gap / 2, gap * 3 / 2),
        steady_seconds=seconds * (1 - _OF_KILLS),
        seed=SEED + number,
        replay_seconds=REPLAY_SECONDS,
        bands=1 if kind.verifiers else BANDS,
        thieves=0 if kind.verifiers else THIEVES,
        tenants=not kind.verifiers,
        verifiers=kind.verifiers,
        verifiers_per_server=4,
        locks=not kind.on_cluster,
        reloads=True,
        full_queue=kind.full_queue,
        restore=not kind.on_cluster,
        restart_node=RESTART_NODE if kind.on_cluster else (),
    )


class Soak:
    """One deployment after the other."""

    def __init__(self) -> None:
        """Prepare."""
        self.outcomes: list[Outcome] = []
        self.left_out: list[str] = []
        """What this machine does not have the programs for, so that nothing is proven of it."""

    async def run(self) -> None:
        """Try the chosen ones."""
        for number in CHOSEN:
            kind, plan = DEPLOYMENTS[number], plan_of(number)
            if kind.pooled and pgbouncer_program() is None:
                self._leave_out(f"{kind.name}: install Debian's package pgbouncer")
                continue
            with tempfile.TemporaryDirectory(prefix="satmint-soak-") as place:
                folder = Path(place)
                if kind.on_cluster:
                    outcome = await play(plan, folder, await emptied(CLUSTER))
                elif kind.on_postgres:
                    outcome = await self._on_postgres(kind, plan, folder)
                else:
                    outcome = await play(plan, folder, f"sqlite:///{folder}/satmint.db")
            self.outcomes.append(outcome)
            print("\n".join(outcome.lines()), flush=True)

    async def _on_postgres(self, kind: Kind, plan: Plan, folder: Path) -> Outcome:
        if plan.full_queue:
            try:
                postgres = await _started(SMALL_QUEUE)
            except AssertionError as error:
                if SMALL_QUEUE.split()[0] not in str(error):
                    raise
                self._leave_out(
                    f"a full NOTIFY queue, {kind.name}: it takes PostgreSQL 17 or newer"
                )
                postgres, plan = await _started(), replace(plan, full_queue=False)
        else:
            postgres = await _started()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, postgres.stop)
            pooler = None
            if kind.pooled:
                pooler = await asyncio.to_thread(Pooler, postgres)
                stack.callback(pooler.stop)
            return await play(plan, folder, postgres.new_database(), postgres, pooler)

    def _leave_out(self, what: str) -> None:
        self.left_out.append(what)
        print(f"LEFT OUT {what}", flush=True)


async def _started(more: str = "") -> PostgresServer:
    return await asyncio.to_thread(PostgresServer, configuration=DURABLE + _EAGER + more)


def main() -> int:
    """The exit code."""
    print(f"{MINUTES:g} minutes, {KILLS} kills, seed {SEED}", flush=True)
    soak = Soak()
    asyncio.run(soak.run())
    outcomes = soak.outcomes
    kills = sum(sum(outcome.kills.values()) for outcome in outcomes)
    sessions = sum(outcome.sessions for outcome in outcomes)
    operations = sum(outcome.operations.total() for outcome in outcomes)
    good = bool(outcomes) and all(outcome.good for outcome in outcomes)
    print(f"{operations:,} operations, {sessions:,} sessions, {kills} kills:", end=" ")
    print("nothing found" if good else "FOUND SOMETHING")
    for what in soak.left_out:
        print(f"LEFT OUT {what}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
