"""The browser SDK 4.0.0-rc.2 after its session has ended: the requests that it was seen to send.

It connects afresh with a SAT that its page's provider fetched for the same key, and reauthenticates
with the device token of the session before, which it keeps for ever. See the page of the protocol.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final
from uuid import UUID

import pytest

from tests.kit.devices import Browser, a_browser
from tests.kit.gateway import Client, Serving, a_gateway
from tests.kit.service import Json, Server, said

CONNECT: Final = "signalwire.connect"
REAUTHENTICATE: Final = "signalwire.reauthenticate"
AUTHENTICATION_FAILED: Final = (-32002, "Authentication failed")


def proof(browser: Browser, method: str) -> str:
    return browser.signer.rpc_proof(method, iat=browser.server.clock.now())


async def expire(server: Server, _session: UUID) -> None:
    server.clock.advance(901)


async def revoke(server: Server, session: UUID) -> None:
    answer = await server.client.delete(f"/api/satmint/sessions/{session}", auth=server.tenant.auth)
    assert answer.status_code == 204


async def active_before(client: Client, browser: Browser) -> tuple[str, Json]:
    """Bound and active on the gateway: the device token, and what a resume needs."""
    await client.connected(browser.token, dpop_token=proof(browser, CONNECT))
    token = str(said(await browser.activate(), 201)["token"])
    await client.reauthenticated(token, proof(browser, REAUTHENTICATE))
    return token, client.resuming


async def signed_in_again(
    browser: Browser, gateway: Serving, stale: str, resuming: Json
) -> tuple[AbstractAsyncContextManager[Client], str]:
    """Refused a resume with what is stale; a client for the next connection, and its new SAT."""
    async with gateway.client() as client:
        refused = await client.not_connected(stale, dpop_token=proof(browser, CONNECT), **resuming)
        assert refused == (-32003, "Requester validation failed")
    pair = await browser.server.sign_in(
        "alice", fingerprint=browser.signer.jkt, scope="sat:refresh"
    )
    return gateway.client(), str(pair["token"])


@pytest.mark.parametrize(("end", "code"), [(expire, 4401), (revoke, 4403)])
async def test_stale_device_token_is_refused_and_the_new_sat_is_refreshed_by_its_key(
    server: Server, end: Callable[[Server, UUID], Awaitable[None]], code: int
) -> None:
    browser = await a_browser(server)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            stale, resuming = await active_before(client, browser)
            await end(server, server.claims(stale).sid)
            assert await client.close_code() == code
        connection, token = await signed_in_again(browser, gateway, stale, resuming)
        async with connection as client:
            await client.connected(token, dpop_token=proof(browser, CONNECT))
            for _ in range(2):
                refused = await client.not_reauthenticated(stale, proof(browser, REAUTHENTICATE))
                assert refused == AUTHENTICATION_FAILED
            # The connection is what it was: of the new session, until its SAT expires.
            assert await client.told("subscriber.online") == {}
            # Its timer of the session before goes off: the SAT that was never exchanged is renewed.
            answer = await browser.renew(token, expire_in=900)
            renewed = said(answer, 201)["token"]
            result = await client.reauthenticated(renewed, proof(browser, REAUTHENTICATE))
            authorization = result["authorization"]
            assert authorization["jti"] == server.claims(renewed).jti
            assert server.claims(renewed).sid == server.claims(token).sid
            assert authorization["cnf"] == {"jkt": browser.signer.jkt}


async def test_proof_that_names_the_stale_token_refreshes_nothing(server: Server) -> None:
    """Its retries send the new SAT with a proof whose `ath` is that of the stale token."""
    browser = await a_browser(server)
    stale = said(await browser.activate(), 201)["token"]
    pair = await server.sign_in("alice", fingerprint=browser.signer.jkt, scope="sat:refresh")
    path = "/api/fabric/subscriber/devices/refresh"
    answer = await browser.renew(pair["token"], browser.proof(path, stale))
    assert answer.status_code == 401
    assert answer.headers["x-satmint-cause"] == "proof_ath"
