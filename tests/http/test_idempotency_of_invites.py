"""Idempotency keys of invites, which a subscriber makes with a SAT and perhaps a proof."""

from typing import Final

import httpx

from satmint.model.events import EventKind
from tests.http.device_answers import refused
from tests.http.test_invites import DAY, INVITES, own_address
from tests.kit.clock import NOW
from tests.kit.devices import Browser, a_browser
from tests.kit.proofs import Signer
from tests.kit.service import Server, said

KEY: Final = '"0f9c2f64-2f0b-4a55-9f0a-7a3f1c1f0b11"'


async def invite(
    server: Server, token: str, address: str, proof: str | None = None, until: int | None = None
) -> httpx.Response:
    body = {"address_id": address, **({} if until is None else {"expires_at": until})}
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": KEY}
    if proof is not None:
        headers["DPoP"] = proof
    return await server.client.post(INVITES, json=body, headers=headers)


async def activated(server: Server) -> tuple[Browser, str, str]:
    """A browser, its bound SAT and an address of its subscriber."""
    browser = await a_browser(server)
    sat = said(await browser.activate(), 201)["token"]
    return browser, sat, await own_address(server, sat)


async def test_an_invite_of_a_subscriber_is_repeated(server_on_each_store: Server) -> None:
    server = server_on_each_store
    token = (await server.sign_in())["token"]
    address = await own_address(server, token)
    first = said(await invite(server, token, address), 201)["token"]
    answer = await invite(server, token, address)
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert server.claims(said(answer, 201)["token"]) == server.claims(first)
    other = (await server.sign_in())["token"]
    assert "Idempotent-Replayed" not in (await invite(server, other, address)).headers


async def test_a_repetition_needs_a_proof_of_its_own(server: Server) -> None:
    browser, sat, address = await activated(server)
    proof = browser.proof(INVITES, sat)
    first = await invite(server, sat, address, proof, NOW + DAY)
    claims = server.claims(said(first, 201)["token"])
    refused(await invite(server, sat, address, proof, NOW + DAY), "proof_replayed")
    fresh = browser.proof(INVITES, sat)
    again = await invite(server, sat, address, fresh, NOW + DAY)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert server.claims(said(again, 201)["token"]) == claims
    refused(await invite(server, sat, address, fresh, NOW + DAY), "proof_replayed")


async def test_a_thief_of_the_sat_gets_no_invite_that_was_proven(server: Server) -> None:
    browser, sat, address = await activated(server)
    first = await invite(server, sat, address, browser.proof(INVITES, sat))
    assert first.status_code == 201
    without = said(await invite(server, sat, address), 422)
    assert [error["code"] for error in without["errors"]] == ["idempotency_key_reused"]
    own_key = Signer.generate().http_proof(token=sat, htu=INVITES, iat=server.clock.now())
    refused(await invite(server, sat, address, own_key), "key_mismatch")
    assert (await server.events()).count(EventKind.KEY_MISMATCH) == 1


async def test_an_invite_that_ended_with_its_session_is_not_repeated(server: Server) -> None:
    token = (await server.sign_in())["token"]
    address = await own_address(server, token)
    made = said(await invite(server, token, address), 201)["token"]
    revoke = {"token": made}
    path = "/api/satmint/tokens/revoke"
    assert (await server.client.post(path, json=revoke, auth=server.tenant.auth)).is_success
    (error,) = said(await invite(server, token, address), 422)["errors"]
    assert error["code"] == "idempotency_result_unavailable"
