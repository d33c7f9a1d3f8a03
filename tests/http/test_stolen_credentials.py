"""What a thief gets by what was stolen, where nothing can keep it from him: to the line, no more.

`docs/threat-model.md` says the same in words. A test here that fails is no defect by itself: it may
be that something became better, and then the page has to say so too.
"""

import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest

from satmint.jose import Keyring, TokenCipher
from satmint.keyring_file import read_keyring
from satmint.model.claims import Claims, TokenType
from satmint.model.events import EventKind
from satmint.model.proxies import TrustedProxies
from satmint.server import ServerOptions
from tests.http.answer_contract import field_errors, plain
from tests.kit.clock import NOW
from tests.kit.devices import Browser, a_seen_browser
from tests.kit.entropy import SeededEntropy
from tests.kit.gateway import a_gateway
from tests.kit.listening import listening
from tests.kit.proofs import Signer
from tests.kit.service import REFRESH, TOKENS, Bearer, Json, Server, Tenant, a_service, said

ADDRESSES = "/api/fabric/addresses"
INVITES = "/api/fabric/subscriber/invites"
EVENTS = "/api/satmint/events"
WRONG = httpx.BasicAuth("c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f", "PTwrong")


async def own_address(server: Server, token: str) -> str:
    listed = said(await server.client.get(ADDRESSES, auth=Bearer(token)), 200)["data"]
    return next(str(found["id"]) for found in listed if found["type"] == "subscriber")


async def invite(server: Server, token: str, address: str) -> httpx.Response:
    body = {"address_id": address}
    return await server.client.post(INVITES, json=body, auth=Bearer(token))


async def test_stolen_bound_sat_reads_and_invites_until_it_expires_and_is_never_renewed(
    server: Server,
) -> None:
    browser = await a_seen_browser(server)
    sat = said(await browser.activate(), 201)["token"]
    thief = replace(browser, signer=Signer.generate())
    address = await own_address(server, sat)
    for stolen in (browser.token, sat):
        said(await server.info(stolen), 200)
        said(await invite(server, stolen, address), 201)
        plain(await thief.renew(stolen), 401)
        plain(await thief.activate(stolen), 401)
    server.clock.at = server.claims(sat).exp
    plain(await server.info(sat), 401)
    plain(await invite(server, sat, address), 401)


async def test_stolen_unbound_sat_is_its_holder_until_it_expires_or_is_revoked(
    server: Server,
) -> None:
    stolen = (await server.sign_in())["token"]
    said(await server.info(stolen), 200)
    session = server.claims(stolen).sid
    path = f"/api/satmint/sessions/{session}"
    assert (await server.client.delete(path, auth=server.tenant.auth)).is_success
    plain(await server.info(stolen), 401)
    other = (await server.sign_in())["token"]
    server.clock.at = server.claims(other).exp
    plain(await server.info(other), 401)


async def test_stolen_refresh_token_without_a_backends_credentials_is_nothing(
    server: Server,
) -> None:
    stolen = (await server.sign_in())["refresh_token"]
    other = await server.another_tenant()
    before = await server.rows()
    body = {"refresh_token": stolen}
    plain(await server.client.post(REFRESH, json=body), 401)
    plain(await server.client.post(REFRESH, json=body, auth=Bearer(stolen)), 401)
    answer = await server.client.post(REFRESH, json=body, auth=other.auth)
    assert [code for code, _, _ in field_errors(answer)] == ["token_invalid"]
    assert await server.rows() == before


async def test_thief_within_the_backend_is_found_out_when_the_victim_comes_back(
    server: Server,
) -> None:
    victim = await server.sign_in()
    stolen = await server.rotate(victim["refresh_token"])
    said(await server.info(stolen["token"]), 200)
    server.clock.advance(11)
    # Until here nobody can tell: one of two that look alike has gone on.
    assert [code for code, _, _ in field_errors(await server.refresh(victim["refresh_token"]))] == [
        "token_invalid"
    ]
    plain(await server.info(stolen["token"]), 401)
    plain(await server.info(victim["token"]), 401)


