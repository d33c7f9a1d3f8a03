"""Callers who hang up before they are answered: whatever happened, they can come again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.dev import DevServer, running_dev
from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE, REFRESH, Wire


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    with running_dev(tmp_path) as running:
        yield running


async def test_callers_who_never_heard_the_answer_go_on_with_the_token_in_hand(
    server: DevServer, tmp_path: Path
) -> None:
    loupe, crowd = Loupe(tmp_path), [Wire(server["http"], server.auth) for _ in range(20)]
    tokens = await asyncio.gather(
        *(wire.issue(f"hung-up-{number}") for number, wire in enumerate(crowd))
    )
    for generation in range(1, 11):
        bodies = [{"refresh_token": token} for token in tokens]
        callers = list(zip(crowd, bodies, strict=True))
        await asyncio.gather(*(wire.abandon(REFRESH, body) for wire, body in callers))
        answers = await asyncio.gather(*(wire.post(REFRESH, body) for wire, body in callers))
        assert {status for status, _, _ in answers} == {201}
        assert {loupe.sat(pair["token"]).gen for _, _, pair in answers} == {generation}
        tokens = [pair["refresh_token"] for _, _, pair in answers]
    for wire in crowd:
        wire.close()


async def test_sign_ins_that_were_hung_up_on_leave_one_subscriber(server: DevServer) -> None:
    body = {"reference": "impatient@example.com"}
    crowd = [Wire(server["http"], server.auth) for _ in range(20)]
    await asyncio.gather(*(wire.abandon(ISSUE, body) for wire in crowd))
    answers = [await wire.post(ISSUE, body) for wire in crowd]
    assert {status for status, _, _ in answers} == {200}
    assert len({answer["subscriber_id"] for _, _, answer in answers}) == 1
    for wire in crowd:
        wire.close()
