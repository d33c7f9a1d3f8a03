"""Client Bound SAT over HTTP, as it should go."""

import asyncio
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import pytest

from satmint.model.claims import TokenType
from satmint.model.events import EventKind
from tests.http.answer_contract import ALGS, field_errors, invalid, members, plain
from tests.kit.clock import NOW
from tests.kit.devices import REFRESH, TOKEN, Browser, a_browser
from tests.kit.proofs import ABSENT, ALGORITHMS, Signer
from tests.kit.service import BASE_URL, Json, Server, a_service, said

JITTER: Final = 0.05


def granted(answer: httpx.Response) -> Json:
    body = said(answer, 201)
    assert members(body) == ["token", "expires_in"]
    assert answer.headers["cache-control"] == "no-store"
    return body


@pytest.fixture
async def browser(server: Server) -> Browser:
    """Signed in with the fingerprint of its key."""
    return await a_browser(server)


async def test_a_sat_is_exchanged_for_one_of_the_same_rights_and_a_shorter_life(
    server: Server, browser: Browser
) -> None:
    server.clock.advance(10)
    before = server.claims(browser.token)
    sat = granted(await browser.activate())["token"]
    after = server.claims(sat)
    assert (after.iat, after.exp, after.jkt) == (NOW + 10, NOW + 910, browser.signer.jkt)
    assert after.jti != before.jti
    kept = {"jti": "", "iat": 0, "exp": 0}
    assert msgspec.structs.replace(after, **kept) == msgspec.structs.replace(before, **kept)
    said(await server.info(sat), 200)


async def test_renewing_goes_on_for_as_long_as_the_key_is_held(
    server: Server, browser: Browser
) -> None:
    sat, seen = granted(await browser.activate())["token"], set[str]()
    for _ in range(12):
        server.clock.advance(870)
        sat = granted(await browser.renew(sat))["token"]
        claims = server.claims(sat)
        assert (claims.iat, claims.exp) == (server.clock.now(), server.clock.now() + 900)
        seen.add(claims.jti)
        said(await server.info(sat), 200)
    assert len(seen) == 12


async def test_the_sat_that_is_shown_is_not_spent(server: Server, browser: Browser) -> None:
    """The SDK comes back with the former one where its session refused the newer."""
    first = granted(await browser.activate())["token"]
    second = granted(await browser.renew(first))["token"]
    third = granted(await browser.renew(first))["token"]
    again = granted(await browser.activate())["token"]
    for sat in (browser.token, first, second, third, again):
        said(await server.info(sat), 200)


async def test_a_client_bound_sat_is_taken_for_activation_too(browser: Browser) -> None:
    """So the SDK does it on a reconnect."""
    sat = granted(await browser.activate())["token"]
    granted(await browser.activate(sat))


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_every_algorithm_is_taken(server: Server, alg: str) -> None:
    browser = await a_browser(server, alg=alg)
    granted(await browser.renew(granted(await browser.activate())["token"]))


@pytest.mark.parametrize(
    ("asked", "lives"),
    [
        (ABSENT, 900),
        (None, 900),
        (60, 60),
        (59, 60),
        (0, 60),
        (-1, 60),
        (-(1 << 70), 60),
        (61, 61),
        (901, 901),
        (7199, 7199),
        (7200, 7200),
        (7201, 7200),
        (30 * 86_400, 7200),
        (1 << 70, 7200),
    ],
)
async def test_how_long_it_lives_is_asked_for_within_bounds(
    server: Server, browser: Browser, asked: object, lives: int
) -> None:
    answer = granted(await browser.activate(expire_in=asked))
    claims = server.claims(answer["token"])
    assert claims.exp - claims.iat == lives
    assert lives * (1 - JITTER) <= answer["expires_in"] <= lives


@pytest.mark.parametrize("asked", [True, False, "900", 900.0, 1.5, [], {}, ""])
async def test_how_long_it_lives_is_an_integer(browser: Browser, asked: object) -> None:
    for answer in (
        await browser.activate(expire_in=asked),
        await browser.renew(browser.token, expire_in=asked),
    ):
        assert field_errors(answer) == [invalid("Expire In must be an integer", "expire_in")]


async def test_a_proof_in_the_body_is_a_string(browser: Browser) -> None:
    odd: object
    for odd in (1, [], {}):
        answer = await browser.send(TOKEN, browser.token, odd)
        assert field_errors(answer) == [
            ("not_a_string", "Dpop Token must be a string", "dpop_token")
        ]


async def test_a_proof_that_is_null_is_none(browser: Browser) -> None:
    answer = await browser.send(TOKEN, browser.token, None)
    plain(answer, 401)
    assert answer.headers["x-satmint-cause"] == "proof_missing"


