"""A clock that is moved: everything that tells the time goes by it, to the second."""

from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import pytest

from satmint.control.clock import EARLIEST, LATEST, MovableClock
from satmint.model.claims import TokenType
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_TOKEN_GRACE_SECONDS
from tests.http.answer_contract import field_errors as faults
from tests.http.answer_contract import invalid, plain
from tests.kit.clock import NOW, FrozenClock
from tests.kit.controlled_server import Controlled, a_controlled
from tests.kit.service import Json, said

EXPIRED: Final = [("token_expired", "Token has expired.", "refresh_token")]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with a_controlled(tmp_path) as server:
        yield server


def clock(now: int, offset: int, *, frozen: bool = False) -> Json:
    return {"now": now, "offset": offset, "frozen": frozen}


# --- what goes by it -----------------------------------------------------------------------------


async def test_token_is_good_until_its_last_second_and_dead_on_its_expiry(
    server: Controlled,
) -> None:
    pair = await server.sign_in()
    await server.move(advance=ACCESS_SECONDS - 1)
    assert (await server.info(pair["token"])).status_code == 200
    await server.move(advance=1)
    plain(await server.info(pair["token"]), 401)
    await server.move(advance=1)
    plain(await server.info(pair["token"]), 401)
    await server.move(advance=-2)
    assert (await server.info(pair["token"])).status_code == 200


@pytest.mark.parametrize(("late", "good"), [(-1, True), (0, False), (1, False)])
async def test_refresh_token_dies_five_minutes_later_to_the_second(
    server: Controlled, late: int, good: bool
) -> None:
    pair = await server.sign_in()
    await server.move(advance=ACCESS_SECONDS + REFRESH_TOKEN_GRACE_SECONDS + late)
    answer = await server.refresh(pair["refresh_token"])
    if good:
        assert server.claims(said(answer, 201)["token"]).iat == NOW + 7200 + 300 + late
    else:
        assert faults(answer) == EXPIRED


async def test_everything_that_tells_the_time_tells_the_same(server: Controlled) -> None:
    await server.move(set=2_000_000_000)
    answer = await server.client.get("/livez")
    assert answer.headers.get_list("date") == [formatdate(2_000_000_000, usegmt=True)]
    pair = await server.sign_in()
    claims = server.claims(pair["refresh_token"], TokenType.REFRESH)
    assert (claims.iat, claims.exp) == (2_000_000_000, 2_000_000_000 + 7500)
    events = await server.client.get("/api/satmint/events?page_size=1", auth=server.tenant.auth)
    assert said(events, 200)["data"][0]["at"] == "2033-05-18T03:33:20Z"
    assert [call["at"] for call in (await server.state())["calls"]] == [2_000_000_000] * 2
    past = {"reference": "x", "expire_at": 2_000_000_000}
    refused = await server.client.post(
        "/api/fabric/subscribers/tokens", json=past, auth=server.tenant.auth
    )
    assert faults(refused) == [
        invalid("Expire At must be greater than 2000000000", "expire_at"),
    ]


async def test_limit_per_minute_renews_itself_as_the_clock_goes(tmp_path: Path) -> None:
    async with a_controlled(tmp_path, embeds_per_minute=1) as server:
        _, c2c = await server.c2c_token()
        statuses = []
        for seconds in (0, 59, 1):
            await server.move(advance=seconds)
            answer = await server.client.post("/api/fabric/embeds/tokens", json={"token": c2c})
            statuses.append(answer.status_code)
        assert statuses == [201, 429, 201]


async def test_clock_that_is_set_back_leaves_what_was_issued_ahead(server: Controlled) -> None:
    """Nothing looks at `iat`: a day that was gone back on must not sign anybody out."""
    await server.move(advance=86_400)
    pair = await server.sign_in()
    assert (await server.dev("DELETE", "/clock")).status_code == 204
    assert (await server.info(pair["token"])).status_code == 200
    assert server.claims((await server.rotate(pair["refresh_token"]))["token"]).iat == NOW


# --- how it is moved -----------------------------------------------------------------------------


