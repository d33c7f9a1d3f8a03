"""Requests with an idempotency key: repeated, they make one thing and get one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
import pytest

from satmint.model.idempotency import KEPT_SECONDS
from satmint.model.lifetimes import CONCURRENT_REPLAY_SECONDS
from satmint.model.listing import Window
from tests.kit.service import INFO, REFRESH, TOKENS, Bearer, Json, Server, said

GUESTS: Final = "/api/fabric/guests/tokens"
INVITES: Final = "/api/fabric/subscriber/invites"
SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"
PROJECT_TOKENS: Final = "/api/project/tokens"
ADDRESSES: Final = "/api/satmint/addresses"
ROOMS: Final = "/api/fabric/resources/conference_rooms"
C2C: Final = "/api/satmint/c2c-tokens"
WEBHOOKS: Final = "/api/satmint/webhooks"
KEY: Final = '"6b1f2c3d-8e0f-4c8a-9b7e-1f2a3b4c5d6e"'
LATER: Final = CONCURRENT_REPLAY_SECONDS + 1
ALL: Final = Window(100)


def body_of(server: Server, path: str) -> Json:
    """A body that makes something."""
    address = str(server.tenant.addresses[0].id)
    bodies: dict[str, Json] = {
        TOKENS: {"reference": "alice@example.com", "first_name": "Alice"},
        GUESTS: {"allowed_addresses": [address]},
        SUBSCRIBERS: {"email": "bob@example.com"},
        PROJECT_TOKENS: {"name": "ci", "permissions": ["calling"]},
        ADDRESSES: {"name": "reception", "type": "room"},
        ROOMS: {"name": "lounge"},
        C2C: {"name": "shop", "address_id": address},
        WEBHOOKS: {"url": "https://hooks.example.com/satmint"},
    }
    return bodies[path]


PATHS: Final = (TOKENS, GUESTS, SUBSCRIBERS, PROJECT_TOKENS, ADDRESSES, ROOMS, C2C, WEBHOOKS)
TABLES: Final = (
    "sessions",
    "subscribers",
    "api_tokens",
    "addresses",
    "rooms",
    "c2c_tokens",
    "webhooks",
)


async def post(
    server: Server, path: str, body: Json | None = None, key: str = KEY, **headers: str
) -> httpx.Response:
    sent = {"Idempotency-Key": key, **headers}
    body = body_of(server, path) if body is None else body
    return await server.client.post(path, json=body, auth=server.tenant.auth, headers=sent)


def same(server: Server, path: str, first: Json, again: Json) -> bool:
    """Whether two answers are equivalent: sealed tokens differ in their random parts."""
    if path in (TOKENS, GUESTS):
        assert server.claims(first["token"]) == server.claims(again["token"])
        return {**first, "token": "", "refresh_token": ""} == {
            **again,
            "token": "",
            "refresh_token": "",
        }
    return first == again


def refused(answer: httpx.Response, code: str) -> str:
    """The message of the only error of a refusal, which is of the key."""
    (entry,) = said(answer, 422)["errors"]
    assert (entry["code"], entry["attribute"]) == (code, "Idempotency-Key")
    assert "Idempotent-Replayed" not in answer.headers
    return str(entry["message"])


async def test_a_repetition_makes_nothing_and_is_answered_alike(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    firsts = {path: await post(server, path) for path in PATHS}
    made = await server.rows(*TABLES, "events")
    server.clock.advance(3600)
    for path, first in firsts.items():
        assert first.is_success, first.text
        assert "Idempotent-Replayed" not in first.headers
        again = await post(server, path)
        assert again.status_code == first.status_code, (path, again.text)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert same(server, path, first.json(), again.json())
    assert await server.rows(*TABLES, "events") == made


async def test_of_twenty_at_once_one_makes_something_and_all_are_answered_alike(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    for path in PATHS:
        count = 4 if path == SUBSCRIBERS else 20  # each of these hashes a password
        answers = await asyncio.gather(*(post(server, path) for _ in range(count)))
        assert {answer.status_code for answer in answers} == {answers[0].status_code}, path
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
        first, *others = (answer.json() for answer in answers)
        assert all(same(server, path, first, other) for other in others)
    assert len((await server.rows("keyed_requests"))["keyed_requests"]) == len(PATHS)
    assert len((await server.rows("sessions"))["sessions"]) == 2
    assert len((await server.rows("webhooks"))["webhooks"]) == 1


async def test_another_body_with_the_same_key_is_refused_and_makes_nothing(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    for path in PATHS:
        said_first = await post(server, path)
        assert said_first.is_success
    made = await server.rows()
    others: Mapping[str, Json] = {
        TOKENS: {"reference": "alice@example.com", "first_name": "Alicia"},
        GUESTS: {"allowed_addresses": [str(server.tenant.addresses[1].id)]},
        SUBSCRIBERS: {"email": "carol@example.com"},
        PROJECT_TOKENS: {"name": "ci", "permissions": ["calling", "video"]},
        ADDRESSES: {"name": "reception", "type": "app"},
        C2C: {**body_of(server, C2C), "origins": ["https://shop.example.com"]},
        WEBHOOKS: {"url": "https://hooks.example.com/other"},
    }
    for path, body in others.items():
        refused(await post(server, path, body), "idempotency_key_reused")
    assert await server.rows() == made


async def test_a_key_counts_for_24_hours(server_on_each_store: Server) -> None:
    server = server_on_each_store
    first = said(await post(server, PROJECT_TOKENS), 200)
    server.clock.advance(KEPT_SECONDS - 1)
    assert said(await post(server, PROJECT_TOKENS), 200) == first
    server.clock.advance(1)
    other = await post(server, PROJECT_TOKENS, {"name": "new", "permissions": ["video"]})
    assert said(other, 200)["id"] != first["id"]
    assert "Idempotent-Replayed" not in other.headers
    assert len((await server.rows("keyed_requests"))["keyed_requests"]) == 1
    server.clock.advance(KEPT_SECONDS)
    await server.services.store.purge(server.clock.now(), 0, 100)
    assert (await server.rows("keyed_requests"))["keyed_requests"] == []


async def test_the_order_the_blanks_and_the_nulls_of_a_body_do_not_count(server: Server) -> None:
    sent = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    texts = (
        '{"name":"x","type":"room"}',
        '{ "type": "room",\n "name": "\\u0078" }',
        '{"name":"x","type":"room","display_name":null}',
    )
    first, *others = [
        await server.client.post(ADDRESSES, content=text, auth=server.tenant.auth, headers=sent)
        for text in texts
    ]
    for again in others:
        assert said(again, 201) == said(first, 201)
        assert again.headers["Idempotent-Replayed"] == "true"


async def test_the_key_of_another_caller_is_another_key(server: Server) -> None:
    """Of another API token of the project too: it gets no secret that it could not make."""
    first = said(await post(server, PROJECT_TOKENS), 200)
    manager = {"name": "manager", "permissions": ["management"]}
    second = said(await post(server, PROJECT_TOKENS, manager, key="other"), 200)
    body, sent = body_of(server, PROJECT_TOKENS), {"Idempotency-Key": KEY}
    colleague = httpx.BasicAuth(str(server.tenant.id), second["token"])
    foreign = (await server.another_tenant()).auth
    for auth in (colleague, foreign):
        answer = await server.client.post(PROJECT_TOKENS, json=body, auth=auth, headers=sent)
        assert said(answer, 200)["token"] != first["token"]
        assert "Idempotent-Replayed" not in answer.headers
    fabric = {"name": "fabric", "permissions": ["calling"]}
    weak = said(await post(server, PROJECT_TOKENS, fabric, key="third"), 200)
    auth = httpx.BasicAuth(str(server.tenant.id), weak["token"])
    answer = await server.client.post(PROJECT_TOKENS, json=body, auth=auth, headers=sent)
    assert answer.status_code == 401


async def test_one_key_on_two_paths_is_two_keys(server: Server) -> None:
    for path in PATHS:
        assert "Idempotent-Replayed" not in (await post(server, path)).headers


async def test_a_request_that_makes_nothing_leaves_its_key_free(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    await post(server, ADDRESSES, {"name": "taken", "type": "room"}, key="first")
    taken = await post(server, ADDRESSES, {"name": "taken", "type": "room"})
    assert taken.status_code == 422
    for number in range(10):
        hook = {"url": f"https://hooks.example.com/{number}"}
        assert (await post(server, WEBHOOKS, hook, key=f"hook-{number}")).is_success
    assert (await post(server, WEBHOOKS)).status_code == 422
    assert said(await post(server, WEBHOOKS, {"url": "https://hooks.example.com/9"}, "hook-9"), 201)
    garbled = await post(server, SUBSCRIBERS, {"mail": "x"})
    assert garbled.status_code == 422
    for path in (ADDRESSES, SUBSCRIBERS):
        assert "Idempotent-Replayed" not in (await post(server, path)).headers


async def test_what_was_deleted_is_not_made_again(server_on_each_store: Server) -> None:
    server = server_on_each_store
    named = (SUBSCRIBERS, PROJECT_TOKENS, ADDRESSES, C2C, WEBHOOKS)
    for path in named:
        made = (await post(server, path)).json()
        gone = await server.client.delete(f"{path}/{made['id']}", auth=server.tenant.auth)
        assert gone.status_code == 204
        message = refused(await post(server, path), "idempotency_result_unavailable")
        assert "was deleted" in message


async def use_api_token(server: Server, made: Json) -> None:
    auth = httpx.BasicAuth(str(server.tenant.id), made["token"])
    assert (await server.client.get(ADDRESSES, auth=auth)).status_code in (401, 404, 405)
    assert (await server.client.get(SUBSCRIBERS, auth=auth)).status_code == 200


async def use_sat(server: Server, made: Json) -> None:
    assert (await server.info(made["token"])).status_code == 200
    await server.settled()


async def rotate(server: Server, made: Json) -> None:
    await server.rotate(made["refresh_token"])


async def revoke(server: Server, made: Json) -> None:
    body = {"token": made["token"]}
    path = "/api/satmint/tokens/revoke"
    answer = await server.client.post(path, json=body, auth=server.tenant.auth)
    assert answer.is_success


async def expire(server: Server, _made: Json) -> None:
    server.clock.advance(7200)


USES: Final[dict[str, tuple[str, Callable[[Server, Json], Awaitable[None]], str]]] = {
    "an API token": (PROJECT_TOKENS, use_api_token, "was used"),
    "a SAT": (TOKENS, use_sat, "was used"),
    "a guest's SAT": (GUESTS, use_sat, "was used"),
    "a refresh token": (TOKENS, rotate, "was used"),
    "a guest's refresh token": (GUESTS, rotate, "was used"),
    "a revoked session": (TOKENS, revoke, "was revoked"),
    "an expired session": (GUESTS, expire, "was revoked or has expired"),
}


@pytest.mark.parametrize("use", USES)
async def test_a_secret_that_was_used_is_not_shown_again(
    server_on_each_store: Server, use: str
) -> None:
    server, (path, used, reason) = server_on_each_store, USES[use]
    first = (await post(server, path)).json()
    server.clock.advance(LATER)
    assert same(server, path, first, (await post(server, path)).json())
    await used(server, first)
    made = await server.rows(*TABLES, "events")
    message = refused(await post(server, path), "idempotency_result_unavailable")
    assert reason in message
    assert await server.rows(*TABLES, "events") == made


async def test_requests_at_the_same_time_get_a_secret_that_one_of_them_used(
    server: Server,
) -> None:
    for path, use in ((PROJECT_TOKENS, use_api_token), (TOKENS, use_sat)):
        first = (await post(server, path)).json()
        await use(server, first)
        server.clock.advance(CONCURRENT_REPLAY_SECONDS)
        assert same(server, path, first, (await post(server, path)).json())


async def test_a_webhook_that_is_being_sent_something_keeps_its_secret(server: Server) -> None:
    made = said(await post(server, WEBHOOKS), 201)
    server.clock.advance(LATER)
    (webhook,) = (await server.services.store.webhooks.list(server.tenant.id, ALL)).items
    await server.rotate((await server.sign_in())["refresh_token"])
    assert said(await post(server, WEBHOOKS), 201)["secret"] == made["secret"]
    pair = await server.sign_in("mallory")
    await revoke(server, pair)
    store, now = server.services.store.webhooks, server.clock.now()
    assert len(await store.claim_due(webhook, now, now + 30, 1)) == 1
    # Its message is being sent.
    refused(await post(server, WEBHOOKS), "idempotency_result_unavailable")


async def test_an_api_token_that_was_made_without_a_key_is_as_before(server: Server) -> None:
    body = body_of(server, PROJECT_TOKENS)
    answer = await server.client.post(PROJECT_TOKENS, json=body, auth=server.tenant.auth)
    await use_api_token(server, said(answer, 200))
    assert (await server.rows("keyed_requests"))["keyed_requests"] == []


async def test_a_repetition_shows_the_resource_as_it_is_now(server: Server) -> None:
    made = said(await post(server, PROJECT_TOKENS), 200)
    change = {"name": "renamed"}
    path = f"{PROJECT_TOKENS}/{made['id']}"
    said(await server.client.patch(path, json=change, auth=server.tenant.auth), 200)
    assert said(await post(server, PROJECT_TOKENS), 200) == {**made, **change}


async def test_a_rotated_keyring_still_answers_and_a_removed_key_does_not(server: Server) -> None:
    services, now = server.services, server.clock.now()
    first = said(await post(server, PROJECT_TOKENS), 200)
    keyring = services.cipher.keyring
    services.cipher.reload(keyring.rotate(services.entropy, now))
    assert said(await post(server, PROJECT_TOKENS), 200) == first
    services.cipher.reload(services.cipher.keyring.remove(keyring.active.id))
    message = refused(await post(server, PROJECT_TOKENS), "idempotency_result_unavailable")
    assert "keyring" in message


BAD: Final = (
    *("", '""', '"', '"a', 'a"', '"a" "b"', '"a";p=1', '"a", "b"', "a b", "a,b", "'a b'", '"\\a"'),
    *('"a\tb"', "a\\b", '"' + "a" * 256 + '"', "a" * 256, ":YQ==:x y"),
)
GOOD: Final = (
    *('"a"', "a", '"' + "a" * 255 + '"', "a" * 255, '"a b"', '"\\"\\\\"', '"a,b"', "?1", "12"),
    "order_1234:retry=no",
)


@pytest.mark.parametrize("key", BAD)
async def test_a_malformed_key_is_refused(server: Server, key: str) -> None:
    message = refused(await post(server, ADDRESSES, key=key), "invalid_parameter")
    assert "1 to 255 visible ASCII characters" in message
    assert (await server.rows("keyed_requests"))["keyed_requests"] == []


@pytest.mark.parametrize("key", GOOD)
async def test_a_key_is_a_quoted_string_or_a_word(server: Server, key: str) -> None:
    first = said(await post(server, ADDRESSES, key=key), 201)
    assert said(await post(server, ADDRESSES, key=f" {key} "), 201) == first


async def test_two_headers_are_refused(server: Server) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    body = body_of(server, ADDRESSES)
    answer = await server.client.post(
        ADDRESSES, json=body, auth=server.tenant.auth, headers=headers
    )
    refused(answer, "invalid_parameter")


async def test_a_bare_word_is_the_same_key_as_in_quotes(server: Server) -> None:
    first = said(await post(server, ADDRESSES, key='"a-1"'), 201)
    assert said(await post(server, ADDRESSES, key="a-1"), 201) == first


async def test_operations_that_make_nothing_ignore_the_header(server: Server) -> None:
    """Also a malformed one: clients of other services send it with each POST."""
    pair, sent = await server.sign_in(), {"Idempotency-Key": '"'}
    _, c2c_token = await server.c2c_token()
    embed = {"token": c2c_token}
    for path, body, status in (
        (REFRESH, {"refresh_token": pair["refresh_token"]}, 201),
        ("/api/fabric/embeds/tokens", embed, 201),
        ("/api/satmint/tokens/introspect", {"token": pair["token"]}, 200),
    ):
        answer = await server.client.post(path, json=body, auth=server.tenant.auth, headers=sent)
        assert answer.status_code == status
    answers = [
        await server.client.post(
            "/api/fabric/embeds/tokens", json=embed, headers={"Idempotency-Key": KEY}
        )
        for _ in range(2)
    ]
    subjects = {server.claims(answer.json()["token"]).sub for answer in answers}
    assert len(subjects) == 2  # whoever has the public token is no one caller


async def test_browsers_may_send_keys_and_read_that_an_answer_is_a_repetition(
    server: Server,
) -> None:
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    preflight = await server.client.options(INVITES, headers=asked)
    assert "idempotency-key" in preflight.headers["Access-Control-Allow-Headers"]
    answer = await post(server, ADDRESSES, Origin="https://app.example.com")
    assert "Idempotent-Replayed" in answer.headers["Access-Control-Expose-Headers"]


async def test_a_repetition_is_no_change_in_the_log_and_the_database_has_no_secret(
    server: Server,
) -> None:
    key, texts = "4d7a1f0e-unlikely-key", []
    for path in PATHS:
        made = (await post(server, path, key=key)).json()
        texts += [made[name] for name in ("token", "secret", "refresh_token") if name in made]
    await server.services.store.close()
    stored = server.database.read_bytes()
    for text in (*texts, key):
        assert text.encode() not in stored


async def test_an_invite_of_an_api_token_is_repeated(server_on_each_store: Server) -> None:
    server = server_on_each_store
    pair = await server.sign_in()
    address = said(await server.info(pair["token"]), 200)["fabric_addresses"][0]["id"]
    answers = await asyncio.gather(
        *(post(server, INVITES, {"address_id": address}) for _ in range(5))
    )
    claims = {str(server.claims(said(answer, 201)["token"])) for answer in answers}
    assert len(claims) == 1
    token = answers[0].json()["token"]
    assert (await server.client.get(INFO, auth=Bearer(token))).status_code == 200
    server.clock.advance(LATER)
    await server.settled()
    refused(await post(server, INVITES, {"address_id": address}), "idempotency_result_unavailable")


async def test_a_request_without_a_key_costs_no_statement_more(server: Server) -> None:
    """The batches of sign-ins and guests run as if there were no keys."""
    statements: list[str] = []
    store: Any = server.services.store
    reader = store._reader
    workers = (store._writer, reader._lookup_worker, reader._list_worker)
    for connection in (reader._lookup_connection, *(worker._connection for worker in workers)):
        connection.set_trace_callback(statements.append)
    for path in PATHS:
        body = body_of(server, path)
        answer = await server.client.post(path, json=body, auth=server.tenant.auth)
        assert answer.is_success
    assert statements
    assert not [text for text in statements if "keyed_requests" in text]
