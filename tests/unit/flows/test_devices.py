"""Client Bound SAT without HTTP: the flow's own part, and what it asks of its neighbours."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from satmint.dpop import Proof, ProofCause, ProofRefused
from satmint.flows.callers import (
    CallerAuthenticator,
    SubscriberCaller,
    active_subscriber_caller,
    subscriber_caller,
)
from satmint.flows.devices import (
    DeviceToken,
    DeviceTokenGrant,
    DeviceTokenRequest,
    _reported_lifetime,
    device_token,
)
from satmint.flows.nonces import KeyringNonces
from satmint.flows.proofs import possession_of, possession_refusal, proof_refusal, single_proof
from satmint.jose import Keyring, derive_mac_key
from satmint.model.claims import Claims, Kind, device_token_id
from satmint.model.possession import Accepted, Denied, PossessionCause
from satmint.model.refusals import Forbidden, RateLimited, Unauthorized, Unproven
from tests.kit.clock import NOW
from tests.kit.devices import REFRESH, TOKEN, Browser, a_browser
from tests.kit.entropy import SeededEntropy
from tests.kit.proofs import Signer
from tests.kit.service import BASE_URL, ORIGIN, Server, a_service

SESSION: Final = UUID(int=7)


async def asked(browser: Browser, *proofs: str, path: str = TOKEN, **more: Any) -> DeviceTokenGrant:  # noqa: ANN401
    """The flow's answer to the holder of the browser's SAT."""
    request = DeviceTokenRequest(
        method="POST",
        path=path,
        urls=frozenset({f"{BASE_URL}{path}"}),
        proofs=proofs,
        expire_in=more.get("expire_in"),
        is_refresh=path == REFRESH,
    )
    services = browser.server.services
    return await device_token(
        services, await active_subscriber_caller(services, browser.token), request, ORIGIN
    )


async def test_what_is_granted_says_how_old_the_proof_was(server: Server) -> None:
    browser = await a_browser(server)
    granted = await asked(browser, browser.proof(TOKEN, iat=NOW - 7))
    assert granted.proof_age == 7
    assert granted.nonce is None
    assert isinstance(granted.accepted, Accepted)
    assert not granted.accepted.bound
    assert repr(granted.response) == "DeviceToken(hidden)"


async def test_a_sat_without_the_scope_is_told_so_before_any_proof_is_looked_at(
    server: Server,
) -> None:
    pair = await server.sign_in()
    with pytest.raises(Forbidden) as refusal:
        await asked(Browser(server, Signer.generate(), pair["token"]))
    assert refusal.value.cause == "scope_missing"


async def test_each_refusal_has_its_cause(server: Server) -> None:
    browser = await a_browser(server)
    thief = replace(browser, signer=Signer.generate())
    used = browser.proof(TOKEN)
    await asked(browser, used)
    for proofs, cause in (
        ((), "proof_missing"),
        ((used, used), "proof_repeated"),
        (("x",), "proof_malformed"),
        ((thief.proof(TOKEN),), "key_mismatch"),
    ):
        with pytest.raises(Unproven) as refusal:
            await asked(browser, *proofs)
        assert (refusal.value.cause, refusal.value.error) == (cause, "invalid_dpop_proof")
    with pytest.raises(Unproven) as refusal:
        await asked(browser, used, expire_in=60)
    assert refusal.value.cause == "proof_replayed"


async def test_a_session_that_ended_while_it_was_under_way_is_not_good(server: Server) -> None:
    browser = await a_browser(server)
    services = server.services
    holder = await active_subscriber_caller(services, browser.token)
    path = f"/api/satmint/sessions/{holder.session.id}"
    assert (await server.client.delete(path, auth=server.tenant.auth)).is_success
    request = DeviceTokenRequest(
        "POST", TOKEN, frozenset(), [browser.proof(TOKEN)], expire_in=None, is_refresh=False
    )
    with pytest.raises(Unauthorized) as refusal:
        await device_token(services, holder, request, ORIGIN)
    assert not isinstance(refusal.value, Unproven)
    assert refusal.value.cause == "revoked"


async def test_a_key_that_lost_the_race_leaves_its_trace(server: Server) -> None:
    """It saw the session unbound; the store saw it bound."""
    browser = await a_browser(server, bound=False)
    services, thief = server.services, replace(browser, signer=Signer.generate())
    holder = await active_subscriber_caller(services, browser.token)
    await asked(browser, browser.proof(TOKEN))
    request = DeviceTokenRequest(
        "POST", TOKEN, frozenset(), [thief.proof(TOKEN)], expire_in=None, is_refresh=False
    )
    with pytest.raises(Unproven) as refusal:
        await device_token(services, holder, request, ORIGIN)
    assert refusal.value.cause == "key_mismatch"
    assert (await server.events())[-1] == "key_mismatch"


async def test_the_stated_lifetime_is_up_to_a_twentieth_less_than_the_real_one(
    tmp_path: Path,
) -> None:
    """The session's deadline cuts SATs to any length; each draws how early to come back."""
    stated: dict[int, set[int]] = {}
    async with a_service(tmp_path, max_session_seconds=7200) as server:
        browser = await a_browser(server)
        end = server.clock.at + 7200
        browser = replace(
            browser,
            token=(await asked(browser, browser.proof(TOKEN), expire_in=7200)).response.token,
        )
        for seconds in (*range(130, 0, -1), *[60] * 40, *[20] * 40, *[19] * 40):
            server.clock.at = end - seconds
            proof = browser.proof(TOKEN)
            answer = (await asked(browser, proof, expire_in=7200)).response
            assert server.claims(answer.token).exp - server.clock.at == seconds
            stated.setdefault(seconds, set()).add(answer.expires_in)
    for seconds, told in stated.items():
        assert seconds - seconds * 5 // 100 <= min(told) <= max(told) <= seconds, seconds
    assert (stated[60], stated[20], stated[19]) == ({57, 58, 59, 60}, {19, 20}, {19})


