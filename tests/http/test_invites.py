"""Invites against a thief of a SAT: how long, how many, by whom, and what ends them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from satmint.model.events import EventKind
from tests.http.answer_contract import field_errors, invalid, plain
from tests.http.device_answers import refused
from tests.kit.clock import NOW
from tests.kit.devices import Browser, a_browser
from tests.kit.proofs import ABSENT, Signer
from tests.kit.service import BASE_URL, Bearer, Json, Server, a_service, said

INVITES: Final = "/api/fabric/subscriber/invites"
DAY: Final = 86_400
WEEK: Final = 7 * DAY


async def own_address(server: Server, token: str) -> str:
    info = said(await server.info(token), 200)
    return str(info["fabric_addresses"][0]["id"])


async def invite(
    server: Server,
    token: str,
    *proofs: str,
    expires_at: int | None = None,
    scheme: str = "Bearer",
    address: str = "",
) -> httpx.Response:
    """The answer to a request for an invite to the subscriber's own address."""
    body: Json = {"address_id": address or await own_address(server, token)}
    if expires_at is not None:
        body["expires_at"] = expires_at
    headers = [("Authorization", f"{scheme} {token}"), *(("DPoP", proof) for proof in proofs)]
    return await server.client.post(INVITES, json=body, headers=headers)


async def invited(server: Server, token: str, expires_at: int = NOW + WEEK) -> str:
    """The SAT of a new invite, which is good."""
    made = said(await invite(server, token, expires_at=expires_at), 201)
    said(await server.info(made["token"]), 200)
    return str(made["token"])


async def is_dead(server: Server, token: str) -> None:
    """It is refused wherever a SAT is taken, and introspection says so."""
    for path in ("/api/fabric/subscriber/info", "/api/fabric/addresses"):
        plain(await server.client.get(path, auth=Bearer(token)), 401)
    asked = {"token": token}
    answer = await server.client.post(
        "/api/satmint/tokens/introspect", json=asked, auth=server.tenant.auth
    )
    assert said(answer, 200) == {"active": False}


# How long


@pytest.mark.parametrize("by", ["subscriber", "backend"])
async def test_invite_lasts_seven_days_at_most(server: Server, by: str) -> None:
    alice = await server.sign_in()
    auth = Bearer(alice["token"]) if by == "subscriber" else server.tenant.auth
    body: Json = {"address_id": await own_address(server, alice["token"])}
    for late in (NOW + WEEK + 1, 253_402_300_499):
        answer = await server.client.post(INVITES, json=body | {"expires_at": late}, auth=auth)
        message = f"Expires At must not be greater than {NOW + WEEK}"
        assert field_errors(answer) == [invalid(message, "expires_at")]
    latest = body | {"expires_at": NOW + WEEK}
    made = said(await server.client.post(INVITES, json=latest, auth=auth), 201)
    assert server.claims(made["token"]).exp == NOW + WEEK


async def test_operator_says_how_long_an_invite_lasts(tmp_path: Path) -> None:
    async with a_service(tmp_path, max_invite_seconds=600) as server:
        token = (await server.sign_in())["token"]
        answer = await invite(server, token, expires_at=NOW + 601)
        message = f"Expires At must not be greater than {NOW + 600}"
        assert field_errors(answer) == [invalid(message, "expires_at")]
        made = said(await invite(server, token), 201)
        assert server.claims(made["token"]).exp == NOW + 600


# How many


async def test_stolen_sat_makes_no_flood_of_invites(server_on_each_store: Server) -> None:
    server = server_on_each_store
    alice, bob = await server.sign_in("alice"), await server.sign_in("bob")
    place = await own_address(server, alice["token"])
    for made in (30, 60, 90):
        for _ in range(30):
            said(await invite(server, alice["token"], expires_at=NOW + WEEK, address=place), 201)
        answer = await invite(server, alice["token"], address=place)
        limited(answer, 60)
        assert (await server.events()).count(EventKind.ISSUED) == made + 2
        server.clock.advance(60)
    for _ in range(10):
        said(await invite(server, alice["token"], expires_at=NOW + WEEK, address=place), 201)
    limited(await invite(server, alice["token"], address=place), NOW + WEEK - server.clock.now())
    said(await invite(server, bob["token"]), 201)
    assert (await server.events()).count(EventKind.ISSUED) == 103


