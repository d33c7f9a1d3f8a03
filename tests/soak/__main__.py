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
from typing import Final

from tests.kit.postgres import DURABLE, PostgresServer
from tests.soak.trial import Outcome, Plan, play

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "60"))
KILLS: Final = int(os.environ.get("SOAK_KILLS", "200"))
SEED: Final = int(os.environ.get("SOAK_SEED", "20261121"))
DEPLOYMENTS: Final = (("SQLite", 1), ("SQLite", 2), ("PostgreSQL", 1), ("PostgreSQL", 2))
_EAGER: Final = "autovacuum_naptime = 1s\nautovacuum_vacuum_cost_delay = 0\n"
"""So that what settles within hours does so within minutes."""
_OF_KILLS: Final = 0.4
"""Share of the time that is for kills; the rest is for the gauges."""
_OF_A_RESTART: Final = 2.0
"""Seconds that a kill takes beside the gaps before and after it, about."""


def plan_of(number: int) -> Plan:
    """What one of the deployments has to go through."""
    store, workers = DEPLOYMENTS[number]
    seconds = MINUTES * 60 / len(DEPLOYMENTS)
    kills = KILLS // len(DEPLOYMENTS) + (number < KILLS % len(DEPLOYMENTS))
    gap = max(0.1, seconds * _OF_KILLS / max(kills, 1) - _OF_A_RESTART) / 2
    return Plan(
        name=f"{store}, {workers} process{'es' if workers > 1 else ''}",
        workers=workers,
        kills=kills,
        gap=(gap / 2, gap * 3 / 2),
        steady_seconds=seconds * (1 - _OF_KILLS),
        seed=SEED + number,
    )


async def soak() -> list[Outcome]:
    """One deployment after the other."""
    outcomes = []
    for number, (store, _) in enumerate(DEPLOYMENTS):
        plan = plan_of(number)
        with tempfile.TemporaryDirectory(prefix="satmint-soak-") as place:
            folder = Path(place)
            if store == "SQLite":
                outcome = await play(plan, folder, f"sqlite:///{folder}/satmint.db")
            else:
                outcome = await _on_postgres(plan, folder)
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
