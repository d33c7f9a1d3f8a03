"""Rate limits: who is told to wait, for how long, and who never is."""

from pathlib import Path
from typing import Final

import httpx
import pytest

from satmint.model import rate_limiter
from satmint.model.events import EventKind
from tests.http.answer_contract import field_errors, plain
from tests.kit.devices import TOKEN, a_seen_browser
from tests.kit.service import INFO, TOKENS, Bearer, Server, a_service, said

TOO_OFTEN: Final = [("rate_limit_exceeded", "Too many requests: try again later", None)]
EMBED: Final = "/api/embeds/tokens"
WRONG: Final = httpx.BasicAuth("c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f", "PTwrong")


async def fail(server: Server, client: httpx.AsyncClient | None = None) -> httpx.Response:
    return await (client or server.client).post(TOKENS, json={"reference": "x"}, auth=WRONG)


async def test_failed_credentials_are_sixty_a_minute_by_default(server: Server) -> None:
    for _ in range(60):
        plain(await fail(server), 401)
    server.clock.advance(13)
    answer = await fail(server)
    assert field_errors(answer, 429) == TOO_OFTEN
    assert answer.headers["retry-after"] == "47"
    server.clock.advance(47)
    plain(await fail(server), 401)


@pytest.mark.parametrize("step", [-86_400, -3600, -30, 30, 3600])
async def test_a_step_of_the_clock_neither_ends_a_limit_nor_prolongs_it(
    tmp_path: Path, step: int
) -> None:
    async with a_service(tmp_path, failures_per_minute=1) as server:
        plain(await fail(server), 401)
        server.clock.advance(20)
        server.clock.step(step)
        assert (await fail(server)).headers["retry-after"] == "40"
        server.clock.advance(40)
        plain(await fail(server), 401)


async def test_right_credentials_are_never_held_back_by_others_failures(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=2) as server:
        pair = await server.sign_in()
        for _ in range(5):
            await fail(server)
        assert field_errors(await fail(server), 429) == TOO_OFTEN
        assert (await server.info(pair["token"])).status_code == 200
        said(await server.refresh(pair["refresh_token"]), 201)
        said(await server.client.get("/api/fabric/addresses", auth=server.tenant.auth), 200)
        other = await server.another_tenant()
        said(await server.client.get("/api/fabric/addresses", auth=other.auth), 200)


async def test_failures_count_by_address_and_for_either_kind_of_credential(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path, failures_per_minute=2) as server:
        await fail(server)
        plain(await server.info("x.y.z"), 401)
        assert field_errors(await server.info("x.y.z"), 429) == TOO_OFTEN
        assert field_errors(await fail(server), 429) == TOO_OFTEN
        async with server.client_at("10.0.0.2") as elsewhere:
            plain(await fail(server, elsewhere), 401)


async def test_no_credentials_and_too_few_permissions_are_no_failed_attempt(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path, failures_per_minute=1) as server:
        for _ in range(3):
            plain(await server.client.get(INFO), 401)
            plain(await server.client.post(TOKENS), 401)
        plain(await server.info("x"), 401)


async def test_expired_sat_counts_and_still_lets_the_new_one_in(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=1) as server:
        old = await server.sign_in()
        server.clock.advance(7200)
        new = await server.sign_in()
        plain(await server.info(old["token"]), 401)
        assert field_errors(await server.info(old["token"]), 429) == TOO_OFTEN
        assert (await server.info(new["token"])).status_code == 200


@pytest.mark.parametrize("limit", [1, 3])
async def test_embeds_are_limited_per_token_and_address(tmp_path: Path, limit: int) -> None:
    async with a_service(tmp_path, embeds_per_minute=limit) as server:
        _, text = await server.c2c_token()
        _, other = await server.c2c_token()
        for _ in range(limit):
            said(await server.client.post(EMBED, json={"token": text}), 201)
        before = await server.rows()
        answer = await server.client.post(
            EMBED, json={"token": text}, headers={"Origin": "https://shop.example"}
        )
        assert field_errors(answer, 429) == TOO_OFTEN
        assert answer.headers["retry-after"] == "60"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        assert await server.rows() == before
        said(await server.client.post(EMBED, json={"token": other}), 201)
        async with server.client_at("10.0.0.2") as elsewhere:
            said(await elsewhere.post(EMBED, json={"token": text}), 201)
        server.clock.advance(60)
        said(await server.client.post("/api/fabric/embeds/tokens", json={"token": text}), 201)


async def test_the_limit_of_an_embed_token_is_not_forgotten_over_invented_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "_MAX_KEYS", 10)
    async with a_service(tmp_path, embeds_per_minute=1, failures_per_minute=1000) as server:
        _, text = await server.c2c_token()
        said(await server.client.post(EMBED, json={"token": text}), 201)
        for number in range(30):
            invented = text[:-8] + f"{number:08d}"
            assert (await server.client.post(EMBED, json={"token": invented})).status_code == 404
        assert field_errors(await server.client.post(EMBED, json={"token": text}), 429) == TOO_OFTEN