async def test_client_that_asks_for_what_it_was_told_gets_as_long_as_before(
    server: Server,
) -> None:
    """The vendor's SDK does so; each SAT would be shorter than the one before."""
    browser = await a_browser(server)
    first = (await asked(browser, browser.proof(TOKEN), expire_in=3600)).response
    told = _reported_lifetime(server.claims(first.token))
    assert first.expires_in == told < 3600
    server.clock.advance(10)
    again = replace(browser, token=first.token)
    for seconds, lifetime in ((told, 3600), (told - 1, told - 1), (None, 900)):
        proof = again.proof(REFRESH, again.token)
        answer = (await asked(again, proof, path=REFRESH, expire_in=seconds)).response
        assert server.claims(answer.token).exp - server.clock.at == lifetime
    proof = again.proof(TOKEN)
    literal = (await asked(again, proof, expire_in=told)).response
    assert server.claims(literal.token).exp - server.clock.at == told


def test_stated_lifetime_of_a_token_is_the_same_on_every_server() -> None:
    """A lost response may be repeated by another version."""
    claims = Claims(
        iss="satmint",
        sub=UUID(int=1),
        prj=UUID(int=2),
        sid=SESSION,
        gen=0,
        jti="a",
        iat=NOW,
        exp=NOW + 7200,
        epo=0,
        kind=Kind.SUBSCRIBER,
        scope=(),
    )
    assert _reported_lifetime(claims) == 7200 - int(sha256(b"a").hexdigest()[:16], 16) % 361


def test_a_request_shows_no_proof_and_an_answer_no_token() -> None:
    request = DeviceTokenRequest("POST", TOKEN, frozenset(), ["secret"], None, is_refresh=False)
    assert "secret" not in repr(request)
    assert "secret" not in repr(DeviceToken("secret", 1))


