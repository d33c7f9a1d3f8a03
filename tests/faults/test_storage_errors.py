"""A disk that is full, and a database that another process holds: 503, and nothing is lost."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite import open_sqlite
from tests.kit.dev import DevServer, running_dev
from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE, REFRESH, Wire

UNAVAILABLE: Final = {"error": "Service Unavailable"}

HOLD: Final = """\
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
database.execute("ROLLBACK")
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    with running_dev(tmp_path) as running:
        yield running


@contextmanager
def no_room(server: DevServer) -> Iterator[None]:
    """No file of the server can grow past what it is, as on a full disk."""
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def held_by_another_process(database: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        if holder.poll() is None:
            holder.communicate("\n")


def rows(database: Path) -> dict[str, int]:
    with sqlite3.connect(database) as connection:
        tables = ("subscribers", "addresses", "sessions", "events")
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        }
    connection.close()
    return counts


def file_of(server: DevServer) -> Path:
    return Path(server["database"].removeprefix("sqlite:///"))


async def test_full_disk_refuses_with_503_and_loses_nothing(
    server: DevServer, tmp_path: Path
) -> None:
    loupe = Loupe(tmp_path)
    async with Wire(server["http"], server.auth) as wire:
        token = await wire.issue("full@example.com")
        before = rows(file_of(server))
        with no_room(server):
            for body, path in (
                ({"refresh_token": token}, REFRESH),
                ({"reference": "another@example.com"}, ISSUE),
            ):
                status, headers, answer = await wire.post(path, body)
                assert (status, answer) == (503, UNAVAILABLE)
                assert int(headers["retry-after"]) > 0
            # What needs no room goes on.
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{server['http']}/readyz")).status_code == 200
        assert rows(file_of(server)) == before
        status, _, pair = await wire.post(REFRESH, {"refresh_token": token})
        assert status == 201
        assert loupe.sat(pair["token"]).gen == 1
        status, _, _ = await wire.post(REFRESH, {"refresh_token": pair["refresh_token"]})
        assert status == 201


async def test_crowd_on_a_full_disk_is_refused_and_all_go_on_afterwards(
    server: DevServer,
) -> None:
    wires = [Wire(server["http"], server.auth) for _ in range(16)]
    tokens = [await wire.issue(f"crowd-{number}") for number, wire in enumerate(wires)]
    steps = [(wire, {"refresh_token": token}) for wire, token in zip(wires, tokens, strict=True)]
    with no_room(server):
        answers = await asyncio.gather(*(wire.post(REFRESH, body) for wire, body in steps))
        assert {status for status, _, _ in answers} == {503}
    answers = await asyncio.gather(*(wire.post(REFRESH, body) for wire, body in steps))
    assert {status for status, _, _ in answers} == {201}
    for wire in wires:
        wire.close()


async def test_request_waits_for_a_lock_that_is_released_in_time(
    server: DevServer, tmp_path: Path
) -> None:
    async with Wire(server["http"], server.auth) as wire:
        token = await wire.issue("patient@example.com")
        with held_by_another_process(file_of(server)) as holder:
            waiting = asyncio.create_task(wire.post(REFRESH, {"refresh_token": token}))
            # Others are served meanwhile: nothing but that step waits.
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{server['http']}/livez")).status_code == 200
            assert not waiting.done()
            await asyncio.to_thread(holder.communicate, "\n")
            status, _, pair = await waiting
        assert status == 201
        assert Loupe(tmp_path).sat(pair["token"]).gen == 1


async def test_lock_that_is_not_released_ends_in_unavailable_and_nothing_happened(
    tmp_path: Path,
) -> None:
    file = tmp_path / "satmint.db"
    store = await open_sqlite(file, 0, busy_seconds=0.05)
    try:
        with held_by_another_process(file), pytest.raises(StoreUnavailable, match="sqlite_busy"):
            await store.purge(0, 0, 10)
        assert (await store.purge(0, 0, 10)).removed == 0
    finally:
        await store.close()
