"""`kill -9` at a random moment under load: nothing acknowledged is lost, nobody is locked out.

Each caller is a chain of its own and knows what it was told: the newest pair that it got, and
whether its last request was left without an answer. After the server is back, presenting the token
in hand must either rotate (it never arrived, or the answer was the last word) or be answered with
the pair that was lost on the way. Anything else is a lost rotation or a lock-out. Beside them,
newcomers sign in without pause: whoever was told of a session has it. In the end the audit trail
must tell of each generation once.
"""

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.kit.dev import DevServer, running_dev
from tests.kit.tokens import Loupe
from tests.kit.wire import REFRESH, Lost, Wire

KILLS: Final = int(os.environ.get("SATMINT_TEST_KILLS", "8"))
CHAINS: Final = 24
DOORS: Final = 4
"""Where newcomers come in."""
SEED: Final = int(os.environ.get("SATMINT_TEST_SEED", "20261120"))


@dataclass(slots=True)
class Chain:
    """What one caller was told."""

    token: str
    generation: int = 0
    acknowledged: list[int] = field(default_factory=list)
    unanswered: int = 0

    async def run(self, wire: Wire, loupe: Loupe) -> None:
        """Refresh until the server is gone."""
        while True:
            try:
                await self.step(wire, loupe)
            except Lost:
                self.unanswered += 1
                return

    async def step(self, wire: Wire, loupe: Loupe) -> None:
        """Refresh once, and check the answer against all that was told before."""
        status, _, answer = await wire.post(REFRESH, {"refresh_token": self.token})
        assert status == 201, answer
        sat, again = loupe.sat(answer["token"]), loupe.refresh_token(answer["refresh_token"])
        assert sat.gen == again.gen == self.generation + 1
        self.token, self.generation = answer["refresh_token"], sat.gen
        self.acknowledged.append(sat.gen)


@dataclass(slots=True)
class Door:
    """A caller that signs newcomers in, and what it was told of them."""

    name: str
    tokens: list[str] = field(default_factory=list)
    asked: int = 0

    async def run(self, wire: Wire, _loupe: Loupe) -> None:
        """Sign newcomers in until the server is gone."""
        while True:
            self.asked += 1
            try:
                self.tokens.append(await wire.issue(f"{self.name}-{self.asked}"))
            except Lost:
                return


async def load_until_killed(
    server: DevServer, callers: Sequence[Chain | Door], loupe: Loupe, after: float
) -> None:
    wires = [Wire(server["http"], server.auth) for _ in callers]
    running = [
        asyncio.create_task(caller.run(wire, loupe))
        for caller, wire in zip(callers, wires, strict=True)
    ]
    # The moment of the kill is the only thing here that goes by the clock on the wall.
    asyncio.get_running_loop().call_later(after, server.process.send_signal, signal.SIGKILL)
    await asyncio.gather(*running)
    for wire in wires:
        wire.close()


async def test_nothing_acknowledged_is_lost_and_nobody_locked_out(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    chains: list[Chain] = []
    doors = [Door(f"door-{number}") for number in range(DOORS)]
    for _ in range(KILLS):
        with running_dev(tmp_path) as server:
            loupe = Loupe(tmp_path)
            if not chains:
                async with Wire(server["http"], server.auth) as wire:
                    tokens = [await wire.issue(f"chain-{number}") for number in range(CHAINS)]
                chains = [Chain(token) for token in tokens]
            await load_until_killed(server, [*chains, *doors], loupe, dice.uniform(0.05, 0.6))
    with running_dev(tmp_path) as server:
        loupe = Loupe(tmp_path)
        async with Wire(server["http"], server.auth) as wire:
            for chain in chains:
                await chain.step(wire, loupe)
                assert chain.acknowledged == list(range(1, chain.generation + 1))
            newcomers = [Chain(token) for door in doors for token in door.tokens]
            for newcomer in newcomers:
                await newcomer.step(wire, loupe)
    assert sum(chain.unanswered for chain in chains) == KILLS * CHAINS
    assert all(chain.generation > 0 for chain in chains)
    assert len(newcomers) > DOORS
    told = told_generations(tmp_path / "satmint.db")
    for chain in (*chains, *newcomers):
        session = loupe.refresh_token(chain.token).sid
        assert told[session] == list(range(1, chain.generation + 1))


def told_generations(database: Path) -> dict[UUID, list[int]]:
    """By session: the generations of which the audit trail tells that they were made."""
    told: dict[UUID, list[int]] = {}
    query = "SELECT session_id, generation FROM events WHERE kind = 'refreshed' ORDER BY generation"
    with closing(sqlite3.connect(database)) as connection:
        for session, generation in connection.execute(query):
            told.setdefault(UUID(bytes=session), []).append(generation)
    return told
