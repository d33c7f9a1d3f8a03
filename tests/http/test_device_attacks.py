"""Attacks on Client Bound SAT by name. Each is refused, and the database is as it was before.

In each, one thing is changed in a request that is good: the good one is sent afterwards, and goes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from satmint.jose import Keyring, TokenCipher
from satmint.model.claims import TokenType
from satmint.model.events import EventKind
from tests.faults.failing_store import FailNth, FailurePoint
from tests.http.answer_contract import field_errors, plain
from tests.http.device_answers import PATHS, not_good, other_than, refused
from tests.kit.clock import NOW
from tests.kit.devices import REFRESH, TOKEN, Browser, a_browser, a_seen_browser
from tests.kit.entropy import SeededEntropy
from tests.kit.proofs import ABSENT, Signer, fresh_jti
from tests.kit.service import BASE_URL, Bearer, Server, a_service, said

RSA: Final = Signer.generate("RS256")
"""Made once: an RSA key takes its time."""

End = Callable[[Server, Browser], Awaitable[None]]
"""Revokes what the browser holds."""


@pytest.fixture
async def browser(server: Server) -> Browser:
    """Signed in with the fingerprint of its key; its SAT is in use."""
    return await a_seen_browser(server)


async def test_a_stolen_sat_with_the_thiefs_own_key(server: Server, browser: Browser) -> None:
    sat = said(await browser.activate(), 201)["token"]
    for alg in ("ES256", "EdDSA", "RS256"):
        thief = replace(browser, signer=RSA if alg == "RS256" else Signer.generate(alg))
        for token in (browser.token, sat):
            for path in PATHS:
                before = await server.rows()
                answer = await thief.send(path, token, thief.proof(path, token))
                refused(answer, "key_mismatch")
                after = await server.rows()
                # It leaves a trace, and nothing else.
                assert {name for name in after if after[name] != before[name]} == {"events"}
                assert (await server.events())[-1] is EventKind.KEY_MISMATCH
    said(await browser.renew(sat), 201)


async def test_a_trace_of_the_thief_says_whose_sat_it_holds(
    server: Server, browser: Browser
) -> None:
    thief = replace(browser, signer=Signer.generate())
    stranger = server.client_at("203.0.113.9")
    answer = await thief.activate(client=stranger)
    refused(answer, "key_mismatch")
    listed = await server.client.get("/api/satmint/events", auth=server.tenant.auth)
    (event,) = [item for item in said(listed, 200)["data"] if item["kind"] == "key_mismatch"]
    assert event["address"] == "203.0.113.9"
    assert event["subscriber_id"] == browser.pair["subscriber_id"]
    assert event["session_id"] == str(server.claims(browser.token).sid)
    assert event["request_id"] == answer.headers["x-request-id"]
    await stranger.aclose()


async def test_a_thief_cannot_flood_the_audit_trail(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=5) as server:
        browser = await a_seen_browser(server)
        thief = replace(browser, signer=Signer.generate())
        statuses = [(await thief.activate()).status_code for _ in range(9)]
        assert statuses == [401] * 5 + [429] * 4
        before = await server.rows()
        answer = await thief.renew(browser.token)
        (field_error,) = field_errors(answer, 429)
        assert field_error[0] == "rate_limit_exceeded"
        assert int(answer.headers["retry-after"]) == 60
        assert await server.rows() == before
        assert (await server.events()).count(EventKind.KEY_MISMATCH) == 5
        # Who holds the key is never held back by the thief's failures.
        said(await browser.activate(), 201)


async def test_a_stolen_proof_shown_for_another_sat(server: Server, browser: Browser) -> None:
    """Of the same key: two sessions of one browser."""
    other = await server.sign_in("alice", scope="sat:refresh", fingerprint=browser.signer.jkt)
    said(await server.info(other["token"]), 200)
    proof = browser.proof(TOKEN)
    said(await browser.activate(proof=proof), 201)
    before = await server.rows()
    refused(await browser.activate(other["token"], proof), "proof_replayed")
    assert await server.rows() == before
    said(await browser.activate(other["token"]), 201)


async def test_a_stolen_proof_shown_with_another_body(server: Server, browser: Browser) -> None:
    for path in PATHS:
        proof = browser.proof(path, browser.token)
        said(await browser.send(path, browser.token, proof, expire_in=900), 201)
        before = await server.rows()
        for expire_in in (7200, 901, 60, None, ABSENT):
            answer = await browser.send(path, browser.token, proof, expire_in=expire_in)
            refused(answer, "proof_replayed")
        assert await server.rows() == before


async def test_a_stolen_proof_shown_at_the_other_endpoint(server: Server, browser: Browser) -> None:
    for path in PATHS:
        proof = browser.proof(path, browser.token)
        said(await browser.send(path, browser.token, proof), 201)
        before = await server.rows()
        refused(await browser.send(other_than(path), browser.token, proof), "proof_target")
        assert await server.rows() == before


async def test_a_stolen_proof_under_another_spelling_of_its_target(
    server: Server, browser: Browser
) -> None:
    """The same `jti` for the same endpoint is the same proof, however its `htu` is spelt."""
    jti = fresh_jti()
    said(await browser.activate(proof=browser.proof(TOKEN, jti=jti)), 201)
    before = await server.rows()
    for htu in (f"{BASE_URL}{TOKEN}", f"{TOKEN}?x=1", f"{BASE_URL.upper()}{TOKEN}"):
        answer = await browser.activate(proof=browser.proof(htu, jti=jti))
        assert answer.status_code == 401
        assert answer.headers["x-satmint-cause"] in ("proof_replayed", "proof_target")
    assert await server.rows() == before


async def test_a_proof_of_long_ago(server: Server, browser: Browser) -> None:
    """Remembered for as long as it could be accepted, and refused for its age after that."""
    proof = browser.proof(TOKEN, iat=NOW + 60)
    said(await browser.activate(proof=proof), 201)
    for at in (359, 360):
        server.clock.at = NOW + at
        await server.services.store.purge(server.clock.now(), 0, 500)
        refused(await browser.activate(proof=proof, expire_in=60), "proof_replayed")
    server.clock.at = NOW + 361
    refused(await browser.activate(proof=proof, expire_in=60), "proof_time")
    server.clock.at = NOW + 60 + 365
    assert len((await server.rows("proofs"))["proofs"]) == 1
    await server.services.store.purge(server.clock.now(), 0, 500)
    assert (await server.rows("proofs"))["proofs"] == []


async def test_a_lost_answer_sent_again_too_often(server: Server, browser: Browser) -> None:
    proof = browser.proof(TOKEN)
    tokens = [said(await browser.activate(proof=proof), 201)["token"] for _ in range(6)]
    assert len({server.claims(token).jti for token in tokens}) == 1
    before = await server.rows()
    for _ in range(3):
        refused(await browser.activate(proof=proof), "proof_replayed")
    assert await server.rows() == before


@pytest.mark.parametrize(("offset", "good"), [(-1, True), (0, False), (1, False)])
async def test_clock_around_the_expiry_of_a_sat_at_activation(
    server: Server, browser: Browser, offset: int, good: bool
) -> None:
    sat = said(await browser.activate(expire_in=60), 201)["token"]
    server.clock.at = NOW + 60 + offset
    before = await server.rows()
    answer = await browser.activate(sat)
    if good:
        said(answer, 201)
    else:
        not_good(answer)
        assert await server.rows() == before


@pytest.mark.parametrize(
    ("offset", "good"),
    [(-1, True), (0, True), (1, True), (299, True), (300, True), (301, False)],
)
async def test_clock_around_the_slack_after_the_expiry_of_a_bound_sat(
    server: Server, browser: Browser, offset: int, good: bool
) -> None:
    """A laptop that slept. Whoever does not hold the key gets nothing by it."""
    sat = said(await browser.activate(expire_in=60), 201)["token"]
    server.clock.at = NOW + 60 + offset
    thief = replace(browser, signer=Signer.generate())
    answer = await thief.renew(sat)
    if good:
        refused(answer, "key_mismatch")
        refused(await browser.send(REFRESH, sat), "proof_missing")
        refused(await browser.renew(sat, browser.proof(REFRESH)), "proof_ath")
        renewed = said(await browser.renew(sat), 201)["token"]
        assert server.claims(renewed).exp == NOW + 60 + offset + 900
    else:
        before = await server.rows()
        not_good(answer)
        not_good(await browser.renew(sat))
        assert await server.rows() == before
    if offset >= 0:
        plain(await server.info(sat), 401)


@pytest.mark.parametrize(
    ("slack", "offset", "good"),
    [
        (0, -1, True),
        (0, 0, False),
        (0, 1, False),
        (1, 0, True),
        (1, 1, True),
        (1, 2, False),
    ],
)
async def test_the_slack_is_the_operators_to_say(
    tmp_path: Path, slack: int, offset: int, good: bool
) -> None:
    async with a_service(tmp_path, device_slack_seconds=slack) as server:
        browser = await a_browser(server)
        sat = said(await browser.activate(expire_in=60), 201)["token"]
        server.clock.at = NOW + 60 + offset
        assert ((await browser.renew(sat)).status_code == 201) is good


@pytest.mark.parametrize("offset", [0, 1, 299])
async def test_an_unbound_sat_that_expired_is_dead_at_once(server: Server, offset: int) -> None:
    """Even if its session was bound meanwhile, and with a proof of that very key."""
    unbound, later = await a_browser(server, bound=False), await a_browser(server, "b", bound=False)
    said(await later.activate(), 201)
    server.clock.at = NOW + 60 + offset
    for browser in (unbound, later):
        before = await server.rows()
        for path in PATHS:
            proof = browser.proof(path, browser.token)
            not_good(await browser.send(path, browser.token, proof))
        assert await server.rows() == before


async def end_token(server: Server, browser: Browser) -> None:
    path, body = "/api/satmint/tokens/revoke", {"token": browser.token}
    said(await server.client.post(path, json=body, auth=server.tenant.auth), 200)


async def end_session(server: Server, browser: Browser) -> None:
    await deleted(server, f"/api/satmint/sessions/{server.claims(browser.token).sid}")


async def end_key(server: Server, browser: Browser) -> None:
    subscriber = browser.pair["subscriber_id"]
    path = f"/api/satmint/subscribers/{subscriber}/sessions?fingerprint={browser.signer.jkt}"
    await deleted(server, path)


async def end_subscriber(server: Server, browser: Browser) -> None:
    await deleted(server, f"/api/satmint/subscribers/{browser.pair['subscriber_id']}/sessions")


async def delete_subscriber(server: Server, browser: Browser) -> None:
    await deleted(server, f"/api/fabric/resources/subscribers/{browser.pair['subscriber_id']}")


async def end_project(server: Server, _browser: Browser) -> None:
    await deleted(server, "/api/satmint/sessions")


async def reuse(server: Server, browser: Browser) -> None:
    """A spent refresh token came back."""
    second = await server.rotate(browser.pair["refresh_token"])
    await server.rotate(second["refresh_token"])
    field_errors(await server.refresh(browser.pair["refresh_token"]))


async def deleted(server: Server, path: str) -> None:
    answer = await server.client.delete(path, auth=server.tenant.auth)
    assert answer.is_success, answer.text


@pytest.mark.parametrize(
    "end",
    [
        end_token,
        end_session,
        end_key,
        end_subscriber,
        delete_subscriber,
        end_project,
        reuse,
    ],
)
@pytest.mark.parametrize("expired", [False, True])
async def test_revoked_session_is_not_kept_alive_by_its_key(
    server: Server,
    browser: Browser,
    end: End,
    expired: bool,
) -> None:
    lost = browser.proof(TOKEN)
    sat = said(await browser.activate(proof=lost), 201)["token"]
    if expired:
        server.clock.advance(901)
    await end(server, browser)
    before = await server.rows()
    for token in (browser.token, sat):
        for path in PATHS:
            not_good(await browser.send(path, token, browser.proof(path, token)))
    not_good(await browser.activate(proof=lost))
    assert await server.rows() == before


async def test_a_race_of_renewal_and_revocation_leaves_nothing_alive(
    server: Server, browser: Browser
) -> None:
    sat = said(await browser.activate(), 201)["token"]
    answers = await asyncio.gather(
        *(browser.renew(sat) for _ in range(5)),
        server.client.delete(
            f"/api/satmint/sessions/{server.claims(sat).sid}", auth=server.tenant.auth
        ),
        *(browser.renew(sat) for _ in range(5)),
    )
    assert {answer.status_code for answer in answers} <= {201, 204, 401}
    for answer in answers:
        if answer.status_code == 201:
            token = answer.json()["token"]
            plain(await server.info(token), 401)
            not_good(await browser.renew(token))


async def test_many_keys_for_one_unbound_session_at_once(server: Server) -> None:
    browser = await a_browser(server, bound=False)
    said(await server.info(browser.token), 200)
    crowd = [replace(browser, signer=Signer.generate()) for _ in range(10)]
    answers = await asyncio.gather(*(one.activate() for one in crowd))
    winners = [one for one, answer in zip(crowd, answers, strict=True) if answer.is_success]
    assert len(winners) == 1
    for answer in answers:
        if not answer.is_success:
            refused(answer, "key_mismatch")
    row = await server.row_of_session(server.claims(browser.token).sid)
    assert row["jkt"] == winners[0].signer.jkt
    kinds = await server.events()
    assert (kinds.count(EventKind.BOUND), kinds.count(EventKind.KEY_MISMATCH)) == (1, 9)


async def test_a_sat_that_cannot_refresh_itself(server: Server) -> None:
    """Of whatever kind: guest, invitee, visitor, or a subscriber without the scope."""
    client, auth, address = server.client, server.tenant.auth, str(server.tenant.addresses[0].id)
    signer = Signer.generate()
    pair = await server.sign_in("bob", fingerprint=signer.jkt)
    path = f"/api/fabric/resources/subscribers/{pair['subscriber_id']}/addresses"
    own = said(await client.get(path, auth=auth), 200)["data"][0]["id"]
    _, c2c_token = await server.c2c_token()
    answers = [
        await client.post(
            "/api/fabric/guests/tokens", json={"allowed_addresses": [address]}, auth=auth
        ),
        await client.post(
            "/api/fabric/subscriber/invites", json={"address_id": own}, auth=Bearer(pair["token"])
        ),
        await client.post("/api/fabric/embeds/tokens", json={"token": c2c_token}),
    ]
    await server.settled()
    tokens = [pair["token"], *(said(answer, 201)["token"] for answer in answers)]
    before = await server.rows()
    for token in tokens:
        browser = Browser(server, signer, token)
        for path in PATHS:
            plain(await browser.send(path, token, browser.proof(path, token)), 403)
            plain(await browser.send(path, token), 403)
    assert await server.rows() == before


async def test_what_is_no_sat(server: Server, browser: Browser) -> None:
    before = await server.rows()
    for token in (browser.pair["refresh_token"], "x", "", browser.token[:-2], f"{browser.token}.x"):
        for path in PATHS:
            not_good(await browser.send(path, token, browser.proof(path, token)))
    for scheme in ("Basic", "Digest", "Token", ""):
        not_good(await browser.send(TOKEN, browser.token, browser.proof(TOKEN), scheme=scheme))
    backend = await server.client.post(
        TOKEN, json={"dpop_token": browser.proof(TOKEN)}, auth=server.tenant.auth
    )
    not_good(backend)
    assert await server.rows() == before


async def test_a_device_token_is_no_refresh_token(server: Server, browser: Browser) -> None:
    sat = said(await browser.activate(), 201)["token"]
    ((code, _, _),) = field_errors(await server.refresh(sat))
    assert code == "not_a_refresh_token"


async def test_a_sat_of_another_deployment(server: Server, browser: Browser) -> None:
    """Same claims, same issuer's name, another keyring: it opens nothing here."""
    entropy = SeededEntropy("elsewhere")
    foreign = TokenCipher(Keyring.new(entropy, NOW), entropy)
    token = foreign.seal(server.claims(browser.token), TokenType.SAT, None, NOW)
    before = await server.rows()
    for path in PATHS:
        not_good(await browser.send(path, token, browser.proof(path, token)))
    assert await server.rows() == before