async def test_guessing_at_embed_tokens_counts_as_failing(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=2) as server:
        for status in (404, 404, 429):
            answer = await server.client.post(EMBED, json={"token": "c2c_guess"})
            assert answer.status_code == status


async def test_both_paths_of_an_embed_share_one_limit(tmp_path: Path) -> None:
    async with a_service(tmp_path, embeds_per_minute=1) as server:
        _, text = await server.c2c_token()
        said(await server.client.post(EMBED, json={"token": text}), 201)
        answer = await server.client.post("/api/fabric/embeds/tokens", json={"token": text})
        assert field_errors(answer, 429) == TOO_OFTEN


async def test_replayed_answers_cost_nothing(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=1, embeds_per_minute=1) as server:
        pair = await server.sign_in()
        for _ in range(10):
            said(await server.refresh(pair["refresh_token"]), 201)
        events = await server.client.get("/api/satmint/events", auth=server.tenant.auth)
        kinds = [item["kind"] for item in said(events, 200)["data"]]
        assert kinds.count("replayed") == 1
        assert (await server.client.get(INFO, auth=Bearer(pair["token"]))).status_code == 200


async def test_calls_are_limited_per_backend_where_that_is_asked_for(tmp_path: Path) -> None:
    async with a_service(tmp_path, calls_per_minute=3) as server:
        other = await server.another_tenant()
        for _ in range(3):
            await server.sign_in()
        answer = await server.client.post(TOKENS, json={"reference": "x"}, auth=server.tenant.auth)
        assert field_errors(answer, 429) == TOO_OFTEN
        assert answer.headers["retry-after"] == "60"
        said(await server.client.post(TOKENS, json={"reference": "x"}, auth=other.auth), 200)
        server.clock.advance(60)
        await server.sign_in()


async def test_holders_use_up_nothing_for_the_backend_or_for_each_other(tmp_path: Path) -> None:
    """Else any visitor of a page could lock its owner out."""
    async with a_service(tmp_path, calls_per_minute=3) as server:
        one, other = await server.sign_in("one"), await server.sign_in("other")
        statuses = [(await server.info(one["token"])).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await server.info(other["token"])).status_code == 200
        await server.sign_in()


async def test_five_replays_of_a_generation_cost_nothing_of_the_calls(tmp_path: Path) -> None:
    async with a_service(tmp_path, calls_per_minute=3) as server:
        pair = await server.sign_in()
        await server.rotate(pair["refresh_token"])
        for _ in range(5):
            await server.rotate(pair["refresh_token"])
        await server.sign_in()
        assert (await server.refresh(pair["refresh_token"])).status_code == 429


async def test_further_replays_count_as_calls_and_are_counted_in_the_session(
    tmp_path: Path,
) -> None:
    """400 of them in a minute are one event, and refused where there is a limit."""
    async with a_service(tmp_path, calls_per_minute=10) as server:
        pair = await server.sign_in()
        await server.rotate(pair["refresh_token"])
        answers = [await server.refresh(pair["refresh_token"]) for _ in range(400)]
        assert [answer.status_code for answer in answers] == [201] * 13 + [429] * 387
        assert {answer.headers["retry-after"] for answer in answers[13:]} == {"60"}
        server.clock.advance(60)
        head = said(await server.refresh(pair["refresh_token"]), 201)
        row = await server.row_of_session(server.claims(head["token"]).sid)
        assert row["replays"] == 14
        assert (await server.events()).count(EventKind.REPLAYED) == 1
        # The next generation has five free ones again.
        await server.rotate(head["refresh_token"])
        for _ in range(5):
            await server.rotate(head["refresh_token"])
        row = await server.row_of_session(server.claims(head["token"]).sid)
        assert row["replays"] == 5
        assert (await server.events()).count(EventKind.REPLAYED) == 2


async def test_device_request_that_is_sent_again_costs_nothing_of_the_calls(tmp_path: Path) -> None:
    async with a_service(tmp_path, calls_per_minute=3) as server:
        browser = await a_seen_browser(server)
        proof = browser.proof(TOKEN)
        for _ in range(4):
            said(await browser.activate(proof=proof), 201)
        said(await browser.activate(), 201)
        assert field_errors(await browser.activate(), 429) == TOO_OFTEN


async def test_network_of_64_bits_counts_as_one_address(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=2) as server:
        for host, status in (("2001:db8::1", 401), ("2001:db8::2", 401), ("2001:db8::3", 429)):
            async with server.client_at(host) as client:
                assert (await fail(server, client)).status_code == status
        async with server.client_at("2001:db8:0:1::1") as client:
            assert (await fail(server, client)).status_code == 401
