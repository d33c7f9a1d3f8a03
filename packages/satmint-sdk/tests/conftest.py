"""What every test file may use: async tests, and a clock with a service on it."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from kit.server import Live, running
from kit.service import FakeTokenService
from satmint_sdk.testing import FakeClock

# No deadline: the machine's speed is not what these tests are about.
settings.register_profile("satmint-sdk", deadline=None)
settings.load_profile("satmint-sdk")

# A shell that runs this in the background ignores SIGINT, and so would the programs of tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, and fail those that leave an error behind which nobody saw."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    unseen: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unseen.append(what))
        await pyfuncitem.obj(**arguments)

    asyncio.run(run())
    assert not unseen, unseen
    return True


@pytest.fixture(autouse=True)
def no_credentials_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment of whoever runs the tests out of them."""
    for name in ("PROJECT_ID", "API_TOKEN", "SPACE", "REST_CA_FILE"):
        monkeypatch.delenv(f"SIGNALWIRE_{name}", raising=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> FakeTokenService:
    return FakeTokenService(clock)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One real server for all tests that ask for it."""
    with running(tmp_path_factory.mktemp("satmint")) as server:
        yield server