def limited(answer: httpx.Response, retry_after: int) -> None:
    (entry,) = answer.json()["errors"]
    assert (answer.status_code, entry["code"]) == (429, "rate_limit_exceeded")
    assert entry["type"] == "rate_limit_error"
    assert answer.headers["retry-after"] == str(retry_after)


async def test_operator_says_how_many_invites_a_session_makes(tmp_path: Path) -> None:
    async with a_service(tmp_path, invites_per_session=2, invites_per_minute=3) as server:
        token = (await server.sign_in())["token"]
        answers = [await invite(server, token) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
        assert [answer.headers.get("retry-after") for answer in answers[2:]] == ["7200", "60"]


# What ends them

End = Callable[[Server, Browser], Awaitable[object]]


async def revoke(server: Server, path: str) -> None:
    answer = await server.client.delete(f"/api/{path}", auth=server.tenant.auth)
    assert answer.is_success, answer.text


async def reuse(server: Server, browser: Browser) -> None:
    first = browser.pair["refresh_token"]
    newer = await server.rotate(first)
    await server.rotate(newer["refresh_token"])
    assert (await server.refresh(first)).status_code == 422


async def by_token(server: Server, browser: Browser) -> None:
    body = {"token": browser.token}
    path = "/api/satmint/tokens/revoke"
    said(await server.client.post(path, json=body, auth=server.tenant.auth), 200)


def sessions_of(browser: Browser) -> str:
    return f"satmint/subscribers/{browser.pair['subscriber_id']}/sessions"


ENDS: Final[dict[str, End]] = {
    "token": by_token,
    "session": lambda s, b: revoke(s, f"satmint/sessions/{s.claims(b.token).sid}"),
    "key": lambda s, b: revoke(s, f"{sessions_of(b)}?fingerprint={b.signer.jkt}"),
    "subscriber": lambda s, b: revoke(s, sessions_of(b)),
    "subscriber deleted": lambda s, b: revoke(
        s, f"fabric/resources/subscribers/{b.pair['subscriber_id']}"
    ),
    "project": lambda s, _: revoke(s, "satmint/sessions"),
    "reuse detected": reuse,
}


@pytest.mark.parametrize("end", ENDS)
async def test_invite_ends_with_who_made_it(server_on_each_store: Server, end: str) -> None:
    server = server_on_each_store
    browser, bob = await a_browser(server), await server.sign_in("bob")
    invites = [await invited(server, browser.token, NOW + 600) for _ in range(2)]
    other = await invited(server, bob["token"])
    await ENDS[end](server, browser)
    for token in invites:
        await is_dead(server, token)
    if end == "project":
        await is_dead(server, other)
    else:
        said(await server.info(other), 200)


async def test_invite_outlives_the_expiry_of_its_inviter_and_ends_with_it_all_the_same(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    pair = await server.sign_in()
    token, session = await invited(server, pair["token"]), server.claims(pair["token"]).sid
    server.clock.advance(3 * DAY)
    await server.services.store.purge(server.clock.now(), 0, 1000)
    plain(await server.info(pair["token"]), 401)
    said(await server.info(token), 200)
    await revoke(server, f"satmint/sessions/{session}")
    await is_dead(server, token)


async def test_invite_of_a_backend_ends_with_the_address_and_not_with_a_sign_out(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    alice = await server.sign_in()
    body = {"address_id": await own_address(server, alice["token"])}
    made = said(await server.client.post(INVITES, json=body, auth=server.tenant.auth), 201)
    await revoke(server, f"satmint/subscribers/{alice['subscriber_id']}/sessions")
    said(await server.info(made["token"]), 200)
    await revoke(server, f"fabric/resources/subscribers/{alice['subscriber_id']}")
    await is_dead(server, made["token"])


async def test_spent_token_is_evidence_after_its_end_and_that_of_its_address(
    server: Server,
) -> None:
    address = server.tenant.addresses[0].id
    body = {"allowed_addresses": [str(address)]}
    path = "/api/fabric/guests/tokens"
    spent = said(await server.client.post(path, json=body, auth=server.tenant.auth), 201)
    unused = said(await server.client.post(path, json=body, auth=server.tenant.auth), 201)
    second = await server.rotate(spent["refresh_token"])
    server.clock.advance(5000)
    await server.rotate(second["refresh_token"])
    await revoke(server, f"satmint/addresses/{address}")
    server.clock.advance(2600)
    refused = [("token_expired", "Token has expired.", "refresh_token")]
    assert field_errors(await server.refresh(unused["refresh_token"])) == refused
    assert EventKind.REUSE_DETECTED not in await server.events()
    assert field_errors(await server.refresh(spent["refresh_token"])) == refused
    assert EventKind.REUSE_DETECTED in await server.events()


async def test_tokens_end_with_the_last_address_that_they_are_good_for(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    support, sales, menu = server.tenant.addresses
    alice = await server.sign_in()
    own = await own_address(server, alice["token"])
    invite_sat = await invited(server, alice["token"])

    async def guest(*places: object) -> Json:
        body = {"allowed_addresses": [str(place) for place in places]}
        path = "/api/fabric/guests/tokens"
        return said(await server.client.post(path, json=body, auth=server.tenant.auth), 201)

    async def embed(text: str) -> str:
        answer = await server.client.post("/api/embeds/tokens", json={"token": text})
        return str(said(answer, 201)["token"])

    one, two, beside = (
        await guest(support.id),
        await guest(support.id, sales.id),
        await guest(menu.id),
    )
    _, text = await server.c2c_token(support)
    embed_sat = await embed(text)

    await revoke(server, f"satmint/addresses/{support.id}")
    for token in (one["token"], embed_sat):
        await is_dead(server, token)
    refused_refresh = [("token_invalid", "Token is invalid.", "refresh_token")]
    assert field_errors(await server.refresh(one["refresh_token"])) == refused_refresh
    await is_dead(server, one["refresh_token"])
    info = said(await server.info(two["token"]), 200)
    assert [item["id"] for item in info["fabric_addresses"]] == [str(sales.id)]
    two = await server.rotate(two["refresh_token"])
    said(await server.info(invite_sat), 200)

    await revoke(server, f"satmint/addresses/{sales.id}")
    await is_dead(server, two["token"])
    assert field_errors(await server.refresh(two["refresh_token"])) == refused_refresh
    await revoke(server, f"satmint/addresses/{own}")
    await is_dead(server, invite_sat)
    said(await server.info(beside["token"]), 200)
    said(await server.info(alice["token"]), 200)
    assert (await server.events()).count(EventKind.ADDRESS_DELETED) == 3


# By whom: the key of a bound session


def proof_of(browser: Browser, **changes: object) -> str:
    return browser.proof(INVITES, browser.token, **changes)


async def test_invite_with_a_proof_may_outlive_the_sat(server_on_each_store: Server) -> None:
    server = server_on_each_store
    browser = await a_browser(server)
    for scheme in ("Bearer", "DPoP"):
        answer = await invite(
            server, browser.token, proof_of(browser), expires_at=NOW + WEEK, scheme=scheme
        )
        assert server.claims(said(answer, 201)["token"]).exp == NOW + WEEK
        assert "dpop-nonce" not in answer.headers


async def test_invite_without_a_proof_ends_with_the_sat_of_a_bound_session(server: Server) -> None:
    browser = await a_browser(server)
    bound = said(await browser.activate(expire_in=600), 201)["token"]
    made = said(await invite(server, bound), 201)
    assert server.claims(made["token"]).exp == NOW + 600
    said(await invite(server, bound, expires_at=NOW + 600), 201)
    answer = await invite(server, bound, expires_at=NOW + 601)
    message = (
        f"Expires At must not be greater than {NOW + 600}, when the SAT expires, without a proof"
        " of possession"
    )
    assert field_errors(answer) == [invalid(message, "expires_at")]
    unbound = (await server.sign_in("bob"))["token"]
    said(await invite(server, unbound, expires_at=NOW + WEEK), 201)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"htm": "GET"}, "proof_target"),
        ({"htu": "/api/fabric/subscriber/devices/refresh"}, "proof_target"),
        ({"htu": "https://elsewhere.example/api/fabric/subscriber/invites"}, "proof_target"),
        ({"ath": ABSENT}, "proof_ath"),
        ({"ath": "A" * 43}, "proof_ath"),
        ({"iat": NOW - 301}, "proof_time"),
    ],
    ids=str,
)
@pytest.mark.parametrize("bound", [True, False])
async def test_invalid_proof_makes_no_invite(
    server: Server, changes: Json, cause: str, *, bound: bool
) -> None:
    browser = await a_browser(server, bound=bound)
    place = await own_address(server, browser.token)
    await server.settled()
    before = await server.rows()
    answer = await invite(server, browser.token, proof_of(browser, **changes), address=place)
    refused(answer, cause)
    assert await server.rows() == before
    assert server.service.metrics.proof_refusals[cause] == 1


