"""The table of the rotation rules over HTTP, cell by cell: the machine may miss one."""

from itertools import product
from pathlib import Path

import httpx
import pytest

from tests.kit.service import a_service, said
from tests.properties.rotation_model import End, Generation, MetricFamily

AGES = [-11, -10, 0, 1, 4, 5, 6, 9, 10, 11, 59, 60, 61, 600, 601, 7200, 7499, 7500, 87_000]


@pytest.mark.parametrize("cap", [600, 0, 5, 10, 60, 7200])
async def test_every_cell_of_the_table_is_answered_as_written(tmp_path: Path, cap: int) -> None:
    async with a_service(tmp_path, replay_seconds=cap) as server:
        for number, (used, age, behind) in enumerate(product([False, True], AGES, range(4))):
            cell = f"cap={cap} used={used} age={age} behind={behind}"
            began = server.clock.now()
            pairs = [await server.sign_in(f"user{number}", expire_at=began + 86_400)]
            model = MetricFamily(float("inf"), [Generation(began, began + 86_400)])
            for generation in range(3):
                pairs.append(await server.rotate(pairs[-1]["refresh_token"]))
                assert model.present(generation, began, cap) is End.ROTATED
            if used:
                said(await server.info(pairs[3]["token"]), 200)
                assert model.use(3, began)
            server.clock.advance(age)
            for generation in (3 - behind, 3):
                expected = model.present(generation, server.clock.now(), cap)
                answer = await server.refresh(pairs[generation]["refresh_token"])
                assert (answer.status_code, code_of(answer)) == told(expected), (cell, expected)


def code_of(answer: httpx.Response) -> str | None:
    if answer.status_code != 422:
        return None
    (error,) = answer.json()["errors"]
    return str(error["code"])


def told(end: End) -> tuple[int, str | None]:
    """Status and code of the answer; a thief is told nothing more than that it is invalid."""
    match end:
        case End.ROTATED | End.REPLAYED:
            return 201, None
        case End.GONE:
            return 404, None
        case End.EXPIRED | End.EXPIRED_REUSE:
            return 422, "token_expired"
        case _:
            return 422, "token_invalid"
