"""One fault is disarmed, and the others stay."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.http.answer_contract import plain
from tests.kit.controlled_server import Controlled, a_controlled
from tests.kit.service import said

REFRESHING: Final = "refresh-subscriber-token"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with a_controlled(tmp_path) as server:
        yield server


async def test_one_fault_is_disarmed_and_says_what_was_left_of_it(server: Controlled) -> None:
    armed = await server.arm(kind="refuse", status=503, operation=REFRESHING, times=2)
    other = await server.arm(kind="refuse", status=500, operation=REFRESHING)
    plain(await server.refresh("x"), 503)
    disarmed = said(await server.dev("DELETE", f"/faults/{armed['id']}"), 200)
    assert disarmed == {**armed, "left": 1}
    plain(await server.dev("DELETE", f"/faults/{armed['id']}"), 404)
    assert (await server.state())["faults"] == [other]
    plain(await server.refresh("x"), 500)
    plain(await server.dev("DELETE", f"/faults/{other['id']}"), 404)  # it applied to its request
