"""What every test file may use."""

import gc
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from satmint.flows import passwords
from satmint.server import listening
from tests.kit.databases import DATABASES, fresh_database
from tests.kit.service import Server, a_service
from tests.kit.skip_summary import pytest_terminal_summary  # noqa: F401 - a hook of pytest

# A slow machine is no failure. A server that is made once serves all examples of a test.
settings.register_profile(
    "satmint",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("satmint")

_PRODUCTION_HASHER: Final = passwords._hasher


def pytest_collection_finish() -> None:
    """Leave modules and collected tests, a million objects, out of garbage collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _one_ssl_context() -> Iterator[None]:
    """Have HTTP clients share what they trust: each would read all of the system's certificates.

    That takes a client 60 ms, and most of them speak plain HTTP.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context)
        )
        yield


@pytest.fixture(autouse=True, scope="session")
def _short_grace() -> Iterator[None]:
    """Have servers in this process wait for the last requests of idle clients for a moment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listening, "_IDLE_GRACE_SECONDS", 0.02)
        yield


@pytest.fixture(autouse=True, scope="session")
def _cheap_password_hash() -> Iterator[None]:
    """Hash passwords in no time: 64 MiB and 200 ms of CPU each are what they cost in production.

    A test of the hash itself asks for `password_hash_of_production`.
    """
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_hasher", lambda: cheap)
        yield


@pytest.fixture
def password_hash_of_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as in production, in this test."""
    monkeypatch.setattr(passwords, "_hasher", _PRODUCTION_HASHER)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A whole server; see `tests.kit.service`. Ask `a_service` for one with other settings."""
    async with a_service(tmp_path) as server:
        yield server


@pytest.fixture(params=DATABASES)
async def server_on_each_store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Server]:
    """The same, on each of the stores in turn."""
    database = await fresh_database(request.param, tmp_path)
    async with a_service(tmp_path, database=database) as server:
        yield server
