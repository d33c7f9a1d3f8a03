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
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from tests.kit.databases import DATABASES, SQLITE, fresh_database
from tests.kit.dev import DevServer, running_dev
from tests.kit.postgres import DURABLE, ISOLATIONS, PostgresServer, execute
from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE, REFRESH, Lost, Wire

KILLS: Final = int(os.environ.get("SATMINT_TEST_KILLS", "8"))
DATABASE_KILLS: Final = max(1, KILLS // 3)
CHAINS: Final = 24
DOORS: Final = 4
"""Where newcomers come in."""
SEED: Final = int(os.environ.get("SATMINT_TEST_SEED", "20261120"))


class Unavailable(Exception):
    """The server said that it could not, or did not know."""


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
            except (Lost, Unavailable):
                self.unanswered += 1
                return

    async def step(self, wire: Wire, loupe: Loupe) -> None:
        """Refresh once, and check the answer against all that was told before."""
        status, _, answer = await wire.post(REFRESH, {"refresh_token": self.token})
        if status == 503:
            raise Unavailable
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
                self.tokens.append(await self.sign_in(wire))
            except (Lost, Unavailable):
                return

    async def sign_in(self, wire: Wire) -> str:
        status, _, answer = await wire.post(ISSUE, {"reference": f"{self.name}-{self.asked}"})
        if status == 503:
            raise Unavailable
        assert status == 200, answer
        return str(answer["refresh_token"])


async def load_until(
    kill: Callable[[], object],
    server: DevServer,
    callers: Sequence[Chain | Door],
    loupe: Loupe,
    after: float,
) -> None:
    wires = [Wire(server["http"], server.auth) for _ in callers]
    running = [
        asyncio.create_task(caller.run(wire, loupe))
        for caller, wire in zip(callers, wires, strict=True)
    ]
    # The moment of the kill is the only thing here that goes by the clock on the wall.
    asyncio.get_running_loop().call_later(after, kill)
    await asyncio.gather(*running)
    for wire in wires:
        wire.close()


async def new_chains(server: DevServer) -> list[Chain]:
    async with Wire(server["http"], server.auth) as wire:
        return [Chain(await wire.issue(f"chain-{number}")) for number in range(CHAINS)]


async def go_on(
    server: DevServer, chains: Sequence[Chain], doors: Sequence[Door], loupe: Loupe
) -> list[Chain]:
    """Everybody comes again, and nobody is turned away; returns the chains of the newcomers."""
    newcomers = [Chain(token) for door in doors for token in door.tokens]
    everybody = [*chains, *newcomers]

    async def come(some: Sequence[Chain]) -> None:
        async with Wire(server["http"], server.auth) as wire:
            for chain in some:
                await chain.step(wire, loupe)
                assert chain.acknowledged == list(range(1, chain.generation + 1))

    await asyncio.gather(*(come(everybody[at::CHAINS]) for at in range(CHAINS)))
    assert all(chain.generation > 0 for chain in chains)
    assert len(newcomers) > DOORS
    return newcomers


@pytest.mark.parametrize("kind", DATABASES[:2])
async def test_nothing_acknowledged_is_lost_and_nobody_locked_out(
    tmp_path: Path, kind: str
) -> None:
    dice, kills = random.Random(SEED), KILLS if kind == SQLITE else DATABASE_KILLS
    database = await fresh_database(kind, tmp_path)
    chains: list[Chain] = []
    doors = [Door(f"door-{number}") for number in range(DOORS)]
    for _ in range(kills):
        with running_dev(tmp_path, "--database", database, forked=False) as server:
            chains = chains or await new_chains(server)
            kill = partial(server.process.send_signal, signal.SIGKILL)
            everybody: list[Chain | Door] = [*chains, *doors]
            await load_until(kill, server, everybody, Loupe(tmp_path), dice.uniform(0.05, 0.6))
    with running_dev(tmp_path, "--database", database, forked=False) as server:
        loupe = Loupe(tmp_path)
        newcomers = await go_on(server, chains, doors, loupe)
    assert sum(chain.unanswered for chain in chains) == kills * CHAINS
    check_what_is_told([*chains, *newcomers], database, loupe)


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_nothing_acknowledged_is_lost_when_the_database_is_killed(
    tmp_path: Path, isolation: str
) -> None:
    """The server lives on, says 503, and finds its way back by itself."""
    dice, postgres = random.Random(SEED), PostgresServer(configuration=DURABLE)
    try:
        database = postgres.new_database(isolation)
        with running_dev(tmp_path, "--database", database, forked=False) as server:
            loupe, chains = Loupe(tmp_path), await new_chains(server)
            doors = [Door(f"door-{number}") for number in range(DOORS)]
            for _ in range(DATABASE_KILLS):
                everybody: list[Chain | Door] = [*chains, *doors]
                await load_until(postgres.kill, server, everybody, loupe, dice.uniform(0.2, 0.9))
                postgres.start()
            newcomers = await go_on(server, chains, doors, loupe)
            assert sum(chain.unanswered for chain in chains) == DATABASE_KILLS * CHAINS
            check_what_is_told([*chains, *newcomers], database, loupe)
    finally:
        postgres.stop()


def check_what_is_told(chains: Sequence[Chain], database: str, loupe: Loupe) -> None:
    """The audit trail tells of each generation once."""
    told: dict[UUID, list[int]] = {}
    query = "SELECT session_id, generation FROM events WHERE kind = 'refreshed' ORDER BY generation"
    if database.startswith("sqlite:///"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
            rows = [(UUID(bytes=who), number) for who, number in connection.execute(query)]
    else:
        rows = execute(database, query)
    for session, generation in rows:
        told.setdefault(session, []).append(generation)
    for chain in chains:
        session = loupe.refresh_token(chain.token).sid
        assert told[session] == list(range(1, chain.generation + 1))
