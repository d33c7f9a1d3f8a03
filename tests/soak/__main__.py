"""`make soak`: hours of what `test_short_soak.py` does in seconds.

    SOAK_MINUTES=60 SOAK_KILLS=200 make soak

Each deployment gets its share of the time: kills in the first part of it, and load without any in
the second, when memory, file handles and the database's size must not grow. Ends with 1 where
anything was found.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from tests.kit.postgres import DURABLE, PostgresServer
from tests.soak.trial import Outcome, play
from tests.soak.troubles import Plan

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "60"))
KILLS: Final = int(os.environ.get("SOAK_KILLS", "200"))
SEED: Final = int(os.environ.get("SOAK_SEED", "20261121"))


class Kind(NamedTuple):
    """One of the deployments."""

    name: str
    on_postgres: bool
    workers: int = 1
    clocks: tuple[int | None, ...] = (None,)
    """For each server: the seconds that its clock is ahead; None: it is never set."""


DEPLOYMENTS: Final = (
    Kind("SQLite, 1 process", on_postgres=False),
    Kind("SQLite, 2 processes, clock set", on_postgres=False, workers=2, clocks=(0,)),
    Kind("PostgreSQL, 1 process", on_postgres=True),
    Kind("PostgreSQL, 2 processes", on_postgres=True, workers=2),
    Kind("PostgreSQL, 2 servers, one 15 s behind", on_postgres=True, clocks=(0, -15)),
)
REPLAY_SECONDS: Final = 15
"""Longer than the ten seconds for a race and than a restart, and short enough to be waited for."""
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
    seconds = MINUTES * 60 / len(DEPLOYMENTS)
    kills = KILLS // len(DEPLOYMENTS) + (number < KILLS % len(DEPLOYMENTS))
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
        thieves=THIEVES,
        tenants=True,
        locks=True,
        reloads=True,
        restore=True,
    )


async def soak() -> list[Outcome]:
    """One deployment after the other."""
    outcomes = []
    for number, kind in enumerate(DEPLOYMENTS):
        plan = plan_of(number)
        with tempfile.TemporaryDirectory(prefix="satmint-soak-") as place:
            folder = Path(place)
            if kind.on_postgres:
                outcome = await _on_postgres(plan, folder)
            else:
                outcome = await play(plan, folder, f"sqlite:///{folder}/satmint.db")
        outcomes.append(outcome)
        print("\n".join(outcome.lines()), flush=True)
    return outcomes


async def _on_postgres(plan: Plan, folder: Path) -> Outcome:
    postgres = await asyncio.to_thread(PostgresServer, configuration=DURABLE + _EAGER)
    try:
        return await play(plan, folder, postgres.new_database(), postgres)
    finally:
        await asyncio.to_thread(postgres.stop)


def main() -> int:
    """The exit code."""
    print(f"{MINUTES:g} minutes, {KILLS} kills, seed {SEED}", flush=True)
    outcomes = asyncio.run(soak())
    kills = sum(sum(outcome.kills.values()) for outcome in outcomes)
    sessions = sum(outcome.sessions for outcome in outcomes)
    operations = sum(outcome.operations.total() for outcome in outcomes)
    good = all(outcome.good for outcome in outcomes)
    print(f"{operations:,} operations, {sessions:,} sessions, {kills} kills:", end=" ")
    print("nothing found" if good else "FOUND SOMETHING")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
