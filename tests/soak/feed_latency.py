"""How soon the feeds of other nodes tell of a revocation: from its answer to its event.

The servers are processes of their own. Each project has a driver, which makes what it then ends at
the first server, and listeners at the last one. With one server of several workers, there are so
many listeners that each worker has some, and the last of them counts.
"""

import asyncio
import itertools
import json
import random
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import httpx

from tests.soak.deployment import MAIN, Deployment
from tests.soak.waiting import let_pass

PATIENCE_SECONDS: Final = 30.0
JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
"""The thumbprint of the example of RFC 7638, section 3.1."""
_LISTENERS_OF_WORKERS: Final = 6
_PAUSE_SECONDS: Final = 0.25
"""Revocations come at any moment between two polls."""
_TOKENS: Final = "/api/fabric/subscribers/tokens"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Topology:
    """Which processes there are."""

    name: str
    servers: int
    workers: int

    @property
    def listeners(self) -> int:
        """Of each project."""
        return _LISTENERS_OF_WORKERS if self.servers == 1 else 1


TWO_WORKERS: Final = Topology("2 workers", 1, 2)
TWO_NODES: Final = Topology("2 nodes", 2, 1)


@dataclass(slots=True)
class FeedLatencies:
    """How long it took, in seconds, by what ended."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def all(self) -> list[float]:
        """Of everything."""
        return [one for some in self.seconds.values() for one in some]

    @property
    def summary(self) -> str:
        """For people."""
        every = self.all
        return f"{len(every)}, median {median(every):.3f} s, worst {max(every):.3f} s"


class FeedClient:
    """A listener at one server: when it was told of each id first."""

    def __init__(self, url: str, authorization: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": authorization}, timeout=PATIENCE_SECONDS
        )
        self._told: dict[str, asyncio.Future[float]] = {}
        self.began = asyncio.Event()

    async def read(self) -> None:
        """Read until cancelled."""
        async with self._client, self._client.stream("GET", "/api/satmint/revocations") as answer:
            answer.raise_for_status()
            event = ""
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                    self.began.set()
                elif name == "data" and event == "revoked":
                    told = self.told(json.loads(value)["id"])
                    if not told.done():
                        told.set_result(perf_counter())
        raise AssertionError("the feed has ended")

    def told(self, identifier: str) -> asyncio.Future[float]:
        """When this client was told of an id."""
        return self._told.setdefault(identifier, asyncio.get_running_loop().create_future())

    def forget(self, identifier: str) -> None:
        """Wait for the next event with an id."""
        self._told.pop(identifier, None)


class Driver:
    """A project's backend."""

    def __init__(self, client: httpx.AsyncClient, project: str) -> None:
        self.client = client
        self.project = project
        self.names = itertools.count()

    async def post(self, path: str, body: Json, *statuses: int) -> Json:
        """The answer to a POST, which has to have one of these statuses."""
        answer = await self.client.post(path, json=body)
        assert answer.status_code in (statuses or (200, 201)), answer.text
        return dict(answer.json())

    async def delete(self, path: str) -> None:
        """Delete something."""
        answer = await self.client.delete(path)
        assert answer.status_code in (200, 204), answer.text

    async def sign_in(self, **more: str) -> tuple[Json, Json]:
        """A new session: its pair, and what introspection says of it."""
        pair = await self.post(_TOKENS, {"reference": f"user-{next(self.names)}", **more})
        token = pair["token"]
        return pair, await self.post("/api/satmint/tokens/introspect", {"token": token})


End = Callable[[], Awaitable[object]]
Prepare = Callable[[Driver], Awaitable[tuple[str, End]]]


async def _token(driver: Driver) -> tuple[str, End]:
    pair, known = await driver.sign_in()
    body = {"token": pair["token"]}
    return known["session_id"], lambda: driver.post("/api/satmint/tokens/revoke", body)


async def _session(driver: Driver) -> tuple[str, End]:
    _, known = await driver.sign_in()
    path = f"/api/satmint/sessions/{known['session_id']}"
    return known["session_id"], lambda: driver.delete(path)