async def test_a_proof_of_one_project_says_nothing_in_another(server: Server) -> None:
    """One key in two projects: what is used up in one is good in the other, and none can bind."""
    mine, theirs = await a_browser(server), await server.another_tenant()
    body = {"reference": "alice", "scope": "sat:refresh", "fingerprint": mine.signer.jkt}
    made = await server.client.post("/api/fabric/subscribers/tokens", json=body, auth=theirs.auth)
    other = said(made, 200)["token"]
    jti = fresh_jti()
    ours = said(await mine.activate(proof=mine.proof(TOKEN, jti=jti)), 201)["token"]
    foreign = said(await mine.activate(other, mine.proof(TOKEN, jti=jti)), 201)["token"]
    assert server.claims(ours).prj == server.tenant.id
    assert server.claims(foreign).prj == theirs.id
    assert server.claims(foreign).sid == server.claims(other).sid


@pytest.mark.parametrize("moment", FailurePoint)
async def test_a_request_that_was_answered_with_a_5xx_has_not_used_up_its_proof(
    server: Server, browser: Browser, moment: FailurePoint
) -> None:
    """The vendor's transport sends it again as it is."""
    good = server.service.store
    never = FailNth(good, nth=0)
    server.services.store = never.store
    said(await browser.activate(), 201)
    assert never.calls == ["sessions.get", "sessions.prove"]
    for path in PATHS:
        for nth in (1, 2):
            proof = browser.proof(path, browser.token)
            before = await server.rows()
            server.services.store = FailNth(good, nth, moment).store
            answer = await browser.send(path, browser.token, proof)
            plain(answer, 503)
            assert int(answer.headers["retry-after"]) >= 1
            server.services.store = good
            happened = nth == 2 and moment is FailurePoint.AFTER
            assert (await server.rows() != before) is happened
            first = said(await browser.send(path, browser.token, proof), 201)
            again = said(await browser.send(path, browser.token, proof), 201)
            assert server.claims(first["token"]) == server.claims(again["token"])


async def test_a_store_that_is_gone_never_lets_anybody_pass(
    server: Server, browser: Browser
) -> None:
    proof = browser.proof(TOKEN)
    said(await browser.activate(proof=proof), 201)
    await server.service.store.close()
    for text in (proof, browser.proof(TOKEN)):
        plain(await browser.activate(proof=text), 503)


async def test_a_bug_is_told_to_nobody_and_uses_up_nothing(
    server: Server, browser: Browser
) -> None:
    good = server.service.store
    for path in PATHS:
        proof = browser.proof(path, browser.token)
        before = await server.rows()
        server.services.store = FailNth(good, 2, error=lambda: ZeroDivisionError("private")).store
        plain(await browser.send(path, browser.token, proof), 500)
        server.services.store = good
        assert await server.rows() == before
        said(await browser.send(path, browser.token, proof), 201)


async def test_no_word_of_a_proof_or_a_token_is_logged(browser: Browser) -> None:
    with capture_logs() as lines:
        for path in PATHS:
            for spoiled in (browser.proof(path, iat=1), "x.y.z", browser.token):
                await browser.send(path, browser.token, spoiled)
    text = repr(lines)
    assert "refused" in text
    assert browser.token[-20:] not in text
    assert "eyJ" not in text