async def test_a_holder_shows_no_token(server: Server) -> None:
    pair = await server.sign_in()
    holder = await subscriber_caller(server.services, pair["token"])
    assert holder.token == pair["token"]
    assert pair["token"] not in repr(holder)


@pytest.mark.parametrize(
    ("slack", "late", "good"),
    [
        (0, -1, True),
        (0, 0, False),
        (300, 0, True),
        (300, 300, True),
        (300, 301, False),
    ],
)
async def test_slack_is_for_sats_that_name_a_key(
    server: Server, slack: int, late: int, good: bool
) -> None:
    bound = await a_browser(server)
    unbound = await server.sign_in("bob")
    server.clock.at = NOW + 7200 + late
    for token, taken in ((bound.token, good), (unbound["token"], late < 0)):
        if taken:
            assert (await active_subscriber_caller(server.services, token, slack)).token == token
        else:
            with pytest.raises(Unauthorized) as refusal:
                await active_subscriber_caller(server.services, token, slack)
            assert refusal.value.cause == "expired"


async def test_standing_leaves_no_trace_and_use_does(server: Server) -> None:
    browser = await a_browser(server)
    before = await server.rows()
    await active_subscriber_caller(server.services, browser.token)
    assert await server.rows() == before
    await subscriber_caller(server.services, browser.token)
    assert await server.rows() != before


async def test_sat_with_which_a_device_token_was_asked_for_is_noted_as_seen(
    server: Server,
) -> None:
    browser = await a_browser(server)
    session = server.claims(browser.token).sid
    await asked(browser, browser.proof(TOKEN))
    assert (await server.row_of_session(session))["seen_generation"] == 0


async def test_a_sat_that_names_a_key_which_its_session_has_not_is_refused(server: Server) -> None:
    """It is newer than the backup that was restored."""
    browser = await a_browser(server, bound=False)
    sat = (await asked(browser, browser.proof(TOKEN))).response.token
    await server.settled()
    with closing(sqlite3.connect(server.database, isolation_level=None)) as db:
        db.execute("UPDATE sessions SET jkt = NULL")
    for token, cause in ((sat, "ahead_of_head"), (browser.token, None)):
        if cause is None:
            await active_subscriber_caller(server.services, token)
            continue
        with pytest.raises(Unauthorized) as refusal:
            await active_subscriber_caller(server.services, token)
        assert refusal.value.cause == cause


async def test_failures_with_a_proof_are_counted_like_any_others(server: Server) -> None:
    callers = CallerAuthenticator(server.services)
    for _ in range(server.services.policy.failures_per_minute):
        with pytest.raises(Unauthorized):
            await callers.authenticate_bound_token(b"DPoP x", "203.0.113.1")
    with pytest.raises(RateLimited):
        await callers.authenticate_bound_token(b"Bearer x", "203.0.113.1")
    with pytest.raises(Unauthorized) as refusal:
        await callers.authenticate_bound_token(b"", "203.0.113.1")  # showing nothing is no attempt
    assert refusal.value.cause == "no_credentials"
    pair = await server.sign_in()
    for scheme in ("Bearer", "DPoP"):
        authorization = f"{scheme} {pair['token']}".encode()
        holder = await callers.authenticate_bound_token(authorization, "203.0.113.1")
        assert isinstance(holder, SubscriberCaller)


def test_a_request_has_exactly_one_proof() -> None:
    assert single_proof(iter(["one"]), None) == "one"
    for proofs, cause in (([], "proof_missing"), (["one", "one"], "proof_repeated")):
        with pytest.raises(Unproven) as refusal:
            single_proof(proofs, "nonce")
        assert (refusal.value.cause, refusal.value.nonce) == (cause, "nonce")


@pytest.mark.parametrize("cause", ProofCause)
def test_only_a_missing_nonce_asks_for_one(cause: ProofCause) -> None:
    refusal = proof_refusal(ProofRefused(cause, 3), "fresh")
    expected = "use_dpop_nonce" if cause is ProofCause.NONCE else "invalid_dpop_proof"
    assert (refusal.cause, refusal.error) == (cause, expected)
    assert (refusal.skew, refusal.nonce) == (3, "fresh")


