"""The event loops that tests of the server run on, and what they do not wait for."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from satmint.server import listening

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The loop of asyncio, and that of production where a test's marker names both."""
    marker = item.get_closest_marker("asyncio")
    if marker is None or "loop_factories" not in marker.kwargs:
        return {"asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have deadlines noticed soon after they have come, and idle servers stop at once."""
    monkeypatch.setattr(listening, "SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(listening, "_IDLE_GRACE_SECONDS", 0.02)
