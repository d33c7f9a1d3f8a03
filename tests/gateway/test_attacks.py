"""What a thief can hold, and what it gets for it: nothing."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from satmint.jose import CannotOpen
from satmint.model.claims import TokenType
from satmint.model.events import EventKind
from tests.kit.clock import NOW
from tests.kit.devices import Browser, a_browser
from tests.kit.gateway import Client, Serving, a_gateway
from tests.kit.proofs import Signer
from tests.kit.service import TOKENS, Server, a_service, said

CONNECT: Final = "signalwire.connect"
REAUTHENTICATE: Final = "signalwire.reauthenticate"
REFUSED: Final = (-32002, "Authentication failed")
BEGIN_ANEW: Final = (-32003, "Requester validation failed")
THIEF: Final = Signer.generate("ES256")


def proof(browser: Browser, method: str = CONNECT, **changes: Any) -> str:  # noqa: ANN401
    """One as the browser makes it now."""
    now = browser.server.clock.now()
    return browser.signer.rpc_proof(method, **{"iat": now, **changes})


async def connected(client: Client, browser: Browser) -> str:
    """A bound session, live; returns the proof that it was opened with."""
    shown = proof(browser)
    await client.connected(browser.token, dpop_token=shown)
    return shown


async def causes(server: Server) -> list[tuple[str, str]]:
    """Kind and cause of every refusal so far."""
    counted = server.service.metrics.gateway.connects
    return [labels for labels in counted if labels[1] != "ok"]


async def refusal_of(gateway: Serving, token: str, **more: Any) -> tuple[int, str]:  # noqa: ANN401
    """What another client is told that shows all this."""
    async with gateway.client() as client:
        return await client.not_connected(token, **more)


async def test_stolen_bound_sat_opens_nothing(server: Server) -> None:
    browser = await a_browser(server)
    async with a_gateway(server) as gateway:
        assert await refusal_of(gateway, browser.token) == REFUSED
        stolen = THIEF.rpc_proof(CONNECT)
        assert await refusal_of(gateway, browser.token, dpop_token=stolen) == REFUSED
    assert await causes(server) == [("connect", "proof_missing"), ("connect", "key_mismatch")]
    assert EventKind.KEY_MISMATCH in await server.events()


async def test_stolen_bound_sat_does_not_count_as_used(server: Server) -> None:
    """Or a thief could turn a lost answer into a theft, which ends the session."""
    browser = await a_browser(server)
    newer = await server.rotate(browser.pair["refresh_token"])
    async with a_gateway(server) as gateway:
        assert await refusal_of(gateway, newer["token"]) == REFUSED
    server.clock.advance(60)
    assert said(await server.refresh(browser.pair["refresh_token"]), 201)


async def test_stolen_proof_is_good_for_nobody_else(server: Server) -> None:
    """Neither while its connection lives nor afterwards, with the SAT that it came with."""
    browser = await a_browser(server)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            stolen = await connected(client, browser)
            assert await refusal_of(gateway, browser.token, dpop_token=stolen) == REFUSED
            resuming = client.resuming
        again = await refusal_of(gateway, browser.token, dpop_token=stolen, **resuming)
        assert again == BEGIN_ANEW
    assert await causes(server) == [("connect", "proof_replayed"), ("resume", "proof_replayed")]


async def test_stolen_state_is_nothing_without_a_token_of_its_session(server: Server) -> None:
    victim, thief = await server.sign_in("alice"), await server.sign_in("mallory")
    sibling, other = await server.sign_in("alice"), await server.another_tenant()
    body = {"reference": "alice"}
    foreign = said(await server.client.post(TOKENS, json=body, auth=other.auth), 200)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(victim["token"])
            stolen = client.resuming
        for pair in (thief, sibling, foreign):
            assert await refusal_of(gateway, pair["token"], **stolen) == BEGIN_ANEW
        for token in (victim["refresh_token"], "x"):
            assert await refusal_of(gateway, token, **stolen) == BEGIN_ANEW


async def test_stolen_state_and_sat_of_a_bound_session_are_nothing_without_its_key(
    server: Server,
) -> None:
    browser = await a_browser(server)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await connected(client, browser)
            stolen = client.resuming
        assert await refusal_of(gateway, browser.token, **stolen) == BEGIN_ANEW
        forged = THIEF.rpc_proof(CONNECT)
        told = await refusal_of(gateway, browser.token, dpop_token=forged, **stolen)
        assert told == BEGIN_ANEW


async def test_state_under_another_name_is_refused(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            state = client.state
        for protocol in ("satmint_x_y", "", None):
            told = await refusal_of(
                gateway, pair["token"], authorization_state=state, protocol=protocol
            )
            assert told == BEGIN_ANEW


async def test_state_and_token_are_never_taken_for_each_other(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            state, protocol = str(client.state), client.protocol
        assert await refusal_of(gateway, state) == REFUSED
        as_state = {"authorization_state": pair["token"], "protocol": protocol}
        assert await refusal_of(gateway, pair["token"], **as_state) == BEGIN_ANEW
    for typ in TokenType:
        with pytest.raises(CannotOpen):
            server.services.cipher.open(state, typ)
    assert (await server.info(state)).status_code == 401


async def test_state_changed_in_any_place_is_refused(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            state, protocol = str(client.state), client.protocol
        async with gateway.client() as client:
            for at in range(0, len(state), 17):
                other = "A" if state[at] != "A" else "B"
                changed = state[:at] + other + state[at + 1 :]
                more = {"authorization_state": changed, "protocol": protocol}
                assert await client.not_connected(pair["token"], **more) == BEGIN_ANEW


@pytest.mark.parametrize(("second", "code"), [(-1, None), (0, -32003), (1, -32003)])
async def test_state_expires_five_minutes_after_its_token(
    server: Server, second: int, code: int | None
) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            resuming = client.resuming
        server.clock.advance(7000)
        newer = await server.rotate(pair["refresh_token"])
        server.clock.at = NOW + 7200 + 300 + second
        async with gateway.client() as client:
            if code is None:
                await client.connected(newer["token"], **resuming)
            else:
                refusal = await client.not_connected(newer["token"], **resuming)
                assert refusal == BEGIN_ANEW


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"mth": REAUTHENTICATE}, "proof_target"),
        ({"iat": NOW - 301}, "proof_time"),
        ({"iat": NOW + 61}, "proof_time"),
        ({"rpc": "response"}, "proof_claims"),
        ({"ath": "x" * 43}, "proof_ath"),
        ({"header": {"typ": "JWT"}}, "proof_type"),
        ({"header": {"alg": "none"}}, "proof_algorithm"),
    ],
)
async def test_proof_that_does_not_stand_opens_no_bound_session(
    server: Server, changes: dict[str, Any], cause: str
) -> None:
    browser = await a_browser(server)
    async with a_gateway(server) as gateway, gateway.client() as client:
        spoiled = proof(browser, **changes)
        before = await server.rows("proofs", "events")
        assert await client.not_connected(browser.token, dpop_token=spoiled) == REFUSED
        assert await server.rows("proofs", "events") == before
        assert await causes(server) == [("connect", cause)]
        await connected(client, browser)


async def test_proof_for_an_endpoint_opens_no_session_and_the_reverse(server: Server) -> None:
    browser = await a_browser(server)
    async with a_gateway(server) as gateway:
        path = "/api/fabric/subscriber/devices/token"
        told = await refusal_of(gateway, browser.token, dpop_token=browser.proof(path))
        assert told == REFUSED
    assert (await browser.activate(proof=proof(browser))).status_code == 401


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"iat": NOW - 9000}, None),
        ({"mth": "x"}, None),
        ({"jti": 7}, None),
        ({"header": {"typ": "JWT"}}, REFUSED),
    ],
)
async def test_proof_on_an_unbound_sat_has_to_be_one_and_says_nothing(
    server: Server, changes: dict[str, Any], told: tuple[int, str] | None
) -> None:
    """A browser always sends one, whatever its clock says."""
    pair = await server.sign_in()
    shown = THIEF.rpc_proof(CONNECT, **changes)
    async with a_gateway(server) as gateway, gateway.client() as client:
        if told is None:
            result = await client.connected(pair["token"], dpop_token=shown)
            assert "cnf" not in result["authorization"]
        else:
            assert await client.not_connected(pair["token"], dpop_token=shown) == told
    row = await server.row_of_session(server.claims(pair["token"]).sid)
    assert row["jkt"] is None


@pytest.mark.parametrize("shown", ["x", "a.b.c", "..", THIEF.rpc_proof(CONNECT)[:-4] + "AAAA"])
async def test_what_is_no_proof_is_refused_on_an_unbound_sat_too(
    server: Server, shown: str
) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        assert await refusal_of(gateway, pair["token"], dpop_token=shown) == REFUSED


async def test_unbound_sat_of_a_session_that_was_bound_since_needs_the_key(
    server: Server,
) -> None:
    """The row decides, not what the token said when it was made."""
    browser = await a_browser(server, bound=False)
    assert server.claims(browser.token).jkt is None
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(browser.token)
        said(await browser.activate(), 201)
        assert await refusal_of(gateway, browser.token) == REFUSED
        async with gateway.client() as client:
            await connected(client, browser)


async def test_bound_session_never_becomes_unbound(server: Server) -> None:
    browser = await a_browser(server)
    unbound = await server.sign_in("alice")
    other = await a_browser(server, "alice")
    async with a_gateway(server) as gateway, gateway.client() as client:
        await connected(client, browser)
        again = proof(browser, REAUTHENTICATE)
        for token, shown in (
            (browser.token, None),
            (unbound["token"], None),
            (unbound["token"], again),
            (other.token, proof(other, REAUTHENTICATE)),
        ):
            assert await client.not_reauthenticated(token, shown) == REFUSED
        await client.reauthenticated(browser.token, again)
    assert (await server.events()).count(EventKind.DOWNGRADE_REFUSED) == 4


async def test_audit_trail_cannot_be_flooded_with_downgrades_and_keys(server: Server) -> None:
    browser = await a_browser(server)
    async with a_gateway(server, requests_per_second=1000) as gateway, gateway.client() as client:
        await connected(client, browser)
        for _ in range(80):
            assert await client.not_reauthenticated(browser.token) == REFUSED
        stranger = THIEF.rpc_proof(CONNECT)
        assert await refusal_of(gateway, browser.token, dpop_token=stranger) == REFUSED
    events = await server.events()
    assert events.count(EventKind.DOWNGRADE_REFUSED) == 60
    assert EventKind.KEY_MISMATCH not in events


async def test_guessing_is_logged_so_often_and_then_slow_and_unheard(tmp_path: Path) -> None:
    async with (
        a_service(tmp_path, failures_per_minute=3) as server,
        a_gateway(server, refusal_delay_seconds=0.2) as gateway,
    ):
        time = asyncio.get_running_loop().time
        with capture_logs() as lines:
            for _ in range(3):
                assert await refusal_of(gateway, "a.b.c.d.e") == REFUSED
            began = time()
            for _ in range(3):
                assert await refusal_of(gateway, "a.b.c.d.e") == REFUSED
            assert time() - began >= 0.6
            async with gateway.client() as client:
                await client.connected((await server.sign_in())["token"])
        assert [line["event"] for line in lines].count("refused") == 3
        assert server.service.metrics.gateway.connects["connect", "cannot_open"] == 6


async def test_reauthentication_is_for_the_same_subscriber_of_the_same_project(
    server: Server,
) -> None:
    alice, mallory = await server.sign_in("alice"), await server.sign_in("mallory")
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.connected(alice["token"])
        assert await client.not_reauthenticated(mallory["token"]) == REFUSED
        again = await server.sign_in("alice")
        result = await client.reauthenticated(again["token"])
        assert result["authorization"]["jti"] == server.claims(again["token"]).jti


@pytest.mark.parametrize(
    "changes",
    [{"mth": CONNECT}, {"iat": NOW - 301}, {"header": {"alg": "RS256"}}],
)
async def test_proof_for_something_else_does_not_reauthenticate(
    server: Server, changes: dict[str, Any]
) -> None:
    browser = await a_browser(server)
    async with a_gateway(server) as gateway, gateway.client() as client:
        used = await connected(client, browser)
        spoiled = proof(browser, REAUTHENTICATE, **changes)
        assert await client.not_reauthenticated(browser.token, spoiled) == REFUSED
        assert await client.not_reauthenticated(browser.token, used) == REFUSED
        await client.reauthenticated(browser.token, proof(browser, REAUTHENTICATE))


async def test_logs_and_figures_hold_no_token(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    browser, pair = await a_browser(server), await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            shown = await connected(client, browser)
            await client.not_reauthenticated(pair["token"], shown)
            state = str(client.state)
        await refusal_of(gateway, pair["token"], authorization_state=state, protocol="x")
        await refusal_of(gateway, browser.token[:-1] + "!", dpop_token=shown)
    printed = "".join(capsys.readouterr()) + server.service.metrics.text().decode()
    assert "connection=" in printed
    for secret in (browser.token, pair["token"], shown, state):
        for part in (part for part in secret.split(".") if len(part) > 30):
            assert part not in printed