async def test_an_unknown_member_is_a_fault(server: Server, browser: Browser) -> None:
    answer = await server.client.post(
        TOKEN,
        json={"dpop_token": browser.proof(TOKEN), "expires_in": 60},
        headers={"authorization": f"Bearer {browser.token}"},
    )
    assert field_errors(answer) == [
        invalid("Expires In is not a known parameter; did you mean expire_in?", "expires_in")
    ]


async def test_when_to_come_back_is_drawn_anew_for_each_sat(browser: Browser) -> None:
    """A fleet that connected together must not come back together."""
    told = [granted(await browser.activate())["expires_in"] for _ in range(40)]
    assert all(855 <= seconds <= 900 for seconds in told)
    assert len(set(told)) > 15


async def test_who_asks_for_what_it_was_told_gets_what_it_had(
    server: Server, browser: Browser
) -> None:
    """As the SDK does: by the letter, its SATs would shrink, each by up to 5 % of the last."""
    answer = granted(await browser.activate(expire_in=900))
    for _ in range(40):
        server.clock.advance(800)
        answer = granted(await browser.renew(answer["token"], expire_in=answer["expires_in"]))
        claims = server.claims(answer["token"])
        assert claims.exp - claims.iat == 900


async def test_who_asks_for_something_else_gets_that(server: Server, browser: Browser) -> None:
    answer = granted(await browser.activate(expire_in=900))
    for other in (answer["expires_in"] - 1, answer["expires_in"] + 1, 300):
        claims = server.claims(
            granted(await browser.renew(answer["token"], expire_in=other))["token"]
        )
        assert claims.exp - claims.iat == other


async def test_the_first_proof_binds_a_session_that_names_no_key(server: Server) -> None:
    browser = await a_browser(server, bound=False)
    first = server.claims(browser.token)
    assert (first.exp - first.iat, first.cnf) == (60, None)
    sat = granted(await browser.activate())["token"]
    assert server.claims(sat).jkt == browser.signer.jkt
    assert (await server.row_of_session(first.sid))["jkt"] == browser.signer.jkt
    assert (await server.events())[1:] == [
        EventKind.ISSUED,
        EventKind.BOUND,
        EventKind.DEVICE_TOKEN_ISSUED,
    ]
    # The key that counts is the session's: the SAT from before names none, and is bound as well.
    granted(await browser.renew(browser.token))
    thief = Browser(server, Signer.generate(), browser.token)
    plain(await thief.renew(browser.token), 401)


async def test_the_first_proof_may_come_at_the_other_endpoint(server: Server) -> None:
    """Where activation failed, the SDK goes on there with the SAT that it was given."""
    browser = await a_browser(server, bound=False)
    sat = granted(await browser.renew(browser.token))["token"]
    assert server.claims(sat).jkt == browser.signer.jkt


async def test_a_pair_that_the_backend_refreshes_names_the_key_that_was_bound_meanwhile(
    server: Server,
) -> None:
    browser = await a_browser(server, bound=False)
    granted(await browser.activate())
    pair = await server.rotate(browser.pair["refresh_token"])
    assert server.claims(pair["token"]).jkt == browser.signer.jkt
    assert server.claims(pair["refresh_token"], TokenType.REFRESH).jkt == browser.signer.jkt
    replayed = await server.rotate(browser.pair["refresh_token"])
    assert server.claims(replayed["token"]) == server.claims(pair["token"])
    newest = await server.rotate(pair["refresh_token"])
    assert server.claims(newest["token"]).jkt == browser.signer.jkt


async def test_the_backends_refresh_and_the_browsers_do_not_disturb_each_other(
    server: Server, browser: Browser
) -> None:
    sat = granted(await browser.activate())["token"]
    pair = await server.rotate(browser.pair["refresh_token"])
    renewed = granted(await browser.renew(sat))["token"]
    assert server.claims(renewed).gen == 0
    server.clock.advance(11)
    newer = granted(await browser.renew(pair["token"]))["token"]
    assert server.claims(newer).gen == 1
    said(await server.refresh(pair["refresh_token"]), 201)


async def test_that_it_was_accepted_is_noted(server: Server, browser: Browser) -> None:
    """It tells a lost answer from a theft."""
    sid = server.claims(browser.token).sid
    assert (await server.row_of_session(sid))["seen_generation"] == -1
    granted(await browser.activate())
    assert (await server.row_of_session(sid))["seen_generation"] == 0


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "DPoP", "dpop"])
async def test_a_client_may_follow_the_rfc(browser: Browser, scheme: str) -> None:
    """The proof in a header, of full URL and with `ath`, and the scheme as it pleases."""
    for path in (TOKEN, REFRESH):
        proof = browser.proof(f"{BASE_URL}{path}", browser.token)
        granted(await browser.send(path, browser.token, scheme=scheme, headers=[("DPoP", proof)]))