async def test_rate_limits_are_counted_by_each_process_for_itself(tmp_path: Path) -> None:
    async def failures(server: Server, count: int) -> list[int]:
        body: Json = {"reference": "x"}
        answers = [await server.client.post(TOKENS, json=body, auth=WRONG) for _ in range(count)]
        return [answer.status_code for answer in answers]

    async with (
        a_service(tmp_path, failures_per_minute=2) as one,
        a_service(tmp_path, failures_per_minute=2, clock=one.clock, tenant=one.tenant) as other,
    ):
        assert await failures(one, 3) == [401, 401, 429]
        assert await failures(other, 3) == [401, 401, 429]


async def test_stolen_database_tells_names_and_opens_nothing(server: Server) -> None:
    pair = await server.sign_in(first_name="Alice", password="correct horse")
    _, page = await server.c2c_token()
    await server.settled()
    with closing(sqlite3.connect(server.database)) as db:
        stolen = "\n".join(db.iterdump()).encode()
    assert b"alice@example.com" in stolen
    assert b"'Alice'" in stolen
    secrets = [server.tenant.api_token, page, "correct horse", *(pair["token"].split("."))]
    secrets += pair["refresh_token"].split(".")
    keys = (key.secret for key in server.services.cipher.keyring.keys)
    forms = [secret.encode() for secret in secrets if secret] + [*keys]
    forms += [form.hex().upper().encode() for form in forms]
    assert [form for form in forms if form in stolen] == []


async def test_writer_of_the_database_can_issue_credentials(server: Server) -> None:
    forged = "PT" + "0" * 48
    intruder = httpx.BasicAuth(str(server.tenant.id), forged)
    plain(await server.client.get(EVENTS, auth=intruder), 401)
    with closing(sqlite3.connect(server.database)) as db, db:
        db.execute("UPDATE api_tokens SET digest = ?", (sha256(forged.encode()).digest(),))
    said(await server.client.get(EVENTS, auth=intruder), 200)


def forged(server: Server, keyring: Keyring, claims: Claims) -> str:
    """A SAT that says what a thief of the keyring likes."""
    thief = TokenCipher(keyring, SeededEntropy("thief"))
    return thief.seal(claims, TokenType.SAT, None, server.clock.now())


async def test_stolen_keyring_forges_tokens_of_sessions_that_live_and_of_no_others(
    server: Server,
) -> None:
    # The file, and the memory of any process that has read it, which hold the same.
    stolen = read_keyring(server.service.keyring_watch.file)
    assert stolen == server.services.cipher.keyring
    claims = server.claims((await server.sign_in())["token"])
    eternal = msgspec.structs.replace(claims, exp=NOW + 10**9)
    said(await server.info(forged(server, stolen, eternal)), 200)
    nowhere = msgspec.structs.replace(eternal, sid=claims.sub)
    plain(await server.info(forged(server, stolen, nowhere)), 401)


async def test_leaked_key_that_is_retired_ends_what_it_made_and_nothing_else(
    server: Server,
) -> None:
    before = await server.sign_in()
    leaked = server.services.cipher.keyring
    rotated = leaked.rotate(SeededEntropy("rotation"), NOW)
    server.services.cipher.reload(rotated)
    between = await server.sign_in("bob@example.com")
    hook = {"url": "https://hooks.example.com/"}
    made = await server.client.post("/api/satmint/webhooks", json=hook, auth=server.tenant.auth)
    said(made, 201)
    claims = server.claims(between["token"])
    assert (await server.info(forged(server, leaked, claims))).status_code == 200

    server.services.cipher.reload(rotated.remove(leaked.active.id))
    # Whatever the leaked key made is dead, by whomever it was made,
    plain(await server.info(forged(server, leaked, claims)), 401)
    plain(await server.info(before["token"]), 401)
    assert [code for code, _, _ in field_errors(await server.refresh(before["refresh_token"]))] == [
        "token_invalid"
    ]
    # and everything else is as it was: what the new key made, credentials, users, webhooks.
    said(await server.info(between["token"]), 200)
    said(await server.refresh(between["refresh_token"]), 201)
    again = await server.sign_in()
    assert again["subscriber_id"] == before["subscriber_id"]
    listed = await server.client.get("/api/satmint/webhooks", auth=server.tenant.auth)
    assert len(said(listed, 200)["data"]) == 1


