"""Sessions that expire early: each token answers as it would at the end of its life."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import pytest

from satmint.model.claims import TokenType
from tests.http.answer_contract import field_errors as faults
from tests.http.answer_contract import invalid, plain
from tests.kit.clock import NOW
from tests.kit.controlled_server import Controlled, a_controlled
from tests.kit.devices import a_browser
from tests.kit.service import Json, said

EXPIRED: Final = [("token_expired", "Token has expired.", "refresh_token")]
INVALID: Final = [("token_invalid", "Token is invalid.", "token")]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with a_controlled(tmp_path) as server:
        yield server


def session_of(server: Controlled, pair: Json) -> UUID:
    return server.claims(pair["token"]).sid


async def active(server: Controlled, token: str) -> bool:
    answer = await server.client.post(
        "/api/satmint/tokens/introspect", json={"token": token}, auth=server.tenant.auth
    )
    return bool(said(answer, 200)["active"])


async def test_expired_session_answers_as_at_the_end_of_its_life(server: Controlled) -> None:
    pair, other = await server.sign_in(), await server.sign_in()
    before = await server.rows()
    assert await server.expire(token=pair["token"]) == {
        "session_id": str(session_of(server, pair)),
        "since": NOW,
        "generation": 0,
        "sat_expires_at": NOW - 301,
        "refresh_token_expires_at": NOW - 1,
    }
    plain(await server.info(pair["token"]), 401)
    assert faults(await server.refresh(pair["refresh_token"])) == EXPIRED
    for name in ("token", "refresh_token"):
        assert await active(server, pair[name]) is False
        # Nobody else has a bad day.
        assert await active(server, other[name]) is True
    await server.settled()
    tables = ("projects", "subscribers", "addresses", "events")
    after = await server.rows()
    assert {name: after[name] for name in tables} == {name: before[name] for name in tables}


async def test_expired_sat_is_healed_by_a_refresh(server: Controlled) -> None:
    first = await server.sign_in()
    await server.expire(token=first["token"], what="sat")
    plain(await server.info(first["token"]), 401)
    second = await server.rotate(first["refresh_token"])
    assert (await server.info(second["token"])).status_code == 200
    plain(await server.info(first["token"]), 401)
    # And the next time as well.
    await server.expire(token=second["token"], what="sat")
    plain(await server.info(second["token"]), 401)
    third = await server.rotate(second["refresh_token"])
    assert (await server.info(third["token"])).status_code == 200


@pytest.mark.parametrize(("late", "good"), [(-1, True), (0, False), (1, False)])
async def test_refresh_token_of_an_expired_sat_has_its_five_minutes(
    server: Controlled, late: int, good: bool
) -> None:
    pair = await server.sign_in()
    await server.expire(token=pair["token"], what="sat")
    server.clock.advance(300 + late)
    answer = await server.refresh(pair["refresh_token"])
    assert answer.status_code == (201 if good else 422)
    if not good:
        assert faults(answer) == EXPIRED


async def test_expiry_never_makes_a_token_live_longer(server: Controlled) -> None:
    pair = await server.sign_in(expire_at=NOW + 10)
    server.clock.advance(200)
    await server.expire(token=pair["refresh_token"], what="sat")
    server.clock.advance(110)
    assert faults(await server.refresh(pair["refresh_token"])) == EXPIRED


async def test_of_two_expiries_the_earlier_counts(server: Controlled) -> None:
    pair = await server.sign_in()
    await server.expire(token=pair["token"])
    await server.expire(token=pair["token"], what="sat")
    assert faults(await server.refresh(pair["refresh_token"])) == EXPIRED
    assert [one["sat_expires_at"] for one in (await server.state())["expired"]] == [NOW - 301, NOW]


async def test_answer_lost_before_its_sat_expired_is_had_again_and_refreshed_once_more(
    server: Controlled,
) -> None:
    """The pair that comes again is as old as the one that was lost."""
    first = await server.sign_in()
    await server.rotate(first["refresh_token"])
    await server.expire(session_id=str(session_of(server, first)), what="sat")
    again = await server.rotate(first["refresh_token"])
    plain(await server.info(again["token"]), 401)
    fresh = await server.rotate(again["refresh_token"])
    assert server.claims(fresh["token"]).gen == 2
    assert (await server.info(fresh["token"])).status_code == 200


async def test_naming_a_session_by_a_token_is_no_use_of_it(server: Controlled) -> None:
    """Or it would turn the next lost answer into a theft."""
    first = await server.sign_in()
    second = await server.rotate(first["refresh_token"])
    server.clock.advance(60)
    row = await server.row_of_session(session_of(server, first))
    for token in (first["token"], first["refresh_token"], second["token"]):
        await server.expire(token=token, what="sat")
    assert await server.row_of_session(session_of(server, first)) == row
    assert server.claims((await server.rotate(first["refresh_token"]))["token"]).gen == 1


async def test_session_is_found_by_its_id_and_by_a_token_that_expired_long_ago(
    server: Controlled,
) -> None:
    pair = await server.sign_in()
    session = str(session_of(server, pair))
    assert (await server.expire(session_id=session))["session_id"] == session
    server.clock.advance(7200)
    assert (await server.expire(token=pair["token"]))["session_id"] == session


async def test_revoked_session_is_revoked_whatever_expires(server: Controlled) -> None:
    pair = await server.sign_in()
    revoke = "/api/satmint/tokens/revoke"
    answer = await server.client.post(
        revoke, json={"token": pair["token"]}, auth=server.tenant.auth
    )
    assert said(answer, 200) == {"revoked_sessions": 1}
    await server.expire(token=pair["token"], what="sat")
    assert faults(await server.refresh(pair["refresh_token"])) == [
        ("token_invalid", "Token is invalid.", "refresh_token")
    ]


async def test_guests_and_visitors_expire_as_well(server: Controlled) -> None:
    _, c2c = await server.c2c_token()
    embedded = said(await server.client.post("/api/fabric/embeds/tokens", json={"token": c2c}), 201)
    assert (await server.info(embedded["token"])).status_code == 200
    await server.expire(token=embedded["token"])
    plain(await server.info(embedded["token"]), 401)


async def test_good_day_again_makes_good_what_was_only_read_as_expired(server: Controlled) -> None:
    pair = await server.sign_in()
    await server.expire(token=pair["token"])
    await server.arm(kind="lose_answer")
    await server.move(advance=60, frozen=True)
    assert (await server.dev("DELETE")).status_code == 204
    assert await server.state() == {
        "clock": {"now": NOW, "offset": 0, "frozen": False},
        "faults": [],
        "expired": [],
        "calls": [],
    }
    assert (await server.info(pair["token"])).status_code == 200
    assert server.claims((await server.rotate(pair["refresh_token"]))["token"]).gen == 1


async def test_expiry_while_a_refresh_is_under_way_leaves_one_line_of_generations(
    server: Controlled,
) -> None:
    pair = await server.sign_in()
    session = str(session_of(server, pair))
    answers = await asyncio.gather(
        *(server.refresh(pair["refresh_token"]) for _ in range(4)),
        server.expire(session_id=session),
        *(server.refresh(pair["refresh_token"]) for _ in range(4)),
    )
    statuses = {one.status_code for one in answers if isinstance(one, httpx.Response)}
    assert statuses <= {201, 422}
    row = await server.row_of_session(UUID(session))
    assert row["generation"] in (0, 1)
    # Whoever comes after both presents a token that is spent and has expired.
    assert row["revoked_at"] is None or row["generation"] == 1


async def test_token_keeps_what_it_says_but_its_life_was_earlier(server: Controlled) -> None:
    pair = await server.sign_in()
    typ = TokenType.REFRESH
    before = server.claims(pair["refresh_token"], typ)
    await server.expire(token=pair["token"], what="sat")
    after = server.claims(pair["refresh_token"], typ)
    assert after == msgspec.structs.replace(before, iat=NOW - 7200, exp=NOW + 300)


# --- with a key ----------------------------------------------------------------------------------


async def test_bound_sat_that_expired_early_is_renewed_with_its_key(server: Controlled) -> None:
    browser = await a_browser(server)
    bound = said(await browser.activate(), 201)["token"]
    await server.expire(token=bound, what="sat")
    for token in (bound, browser.token):
        plain(await server.info(token), 401)
    # As a laptop that slept: within five minutes, and never without the key.
    plain(await browser.activate(bound), 401)
    fresh = said(await browser.renew(bound), 201)["token"]
    assert (await server.info(fresh)).status_code == 200
    # Those that were had since expire with the next time.
    await server.expire(token=fresh, what="sat")
    plain(await server.info(fresh), 401)
    again = said(await browser.renew(fresh), 201)["token"]
    assert (await server.info(again)).status_code == 200
    assert server.claims(again).exp - server.claims(again).iat == 900


@pytest.mark.parametrize("slack", [0, 1, 300, 301, 7200])
@pytest.mark.parametrize("slept", [0, 20, 280, 899])
async def test_bound_session_that_is_at_its_end_is_renewed_by_no_key(
    tmp_path: Path, slack: int, slept: int
) -> None:
    async with a_controlled(tmp_path, device_slack_seconds=slack) as server:
        browser = await a_browser(server)
        bound = said(await browser.activate(), 201)["token"]
        server.clock.advance(slept)
        await server.expire(token=bound)
        plain(await browser.renew(bound), 401)
        plain(await browser.renew(browser.token), 401)


@pytest.mark.parametrize("ahead", [301, -61])
async def test_clock_that_is_wrong_is_told_to_who_proves(server: Controlled, ahead: int) -> None:
    browser = await a_browser(server)
    await server.move(advance=ahead)
    answer = await browser.activate()
    assert answer.status_code == 401
    assert answer.headers["x-satmint-cause"] == f"proof_time; skew={-ahead}"


# --- what is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (
            {"what": "sat"},
            [
                (
                    "missing_required_parameter",
                    "Required parameter is missing: one of token, session_id",
                    None,
                )
            ],
        ),
        (
            {"token": 1, "session_id": "x", "what": "refresh"},
            [
                ("not_a_string", "Token must be a string", "token"),
                invalid("Session Id must be a UUID", "session_id"),
                invalid("What must be one of: all, sat", "what"),
                invalid("Session Id cannot be combined with token", "session_id"),
            ],
        ),
        ({"token": "nonsense"}, INVALID),
    ],
)
async def test_what_names_no_session_is_refused(
    server: Controlled, body: Json, wrong: list[Any]
) -> None:
    assert faults(await server.dev("POST", "/expire", body)) == wrong


async def test_session_of_another_project_is_out_of_reach(server: Controlled) -> None:
    pair = await server.sign_in()
    mine, server.tenant = server.tenant, await server.another_tenant()
    assert faults(await server.dev("POST", "/expire", {"token": pair["token"]})) == INVALID
    by_id = {"session_id": str(session_of(server, pair))}
    plain(await server.dev("POST", "/expire", by_id), 404)
    server.tenant = mine
    assert (await server.info(pair["token"])).status_code == 200
