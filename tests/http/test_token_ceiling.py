"""`max_token_seconds` limits every SAT that is issued, whoever asks, and however it is made."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from satmint.model.claims import TokenType
from tests.http.test_guest_invite_embed_tokens import INVITES, embed, guest, own_address
from tests.kit.clock import NOW
from tests.kit.devices import a_browser
from tests.kit.proofs import ABSENT
from tests.kit.service import Json, Server, a_service, said

LONGEST: Final = 300


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_service(tmp_path, max_token_seconds=LONGEST) as server:
        yield server


def check_pair(server: Server, pair: Json, lives: int = LONGEST) -> None:
    """The SAT lives that long, and its refresh token five minutes longer."""
    now = server.clock.now()
    assert server.claims(pair["token"]).exp == now + lives
    assert server.claims(pair["refresh_token"], TokenType.REFRESH).exp == now + lives + 300


async def test_subscribers_pair_and_each_refresh_of_it(server: Server) -> None:
    pair = await server.sign_in()
    check_pair(server, pair)
    for _ in range(3):
        server.clock.advance(LONGEST + 299)
        pair = await server.rotate(pair["refresh_token"])
        check_pair(server, pair)


async def test_pair_that_was_asked_to_be_shorter_is_refreshed_to_the_longest(
    server: Server,
) -> None:
    pair = await server.sign_in(expire_at=NOW + 100)
    check_pair(server, pair, 100)
    check_pair(server, await server.rotate(pair["refresh_token"]))


async def test_guests_pair_and_its_refresh(server: Server) -> None:
    place = str(server.tenant.addresses[0].id)
    pair = said(await guest(server, {"allowed_addresses": [place]}), 201)
    check_pair(server, pair)
    check_pair(server, await server.rotate(pair["refresh_token"]))


@pytest.mark.parametrize("asked", [None, LONGEST, LONGEST + 1])
async def test_invite(server: Server, asked: int | None) -> None:
    token = (await server.sign_in())["token"]
    body: Json = {"address_id": await own_address(server, token)}
    if asked is not None:
        body["expires_at"] = NOW + asked
    answer = await server.client.post(INVITES, json=body, auth=server.tenant.auth)
    if asked is not None and asked > LONGEST:
        assert answer.status_code == 422
    else:
        assert server.claims(said(answer, 201)["token"]).exp == NOW + LONGEST


async def test_embed(server: Server) -> None:
    _, secret = await server.c2c_token()
    token = said(await embed(server, {"token": secret}), 201)["token"]
    assert server.claims(token).exp == NOW + LONGEST


@pytest.mark.parametrize("asked", [None, 7200])
async def test_client_bound_sat_and_each_refresh_of_it(server: Server, asked: int | None) -> None:
    browser = await a_browser(server)
    expire_in = ABSENT if asked is None else asked
    answer = said(await browser.activate(expire_in=expire_in), 201)
    for _ in range(3):
        claims = server.claims(answer["token"])
        assert claims.exp - claims.iat == LONGEST
        assert answer["expires_in"] <= LONGEST
        server.clock.advance(60)
        answer = said(await browser.renew(answer["token"], expire_in=expire_in), 201)


async def test_unbound_self_refresh_lives_a_minute_still(server: Server) -> None:
    pair = await server.sign_in(scope="sat:refresh")
    check_pair(server, pair, 60)
    check_pair(server, await server.rotate(pair["refresh_token"]), 60)


async def test_replay_is_of_the_pair_that_was_made_before_the_setting(
    server: Server, tmp_path: Path
) -> None:
    """It is equivalent to the lost one: nothing is made shorter behind a client's back."""
    pair = await server.sign_in()
    await server.rotate(pair["refresh_token"])
    clock, tenant = server.clock, server.tenant
    async with a_service(tmp_path, clock=clock, tenant=tenant, max_token_seconds=60) as later:
        again = await later.rotate(pair["refresh_token"])
        check_pair(later, again)
        check_pair(later, await later.rotate(again["refresh_token"]), 60)