@pytest.mark.parametrize("cause", PossessionCause)
def test_what_a_store_refuses_is_about_the_proof_or_about_the_session(
    cause: PossessionCause,
) -> None:
    refusal = possession_refusal(Denied(cause), "fresh")
    about_proof = cause in (PossessionCause.KEY_MISMATCH, PossessionCause.PROOF_REPLAYED)
    assert isinstance(refusal, Unproven) is about_proof
    assert refusal.cause == cause


async def test_what_makes_a_request_another_one(server: Server) -> None:
    browser = await a_browser(server)
    claims, rules = server.claims(browser.token), server.services.policy.proof_rules(UUID(int=1))
    proof = Proof(jkt="k" * 43, jti="1", iat=NOW, target="POST /x")
    one = possession_of(claims, proof, rules, "token", "text", 900)
    assert (one.session, one.jkt) == (claims.sid, proof.jkt)
    assert one.forget_at == NOW + 300 + 60 + 5
    assert one == possession_of(claims, proof, rules, "token", "text", 900)
    for other in (
        possession_of(claims, proof, rules, "token", "text", None),
        possession_of(claims, proof, rules, "token", "text", 90),
        possession_of(claims, proof, rules, "tokentext", "", 900),
        possession_of(claims, proof, rules, "other", "text", 900),
    ):
        assert other.proof == one.proof
        assert other.request != one.request
    for changed in (
        Proof(jkt="o" * 43, jti="1", iat=NOW, target="POST /x"),
        Proof(jkt="k" * 43, jti="2", iat=NOW, target="POST /x"),
        Proof(jkt="k" * 43, jti="1", iat=NOW, target="POST /y"),
        Proof(jkt="k" * 43, jti="x1", iat=NOW, target="POST /"),
    ):
        assert possession_of(claims, changed, rules, "token", "text", 900).proof != one.proof


def test_id_of_a_device_token_follows_from_its_proof() -> None:
    proofs = [sha256(bytes([number])).digest() for number in range(2)]
    ids = [device_token_id(SESSION, proof) for proof in proofs]
    assert ids == [device_token_id(SESSION, proof) for proof in proofs]
    assert len(set(ids)) == 2
    assert ids[0] == f"{SESSION.int:032x}-{proofs[0].hex()[:32]}"


def test_nonces_are_known_by_every_key_of_the_ring() -> None:
    old = Keyring.new(SeededEntropy("old"), NOW)
    new = old.rotate(SeededEntropy("new"), NOW)
    foreign = Keyring.new(SeededEntropy("foreign"), NOW)
    made = {ring: KeyringNonces(ring).current(NOW) for ring in (old, new, foreign)}
    assert len(set(made.values())) == 3
    takes = KeyringNonces(new)
    assert takes.accepts(made[old], NOW)
    assert takes.accepts(made[new], NOW)
    assert not takes.accepts(made[foreign], NOW)
    assert not takes.accepts(made[old], NOW + 400)
    assert not KeyringNonces(new.remove(old.active.id)).accepts(made[old], NOW)


async def test_nonces_follow_the_keyring_that_is_in_use(server: Server) -> None:
    services = server.services
    before = services.nonces
    assert services.nonces is before
    services.cipher.reload(services.cipher.keyring.rotate(SeededEntropy("later"), NOW))
    assert services.nonces is not before
    assert services.nonces.accepts(before.current(NOW), NOW)


def test_a_derived_key_is_good_for_one_purpose() -> None:
    master = bytes(32)
    keys = {derive_mac_key(master, purpose) for purpose in ("a", "b", "SAT", "Refresh")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert derive_mac_key(master, "a") in keys
    assert derive_mac_key(b"\x01" * 32, "a") not in keys
