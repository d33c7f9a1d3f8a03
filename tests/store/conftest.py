"""The suite for the contract of `satmint.store.contract.Store`, run against every store there is.

Another store is one more entry in `DATABASES`: how to open a fresh database of its kind, as often
as a test likes. Everything in this folder but the files named for a store must then pass.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from satmint.store.contract import Store
from satmint.store.postgres import PostgresLimits, open_postgres
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW
from tests.kit.databases import fresh_file
from tests.kit.emptying import emptied
from tests.kit.pgbouncer import the_pgbouncer
from tests.kit.postgres import CLUSTER, ISOLATIONS, the_server
from tests.store.store_setup import Given

Open = Callable[[], AbstractAsyncContextManager[Store]]
"""Opens one and the same database, each time as a process of its own would."""


Make = Callable[[Path], Iterator[Open]]


def sqlite_database(folder: Path) -> Iterator[Open]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        store = await open_sqlite(fresh_file(folder / "satmint.db"), NOW)
        try:
            yield store
        finally:
            await store.close()

    yield opened


def server_database(
    direct: str, url: str | None = None, limits: PostgresLimits | None = None
) -> Iterator[Open]:
    """A database that tests share, one after the other, and which is emptied before it is opened.

    Args:
        direct: Its URL.
        url: The one by which it is opened, if it is another.
        limits: Of its connections.
    """
    fresh = True

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        nonlocal fresh
        if fresh:
            await emptied(direct)
            fresh = False
        store = await open_postgres(url or direct, NOW, limits=limits or PostgresLimits())
        try:
            yield store
        finally:
            await store.close()

    yield opened


def postgres_database(isolation: str) -> Make:
    return lambda _folder: server_database(the_server().shared_database(isolation))


def pooled_database(_folder: Path) -> Iterator[Open]:
    bouncer, direct = the_pgbouncer(), the_server().shared_database(ISOLATIONS[0])
    return server_database(direct, bouncer.url(direct), PostgresLimits(pooler=True))


def cluster_database(url: str) -> Make:
    """A Citus cluster of somebody else's, whose database belongs to the tests."""
    return lambda _folder: server_database(url)


POOLED: Final = "pgbouncer"
POOLED_FILES: Final = ("test_rotation.py", "test_presence.py", "test_revocation_events.py")
"""What also runs behind PgBouncer in every run; with `SATMINT_TEST_POOLER=all`, everything does."""

DATABASES: dict[str, Make] = {
    "sqlite": sqlite_database,
    POOLED: pooled_database,
    **{f"postgres, {isolation}": postgres_database(isolation) for isolation in ISOLATIONS},
    **({"citus": cluster_database(CLUSTER)} if CLUSTER else {}),
}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests that no cluster passes."""
    config.addinivalue_line("markers", "not_on_cluster(reason): what it tests, a cluster does not")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `SATMINT_TEST_POOLER=all` asks for, and what no cluster does."""
    pooled = os.environ.get("SATMINT_TEST_POOLER") == "all"
    left_out = [
        item
        for item in items
        if (not pooled and f"[{POOLED}" in item.name and item.path.name not in POOLED_FILES)
        or ("[citus" in item.name and item.get_closest_marker("not_on_cluster"))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    yield from DATABASES[request.param](tmp_path)


@pytest.fixture
async def store(database: Open) -> AsyncIterator[Store]:
    async with database() as opened:
        yield opened


@pytest.fixture
async def given(store: Store) -> Given:
    return Given(store)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An SQLite database without a row."""
    return fresh_file(tmp_path / "satmint.db")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections to SQLite files that are opened from now on, in order."""
    found: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def note(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - all of them
        found.append(connect(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(sqlite3, "connect", note)
    return found
