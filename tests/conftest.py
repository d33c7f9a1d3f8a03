"""What every test file may use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.kit.service import Server, a_service
from tests.kit.skips import pytest_terminal_summary  # noqa: F401 - a hook of pytest

# A slow machine is no failure. A server that is made once serves all examples of a test.
settings.register_profile(
    "satmint",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("satmint")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A whole server; see `tests.kit.service`. Ask `a_service` for one with other settings."""
    async with a_service(tmp_path) as server:
        yield server