async def test_a_request_with_the_proof_in_a_header_needs_no_body(
    server: Server, browser: Browser
) -> None:
    headers = {"authorization": f"DPoP {browser.token}", "dpop": browser.proof(TOKEN)}
    granted(await server.client.post(TOKEN, headers=headers))


async def test_an_answer_that_was_lost_is_had_again(server: Server, browser: Browser) -> None:
    """The SDK's transport sends the same request up to three times in 77 seconds."""
    proof = browser.proof(TOKEN)
    first = granted(await browser.activate(proof=proof, expire_in=900))
    before = await server.rows("sessions", "events")
    for later in (0, 1, 16, 60, 0):
        server.clock.advance(later)
        again = granted(await browser.activate(proof=proof, expire_in=900))
        assert server.claims(again["token"]) == server.claims(first["token"])
        assert again["token"] != first["token"]
        assert again["expires_in"] == first["expires_in"] - (server.clock.now() - NOW)
    assert await server.rows("sessions", "events") == before
    last = await browser.activate(proof=proof, expire_in=900)
    plain(last, 401)
    assert last.headers["x-satmint-cause"] == "proof_replayed"


async def test_an_answer_to_a_renewal_is_had_again_wherever_the_proof_stands(
    server: Server, browser: Browser
) -> None:
    sat = granted(await browser.activate())["token"]
    proof = browser.proof(REFRESH, sat)
    answers = [
        await browser.renew(sat, proof),
        await browser.renew(sat, proof, expire_in=None),
        await browser.send(REFRESH, sat, headers=[("DPoP", proof)], scheme="DPoP"),
    ]
    assert len({server.claims(granted(answer)["token"]).jti for answer in answers}) == 1


async def test_what_is_left_is_never_told_as_nothing(server: Server, browser: Browser) -> None:
    proof = browser.proof(TOKEN)
    granted(await browser.activate(proof=proof, expire_in=60))
    server.clock.advance(77)
    assert granted(await browser.activate(proof=proof, expire_in=60))["expires_in"] == 1


async def test_a_session_grants_nothing_beyond_its_deadline(tmp_path: Any) -> None:  # noqa: ANN401
    async with a_service(tmp_path, max_session_seconds=3600) as server:
        browser = await a_browser(server)
        end = server.claims(browser.token).iat + 3600
        sat = granted(await browser.activate(expire_in=7200))["token"]
        assert server.claims(sat).exp == end
        server.clock.at = end - 10
        answer = granted(await browser.renew(sat, expire_in=7200))
        assert server.claims(answer["token"]).exp == end
        assert answer["expires_in"] == 10
        server.clock.at = end
        before = await server.rows()
        plain(await browser.renew(sat), 401)
        assert await server.rows() == before


@pytest.mark.parametrize(("longest", "asked", "lives"), [(600, 900, 600), (600, 60, 60)])
async def test_the_longest_life_of_a_token_is_the_operators_to_say(
    tmp_path: Any,  # noqa: ANN401
    longest: int,
    asked: int,
    lives: int,
) -> None:
    async with a_service(tmp_path, max_token_seconds=longest) as server:
        browser = await a_browser(server)
        claims = server.claims(granted(await browser.activate(expire_in=asked))["token"])
        assert claims.exp - claims.iat == lives


@pytest.mark.parametrize("sent", ["alice", "eu"])
async def test_a_sat_keeps_its_region(tmp_path: Any, sent: str) -> None:  # noqa: ANN401
    hosts = {"eu": "puc.eu.example.com", "us-central": None}
    async with a_service(tmp_path, cluster_host="puc.example.com", regions=hosts) as server:
        signer = Signer.generate()
        region = {"region": "eu"} if sent == "eu" else {}
        pair = await server.sign_in("a", scope="sat:refresh", fingerprint=signer.jkt, **region)
        browser = Browser(server, signer, pair["token"])
        sat = granted(await browser.activate())["token"]
        expected = hosts["eu"] if sent == "eu" else "puc.example.com"
        assert server.services.cipher.open(sat, TokenType.SAT).ch == expected


async def test_every_url_that_the_server_is_known_by_may_be_named(tmp_path: Any) -> None:  # noqa: ANN401
    async with a_service(
        tmp_path, cluster_host="puc.example.com:8443", regions={"eu": "puc.eu.example.com"}
    ) as server:
        browser = await a_browser(server)
        for url in (
            BASE_URL,
            "https://fabric.example.com:8443",
            "https://fabric.eu.example.com",
            "https://FABRIC.eu.example.com:443",
            "",
        ):
            granted(await browser.activate(proof=browser.proof(f"{url}{TOKEN}")))
        for url in (
            "https://fabric.example.com",
            "https://puc.eu.example.com",
            "https://evil.test",
        ):
            answer = await browser.activate(proof=browser.proof(f"{url}{TOKEN}"))
            plain(answer, 401)
            assert answer.headers["x-satmint-cause"] == "proof_target"