async def test_proof_of_a_thief_s_own_key_makes_no_invite(server_on_each_store: Server) -> None:
    server = server_on_each_store
    browser = await a_browser(server)
    thief = Browser(server, Signer.generate(), browser.token)
    answer = await invite(server, browser.token, proof_of(thief), expires_at=NOW + 600)
    refused(answer, "key_mismatch")
    assert (await server.events())[-1] is EventKind.KEY_MISMATCH


async def test_proof_is_missing_repeated_or_used(server_on_each_store: Server) -> None:
    server = server_on_each_store
    browser = await a_browser(server)
    refused(await invite(server, browser.token, scheme="DPoP"), "proof_missing")
    one, other = proof_of(browser), proof_of(browser)
    refused(await invite(server, browser.token, one, other), "proof_repeated")
    said(await invite(server, browser.token, one), 201)
    refused(await invite(server, browser.token, one), "proof_replayed")
    refused(await invite(server, browser.token, one, expires_at=NOW + 60), "proof_replayed")


async def test_strict_project_takes_no_invite_of_a_bound_session_without_a_proof(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path, strict_proofs=["*"]) as server:
        browser = await a_browser(server)
        answer = await invite(server, browser.token)
        refused(answer, "proof_missing")
        nonce = answer.headers["dpop-nonce"]
        url = f"{BASE_URL}{INVITES}"
        answer = await invite(server, browser.token, browser.proof(url, browser.token))
        refused(answer, "proof_nonce", "use_dpop_nonce")
        proof = browser.proof(url, browser.token, nonce=nonce)
        answer = await invite(server, browser.token, proof, expires_at=NOW + WEEK)
        said(answer, 201)
        assert answer.headers["dpop-nonce"] == nonce
        said(await invite(server, (await server.sign_in("bob"))["token"]), 201)


async def test_proof_says_nothing_of_a_session_that_is_not_bound(server: Server) -> None:
    browser = await a_browser(server, bound=False)
    said(await invite(server, browser.token, proof_of(browser)), 201)
    assert EventKind.BOUND not in await server.events()
    said(await invite(server, browser.token, proof_of(browser)), 201)