async def test_thief_of_a_key_keeps_what_he_exchanged_before_it_was_retired(
    server: Server,
) -> None:
    """Retiring ends what the key made; what was made in exchange for it, revoking ends."""
    claims = server.claims((await server.sign_in("alice"))["token"])
    leaked = server.services.cipher.keyring
    rotated = leaked.rotate(SeededEntropy("rotation"), NOW)
    server.services.cipher.reload(rotated)
    sat = forged(server, leaked, msgspec.structs.replace(claims, scope=("sat:refresh",)))
    thief = Browser(server, Signer.generate(), sat)
    exchanged = said(await thief.activate(), 201)["token"]
    assert EventKind.BOUND in await server.events()

    server.services.cipher.reload(rotated.remove(leaked.active.id))
    plain(await thief.activate(), 401)
    exchanged = said(await thief.renew(exchanged), 201)["token"]

    all_of_them = await server.client.delete("/api/satmint/sessions", auth=server.tenant.auth)
    assert all_of_them.is_success, all_of_them.text
    plain(await thief.renew(exchanged), 401)


async def test_live_session_outlives_the_retired_key_that_opened_it(server: Server) -> None:
    claims = server.claims((await server.sign_in())["token"])
    leaked = server.services.cipher.keyring
    rotated = leaked.rotate(SeededEntropy("rotation"), NOW)
    stolen = forged(server, leaked, claims)
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.connected(stolen)
        server.services.cipher.reload(rotated.remove(leaked.active.id))
        assert await client.lives()
        async with gateway.client() as later:
            assert (await later.not_connected(stolen))[0] == -32002
        await gateway.gateway.stop()
        assert await client.close_code() == 1001


@pytest.mark.parametrize(("proxies", "believed"), [((), False), (("127.0.0.1",), True)])
async def test_address_that_a_caller_gives_itself_is_believed_of_a_proxy_only(
    server: Server, proxies: tuple[str, ...], believed: bool
) -> None:
    around = ServerOptions(proxies=TrustedProxies(proxies))
    async with (
        listening(server.app, around) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        body, headers = {"reference": "ada"}, {"X-Forwarded-For": "203.0.113.9"}
        said(await client.post(TOKENS, json=body, headers=headers, auth=server.tenant.auth), 200)
    told = said(await server.client.get(EVENTS, auth=server.tenant.auth), 200)["data"]
    (issued,) = [event for event in told if event["kind"] == "issued"]
    assert issued["address"] == ("203.0.113.9" if believed else "127.0.0.1")


async def test_presence_is_told_to_managers_of_the_project_and_to_nobody_else(
    server: Server,
) -> None:
    pair = await server.sign_in()
    path = f"/api/satmint/subscribers/{pair['subscriber_id']}/presence"
    said(await server.client.get(path, auth=server.tenant.auth), 200)
    plain(await server.client.get(path, auth=Bearer(pair["token"])), 401)
    other: Tenant = await server.another_tenant()
    plain(await server.client.get(path, auth=other.auth), 404)


async def test_figures_name_nobody_and_are_not_for_the_public(server: Server) -> None:
    pair = await server.sign_in("alice@example.com")
    plain(await server.client.get("/metrics"), 404)
    text = await server.scrape()
    named = ("alice", str(server.tenant.id), pair["subscriber_id"], pair["token"])
    assert [word for word in named if word in text] == []