async def _key(driver: Driver) -> tuple[str, End]:
    _, known = await driver.sign_in(fingerprint=JKT, scope="sat:refresh")
    path = f"/api/satmint/subscribers/{known['sub']}/sessions?fingerprint={JKT}"
    return known["sub"], lambda: driver.delete(path)


async def _subscriber(driver: Driver) -> tuple[str, End]:
    _, known = await driver.sign_in()
    path = f"/api/satmint/subscribers/{known['sub']}/sessions"
    return known["sub"], lambda: driver.delete(path)


async def _project(driver: Driver) -> tuple[str, End]:
    await driver.sign_in()
    return driver.project, lambda: driver.delete("/api/satmint/sessions")


async def _address(driver: Driver) -> tuple[str, End]:
    body = {"name": f"address-{next(driver.names)}", "type": "app"}
    address = (await driver.post("/api/satmint/addresses", body))["id"]
    return address, lambda: driver.delete(f"/api/satmint/addresses/{address}")


async def _reuse(driver: Driver) -> tuple[str, End]:
    pair, known = await driver.sign_in()
    refresh, newest = f"{_TOKENS}/refresh", pair
    for _ in range(2):
        newest = await driver.post(refresh, {"refresh_token": newest["refresh_token"]})
    body = {"refresh_token": pair["refresh_token"]}
    return known["session_id"], lambda: driver.post(refresh, body, 422)


ENDINGS: Final[Mapping[str, Prepare]] = {
    "token": _token,
    "session": _session,
    "key": _key,
    "subscriber": _subscriber,
    "project": _project,
    "address": _address,
    "reuse": _reuse,
}
"""What ends, by name: makes it, and says its id and how to end it."""


async def feed_latencies(
    folder: Path, database: str, topology: Topology, rounds: int, projects: int = 4
) -> FeedLatencies:
    """Start servers, and measure.

    Args:
        folder: An empty one.
        database: The URL of an empty database.
        topology: The processes.
        rounds: How often each ending is tried in each project.
        projects: How many of them there are at the same time.
    """
    names = (MAIN, *(f"project-{number}" for number in range(1, projects)))
    clocks = (None,) * topology.servers
    deployment = await Deployment.make(folder, database, topology.workers, names, clocks=clocks)
    found = FeedLatencies()
    await deployment.start()
    try:
        tenants = list(deployment.tenants.values())
        async with asyncio.timeout(PATIENCE_SECONDS + 10 * rounds * len(ENDINGS)):
            await asyncio.gather(
                *(
                    _drive(deployment, tenant, topology, rounds, found, random.Random(number))
                    for number, tenant in enumerate(tenants)
                )
            )
    finally:
        deployment.stop()
    return found


async def _drive(
    deployment: Deployment,
    authorization: str,
    topology: Topology,
    rounds: int,
    found: FeedLatencies,
    dice: random.Random,
) -> None:
    async with (
        _listening(deployment.servers[-1].url, authorization, topology.listeners) as listeners,
        httpx.AsyncClient(
            base_url=deployment.servers[0].url,
            headers={"Authorization": authorization},
            timeout=PATIENCE_SECONDS,
        ) as client,
    ):
        driver = Driver(client, _project_of(authorization))
        for _ in range(rounds):
            for name, prepare in ENDINGS.items():
                identifier, end = await prepare(driver)
                await let_pass(dice.uniform(0, _PAUSE_SECONDS))
                for one in listeners:
                    one.forget(identifier)
                await end()
                acknowledged = perf_counter()
                told = await asyncio.gather(*(one.told(identifier) for one in listeners))
                found.seconds.setdefault(name, []).append(max(0.0, max(told) - acknowledged))


@asynccontextmanager
async def _listening(
    url: str, authorization: str, count: int
) -> AsyncIterator[Sequence[FeedClient]]:
    async with asyncio.TaskGroup() as group:
        clients = [FeedClient(url, authorization) for _ in range(count)]
        reading = [group.create_task(one.read()) for one in clients]
        for one in clients:
            await one.began.wait()
        try:
            yield clients
        finally:
            for task in reading:
                task.cancel()


def _project_of(authorization: str) -> str:
    return b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[0]