async def test_browsers_of_many_subscribers_at_once(server: Server) -> None:
    browsers = await asyncio.gather(*(a_browser(server, f"user{n}") for n in range(12)))
    answers = await asyncio.gather(*(browser.activate() for browser in browsers))
    sats = [granted(answer)["token"] for answer in answers]
    renewed = await asyncio.gather(
        *(browser.renew(sat) for browser, sat in zip(browsers, sats, strict=True))
    )
    for browser, answer in zip(browsers, renewed, strict=True):
        claims = server.claims(granted(answer)["token"])
        assert claims.jkt == browser.signer.jkt
        assert claims.sub == UUID(browser.pair["subscriber_id"])


async def test_info_tells_the_browser_what_its_sat_says(server: Server, browser: Browser) -> None:
    sat = granted(await browser.activate(expire_in=600))["token"]
    for token, expires_at in ((browser.token, NOW + 7200), (sat, NOW + 600)):
        told = said(await server.info(token), 200)["sat_claims"]
        assert told == {
            "scope": ["sat:refresh"],
            "expires_at": expires_at,
            "cnf": {"jkt": browser.signer.jkt},
        }


async def test_info_of_a_sat_that_names_no_key_yet(server: Server) -> None:
    browser = await a_browser(server, bound=False)
    told = said(await server.info(browser.token), 200)["sat_claims"]
    assert told == {"scope": ["sat:refresh"], "expires_at": NOW + 60}


async def test_info_says_nothing_of_claims_where_the_sat_cannot_refresh_itself(
    server: Server,
) -> None:
    """`sat_claims` is what makes the SDK activate."""
    plain_pair = await server.sign_in("bob", fingerprint="k" * 43)
    body = {"allowed_addresses": [str(server.tenant.addresses[0].id)]}
    guest = await server.client.post(
        "/api/fabric/guests/tokens", json=body, auth=server.tenant.auth
    )
    for token in (plain_pair["token"], said(guest, 201)["token"]):
        assert "sat_claims" not in said(await server.info(token), 200)


async def test_introspection_knows_it(server: Server, browser: Browser) -> None:
    sat = granted(await browser.activate())["token"]
    answer = await server.client.post(
        "/api/satmint/tokens/introspect", json={"token": sat}, auth=server.tenant.auth
    )
    told = said(answer, 200)
    assert told["active"] is True
    assert (told["exp"], told["cnf"]) == (NOW + 900, {"jkt": browser.signer.jkt})


async def test_a_page_of_another_origin_may_call_and_read_everything(
    server: Server, browser: Browser
) -> None:
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    for path in (TOKEN, REFRESH):
        preflight = await server.client.options(path, headers=asked)
        assert preflight.status_code == 204
        allowed = preflight.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "dpop"} <= set(allowed)
        for proof in (browser.proof(path, browser.token), "x"):
            answer = await browser.send(
                path, browser.token, proof, headers=[("Origin", "https://app.example")]
            )
            assert answer.headers["access-control-allow-origin"] == "*"
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert {"X-Satmint-Cause", "DPoP-Nonce", "WWW-Authenticate"} <= set(exposed)


async def test_metrics_tell_how_it_goes(server: Server, browser: Browser) -> None:
    proof = browser.proof(TOKEN)
    await browser.activate(proof=proof)
    await browser.activate(proof=proof)
    await browser.activate(proof="x")
    await browser.activate(proof=browser.proof(TOKEN, iat=NOW - 301))
    await browser.activate(proof=browser.proof(TOKEN, iat=NOW + 40))
    text = await server.scrape()
    for line in (
        'satmint_device_tokens_total{outcome="granted"} 2.0',
        'satmint_device_tokens_total{outcome="again"} 1.0',
        'satmint_device_tokens_total{outcome="proof_malformed"} 1.0',
        'satmint_proof_refusals_total{cause="proof_malformed"} 1.0',
        'satmint_proof_refusals_total{cause="proof_time"} 1.0',
        'satmint_proof_age_seconds_bucket{le="-10"} 1.0',
        'satmint_proof_age_seconds_bucket{le="2"} 3.0',
        'satmint_proof_age_seconds_bucket{le="300"} 3.0',
        'satmint_proof_age_seconds_bucket{le="+Inf"} 4.0',
    ):
        assert line in text, text


async def test_a_proof_that_is_wanted_is_asked_for_in_words_that_clients_know(
    server: Server,
) -> None:
    for path in (TOKEN, REFRESH):
        nobody = await server.client.post(path, json={})
        plain(nobody, 401)
        assert nobody.headers["www-authenticate"] == f'Bearer realm="satmint", DPoP {ALGS}'
        assert "x-satmint-cause" not in nobody.headers
