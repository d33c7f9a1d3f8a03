"""The messages to webhooks over the API: listed, sent again, tried out, and held back."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path

import httpx
import pytest

from satmint.model.times import iso
from tests.faults.failing_store import FailNth
from tests.kit.clock import NOW
from tests.kit.service import Server, a_service, said
from tests.webhooks.post import a_post
from tests.webhooks.receiver import receiving

WEBHOOKS = "/api/satmint/webhooks"
UNKNOWN = "6513270e-269e-4d37-b2a7-4de452e6b438"
REFUSED = b"HTTP/1.1 500 No\r\ncontent-length: 5\r\n\r\nno \x1b!"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_service(tmp_path, private_webhooks=True) as made:
        yield made


async def ask(server: Server, method: str, path: str, **more: object) -> httpx.Response:
    auth = more.pop("auth", server.tenant.auth)
    return await server.client.request(method, path, auth=auth, **more)  # type: ignore[arg-type]


async def test_deliveries_are_listed_and_sent_again(server: Server) -> None:
    async with receiving(REFUSED) as receiver, a_post(server) as post:
        webhook = await post.webhook(receiver.url)
        path = f"{WEBHOOKS}/{webhook.id}/deliveries"
        assert said(await ask(server, "GET", path), 200)["data"] == []
        await post.alert("ada@example.com")
        await post.dispatcher.deliver_due()
        (failed,) = said(await ask(server, "GET", path), 200)["data"]
        subscriber = failed.pop("subscriber_id")
        assert isinstance(failed.pop("latency_ms"), int)
        assert failed == {
            "id": receiver.headers[0]["webhook-id"],
            "state": "pending",
            "kind": "reuse_detected",
            "at": iso(NOW + 60),
            "reference": "ada@example.com",
            "attempts": 1,
            "last_attempt_at": iso(NOW + 60),
            "status": 500,
            "error": "status_500",
            "response": "no ?!",
            "next_attempt_at": iso(NOW + 65),
        }
        told = json.loads(receiver.bodies[0])["data"]
        assert (told["subscriber_id"], told["reference"]) == (subscriber, "ada@example.com")
        retry = f"{path}/{failed['id']}/retry"
        assert said(await ask(server, "POST", retry), 200)["next_attempt_at"] == iso(NOW + 60)
        for attempts in (2, 1):  # when it was delivered, it is sent once more
            assert await post.dispatcher.deliver_due() == 1
            (arrived,) = said(await ask(server, "GET", f"{path}?state=delivered"), 200)["data"]
            assert (arrived["status"], arrived["attempts"]) == (204, attempts)
            assert said(await ask(server, "POST", retry), 200)["state"] == "pending"
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
    assert len(receiver.bodies) == 3


async def test_list_has_pages_and_refuses_other_states(server: Server) -> None:
    async with a_post(server) as post:
        webhook = await post.webhook("https://hooks.example/")
        for number in range(5):
            await post.alert(f"user-{number}")
    path = f"{WEBHOOKS}/{webhook.id}/deliveries"
    seen, url = [], f"{path}?page_size=2&state=pending"
    while url:
        page = said(await ask(server, "GET", url), 200)
        seen += [one["at"] for one in page["data"]]
        url = page["links"].get("next", "")
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    refused = said(await ask(server, "GET", f"{path}?state=lost&page_size=0"), 422)
    messages = {error["attribute"]: error["message"] for error in refused["errors"]}
    assert messages["state"] == "State must be one of: pending, delivered, given_up"
    assert "page_size" in messages


async def test_nothing_of_another_project_is_found(server: Server) -> None:
    other = await server.another_tenant()
    async with a_post(server) as post:
        webhook = await post.webhook("https://hooks.example/")
        await post.alert()
    path = f"{WEBHOOKS}/{webhook.id}"
    (delivery,) = said(await ask(server, "GET", f"{path}/deliveries"), 200)["data"]
    before = await server.rows("webhooks", "deliveries")
    for auth, hook, of in (
        (other.auth, path, delivery["id"]),
        (server.tenant.auth, f"{WEBHOOKS}/{UNKNOWN}", delivery["id"]),
        (server.tenant.auth, f"{WEBHOOKS}/none", delivery["id"]),
    ):
        for method, tail, body in (
            ("GET", "", None),
            ("PATCH", "", {"paused": True}),
            ("GET", "/deliveries", None),
            ("POST", f"/deliveries/{of}/retry", None),
            ("POST", "/test", None),
        ):
            said(await ask(server, method, hook + tail, json=body, auth=auth), 404)
    said(await ask(server, "POST", f"{path}/deliveries/{UNKNOWN}/retry"), 404)
    assert await server.rows("webhooks", "deliveries") == before


async def test_a_paused_webhook_waits_until_it_is_resumed(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        webhook = await post.webhook(receiver.url)
        path = f"{WEBHOOKS}/{webhook.id}"
        shown = said(await ask(server, "PATCH", path, json={"paused": True}), 200)
        assert (shown["state"], shown["paused_by"], shown["state_since"]) == (
            *("paused", "operator", iso(NOW)),
        )
        assert said(await ask(server, "GET", path), 200) == shown
        await post.alert()
        assert await post.dispatcher.deliver_due() == 0
        (waiting,) = said(await ask(server, "GET", f"{path}/deliveries"), 200)["data"]
        assert waiting["next_attempt_at"] is None
        shown = said(await ask(server, "PATCH", path, json={"paused": False}), 200)
        assert (shown["state"], shown["paused_by"]) == ("new", None)
        assert await post.dispatcher.deliver_due() == 1
    assert len(receiver.bodies) == 1
    said(await ask(server, "PATCH", path, json={}), 422)
    said(await ask(server, "PATCH", path, json={"paused": "true"}), 422)
    events = [event.kind for event in await server.audit_trail()]
    assert events.count("webhook_paused") == events.count("webhook_resumed") == 1  # type: ignore[arg-type]


async def test_test_message_is_signed_and_answered_with_its_result(server: Server) -> None:
    yes = b"HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\n\r\nyes"
    async with receiving(yes, REFUSED) as receiver:
        made = said(await ask(server, "POST", WEBHOOKS, json={"url": receiver.url}), 201)
        path = f"{WEBHOOKS}/{made['id']}"
        said(await ask(server, "PATCH", path, json={"paused": True}), 200)
        results = [said(await ask(server, "POST", f"{path}/test"), 200) for _ in range(2)]
    for result in results:
        assert isinstance(result.pop("latency_ms"), int)
    assert results == [
        {"delivered": True, "status": 202, "error": None, "response": "yes"},
        {"delivered": False, "status": 500, "error": "status_500", "response": "no ?!"},
    ]
    headers, body = receiver.headers[0], receiver.bodies[0]
    told = json.loads(body)
    assert told["type"] == "test"
    assert told["data"]["id"] == headers["webhook-id"]
    assert told["data"]["project_id"] == str(server.tenant.id)
    assert receiver.headers[1]["webhook-id"] != headers["webhook-id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(made["secret"].removeprefix("whsec_"))
    assert headers["webhook-signature"].partition(",")[2] == (
        b64encode(hmac_digest(key, signed, sha256)).decode()
    )
    # It is no delivery, and shows nothing of the endpoint's state.
    assert said(await ask(server, "GET", f"{path}/deliveries"), 200)["data"] == []
    shown = said(await ask(server, "GET", path), 200)
    assert (shown["last_error"], shown["paused_by"]) == (None, "operator")


async def test_no_test_message_is_sent_while_the_store_fails(server: Server) -> None:
    services, good = server.service.services, server.service.store
    async with receiving() as receiver, a_post(server) as post:
        path = f"{WEBHOOKS}/{(await post.webhook(receiver.url)).id}/test"
        never = FailNth(good, nth=0)
        services.store = never.store
        assert said(await ask(server, "POST", path), 200)["delivered"] is True
        for nth in range(1, len(never.calls) + 1):
            server.clock.advance(1)  # credentials are looked up again
            services.store = FailNth(good, nth).store
            assert (await ask(server, "POST", path)).status_code == 503
        services.store = good
        assert len(receiver.bodies) == 1


async def test_a_secret_that_signed_a_test_is_not_shown_again(server: Server) -> None:
    key = {"Idempotency-Key": "once"}
    async with receiving() as receiver:
        body = {"url": receiver.url}
        made = said(await ask(server, "POST", WEBHOOKS, json=body, headers=key), 201)
        server.clock.advance(60)
        again = said(await ask(server, "POST", WEBHOOKS, json=body, headers=key), 201)
        assert again["secret"] == made["secret"]
        said(await ask(server, "POST", f"{WEBHOOKS}/{made['id']}/test"), 200)
        said(await ask(server, "POST", WEBHOOKS, json=body, headers=key), 422)


async def test_a_project_has_ten_tests_a_minute(server: Server) -> None:
    other = await server.another_tenant()
    async with receiving() as receiver:
        paths = {}
        for auth in (server.tenant.auth, other.auth):
            body = {"url": receiver.url}
            made = said(await ask(server, "POST", WEBHOOKS, json=body, auth=auth), 201)
            paths[auth] = f"{WEBHOOKS}/{made['id']}/test"
        mine, theirs = paths.items()
        for _ in range(10):
            said(await ask(server, "POST", mine[1], auth=mine[0]), 200)
        refused = await ask(server, "POST", mine[1], auth=mine[0])
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 60
        said(await ask(server, "POST", theirs[1], auth=theirs[0]), 200)
        server.clock.advance(60)
        said(await ask(server, "POST", mine[1], auth=mine[0]), 200)
    assert len(receiver.bodies) == 12


async def test_a_test_does_not_tell_of_the_server_s_own_network(tmp_path: Path) -> None:
    """Neither by its words nor by the time that it takes."""
    async with a_service(tmp_path) as server, receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        taken = {}
        for host in (f"127.0.0.1:{port}", f"[::1]:{port}", "10.0.0.7", "name.invalid"):
            body = {"url": f"https://{host}/"}
            made = said(await ask(server, "POST", WEBHOOKS, json=body), 201)
            begin = time.monotonic()
            result = said(await ask(server, "POST", f"{WEBHOOKS}/{made['id']}/test"), 200)
            taken[host] = time.monotonic() - begin
            assert result == {
                "delivered": False,
                "status": None,
                "error": "unreachable",
                "latency_ms": None,
                "response": None,
            }
        assert receiver.headers == []
    assert min(taken.values()) >= 1.0


async def test_http_is_refused_with_the_setting_s_name(tmp_path: Path) -> None:
    async with a_service(tmp_path) as server:
        for url in ("http://127.0.0.1:8000/", "http://localhost/", "http://hooks.example/"):
            refused = await ask(server, "POST", WEBHOOKS, json={"url": url})
            assert refused.status_code == 422
            assert "SATMINT_PRIVATE_WEBHOOKS=true" in refused.json()["errors"][0]["message"]
