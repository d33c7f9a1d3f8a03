"""A crowd at one door: many callers present one token, or one new name, at the same moment."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kit.databases import DATABASES, SQLITE, fresh_database
from tests.kit.dev import DevServer, running_dev
from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE, REFRESH, Wire

CALLERS: Final = 32
ROUNDS: Final = int(os.environ.get("SATMINT_TEST_CROWD_ROUNDS", "300"))
FEWER: Final = 3
"""On PostgreSQL, where a round takes longer, one of so many rounds is played."""


@pytest.fixture(scope="module", params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(kind.partition(",")[0])


@pytest.fixture(scope="module")
def server(kind: str, folder: Path) -> Iterator[DevServer]:
    database = asyncio.run(fresh_database(kind, folder))
    with running_dev(folder, "--database", database) as running:
        yield running


def wires(server: DevServer, count: int) -> list[Wire]:
    return [Wire(server["http"], server.auth) for _ in range(count)]


async def test_thirty_two_concurrent_refreshes_of_one_token_make_one_generation(
    server: DevServer, folder: Path, kind: str
) -> None:
    crowd, loupe = wires(server, CALLERS), Loupe(folder)
    token = await crowd[0].issue("crowd@example.com")
    rounds = ROUNDS if kind == SQLITE else ROUNDS // FEWER
    for generation in range(1, rounds + 1):
        answers = await asyncio.gather(
            *(wire.post(REFRESH, {"refresh_token": token}) for wire in crowd)
        )
        assert {status for status, _, _ in answers} == {201}
        pairs = [pair for _, _, pair in answers]
        sats = {loupe.sat(pair["token"]) for pair in pairs}
        refresh_tokens = {loupe.refresh_token(pair["refresh_token"]) for pair in pairs}
        assert len(sats) == len(refresh_tokens) == 1
        assert {claims.gen for claims in sats | refresh_tokens} == {generation}
        # Equivalent, and yet no two are the same text: every sealing has an IV of its own.
        assert len({pair["token"] for pair in pairs}) == CALLERS
        token = pairs[generation % CALLERS]["refresh_token"]
    for wire in crowd:
        wire.close()


async def test_fifty_callers_of_one_new_reference_create_one_subscriber(
    server: DevServer,
) -> None:
    crowd = wires(server, 50)
    answers = await asyncio.gather(
        *(wire.post(ISSUE, {"reference": "newcomer@example.com"}) for wire in crowd)
    )
    assert {status for status, _, _ in answers} == {200}
    assert len({answer["subscriber_id"] for _, _, answer in answers}) == 1
    assert len({answer["refresh_token"] for _, _, answer in answers}) == 50
    for wire in crowd:
        wire.close()


async def test_concurrent_refreshes_of_different_generations_never_make_two_heads(
    server: DevServer, folder: Path
) -> None:
    crowd, loupe = wires(server, CALLERS), Loupe(folder)
    tokens = [await crowd[0].issue("ages@example.com")]
    for _ in range(3):
        _, _, pair = await crowd[0].post(REFRESH, {"refresh_token": tokens[-1]})
        tokens.append(pair["refresh_token"])
    answers: list[tuple[int, dict[str, str], Any]] = await asyncio.gather(
        *(
            wire.post(REFRESH, {"refresh_token": tokens[number % len(tokens)]})
            for number, wire in enumerate(crowd)
        )
    )
    # An old token among them is reuse: from then on nothing more is given out.
    given = {loupe.sat(pair["token"]) for status, _, pair in answers if status == 201}
    assert {status for status, _, _ in answers} <= {201, 422}
    assert {claims.gen for claims in given} <= {3, 4}
    assert len(given) == len({claims.gen for claims in given})
    status, _, refused = await crowd[0].post(REFRESH, {"refresh_token": tokens[-1]})
    assert (status, refused["errors"][0]["code"]) == (422, "token_invalid")
    for wire in crowd:
        wire.close()