async def test_clock_runs_on_from_where_it_was_moved_to(server: Controlled) -> None:
    assert (await server.state())["clock"] == clock(NOW, 0)
    assert await server.move(advance=100) == clock(NOW + 100, 100)
    assert await server.move(advance=-30) == clock(NOW + 70, 70)
    server.clock.advance(5)
    assert (await server.state())["clock"] == clock(NOW + 75, 70)
    assert await server.move(set=1_800_000_000) == clock(1_800_000_000, 1_800_000_000 - NOW - 5)
    assert (await server.dev("DELETE", "/clock")).status_code == 204
    assert (await server.state())["clock"] == clock(NOW + 5, 0)


async def test_clock_stands_still_until_it_is_told_to_go_on(server: Controlled) -> None:
    assert await server.move(frozen=True) == clock(NOW, 0, frozen=True)
    server.clock.advance(10)
    assert (await server.state())["clock"] == clock(NOW, -10, frozen=True)
    assert await server.move(advance=60) == clock(NOW + 60, 50, frozen=True)
    assert await server.move(frozen=True, set=1_800_000_000) == clock(
        1_800_000_000, 1_800_000_000 - NOW - 10, frozen=True
    )
    assert await server.move(frozen=False, set=NOW) == clock(NOW, -10)
    server.clock.advance(1)
    assert await server.move(frozen=False) == clock(NOW + 1, -10)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (
            {},
            [
                (
                    "missing_required_parameter",
                    "Required parameter is missing: one of advance, set, frozen",
                    None,
                )
            ],
        ),
        (
            {"set": NOW, "advance": 1},
            [invalid("Set cannot be combined with advance", "set")],
        ),
        (
            {"advance": True, "set": "1", "frozen": 1, "now": 5},
            [
                invalid("Advance must be an integer", "advance"),
                invalid("Set must be an integer", "set"),
                invalid("Frozen must be true or false", "frozen"),
                invalid("Now is not a known parameter", "now"),
                invalid("Set cannot be combined with advance", "set"),
            ],
        ),
        (
            {"set": EARLIEST - 1},
            [invalid(f"Set must be from {EARLIEST} to {LATEST}", "set")],
        ),
        ({"set": LATEST + 1}, [invalid(f"Set must be from {EARLIEST} to {LATEST}", "set")]),
        (
            {"advance": LATEST - NOW + 1},
            [invalid("Advance must keep the clock in the years 2000 to 2099", "advance")],
        ),
        (
            {"advance": EARLIEST - NOW - 1},
            [invalid("Advance must keep the clock in the years 2000 to 2099", "advance")],
        ),
        (
            {"advance": 10**30},
            [invalid("Advance must be from -3155759999 to 3155759999", "advance")],
        ),
    ],
)
async def test_move_that_makes_no_sense_moves_nothing(
    server: Controlled, body: Json, wrong: list[Any]
) -> None:
    assert faults(await server.dev("POST", "/clock", body)) == wrong
    assert (await server.state())["clock"] == clock(NOW, 0)


@pytest.mark.parametrize("at", [EARLIEST, LATEST])
async def test_at_both_ends_of_time_everything_works(server: Controlled, at: int) -> None:
    await server.move(set=at)
    pair = await server.rotate((await server.sign_in())["refresh_token"])
    assert (await server.info(pair["token"])).status_code == 200
    listed = await server.client.get("/api/satmint/events", auth=server.tenant.auth)
    assert listed.status_code == 200


# --- the clock by itself -------------------------------------------------------------------------


def test_clock_that_was_frozen_twice_stands_where_it_stood_first() -> None:
    machine = FrozenClock()
    moved = MovableClock(machine)
    moved.freeze()
    machine.advance(3)
    moved.freeze()
    assert (moved.now(), moved.offset, moved.frozen) == (NOW, -3, True)


def test_reset_forgets_both_the_offset_and_the_standing_still() -> None:
    machine = FrozenClock()
    moved = MovableClock(machine)
    moved.set(5)
    moved.freeze()
    moved.reset()
    machine.advance(1)
    assert (moved.now(), moved.offset, moved.frozen) == (NOW + 1, 0, False)
