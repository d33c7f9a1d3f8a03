"""`client.satmint`, on the wire; `tests/live/test_management.py` asks the real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient

SUBSCRIBER, SESSION = "/api/satmint/subscribers/u", "/api/satmint/sessions"
ADDRESSES, C2C = "/api/satmint/addresses", "/api/satmint/c2c-tokens"
WEBHOOKS, EVENTS = "/api/satmint/webhooks", "/api/satmint/events"

WIRE: list[tuple[str, dict[str, Any], str, str, Any]] = [
    ("tokens.introspect", {"token": "t"}, "POST", "/api/satmint/tokens/introspect", {"token": "t"}),
    (
        "tokens.introspect_many", {"tokens": ("t", "u")}, "POST",
        "/api/satmint/tokens/introspect", {"tokens": ["t", "u"]},
    ),
    ("tokens.revoke", {"token": "t"}, "POST", "/api/satmint/tokens/revoke", {"token": "t"}),
    ("sessions.list", {"subscriber_id": "u"}, "GET", f"{SUBSCRIBER}/sessions", None),
    (
        "sessions.list", {"subscriber_id": "u", "page_size": 2}, "GET",
        f"{SUBSCRIBER}/sessions?page_size=2", None,
    ),
    ("sessions.get", {"session_id": "s"}, "GET", f"{SESSION}/s", None),
    ("sessions.revoke", {"session_id": "s"}, "DELETE", f"{SESSION}/s", None),
    ("sessions.revoke_all", {"subscriber_id": "u"}, "DELETE", f"{SUBSCRIBER}/sessions", None),
    (
        "sessions.revoke_all", {"subscriber_id": "u", "fingerprint": "f"}, "DELETE",
        f"{SUBSCRIBER}/sessions?fingerprint=f", None,
    ),
    ("sessions.revoke_project", {}, "DELETE", SESSION, None),
    ("subscribers.devices", {"subscriber_id": "u"}, "GET", f"{SUBSCRIBER}/devices", None),
    ("subscribers.presence", {"subscriber_id": "u"}, "GET", f"{SUBSCRIBER}/presence", None),
    (
        "addresses.create",
        {
            "name": "n", "type": "room", "context": "c", "display_name": "d",
            "channels": ("video",), "cover_url": "u", "preview_url": "p",
        },
        "POST", ADDRESSES,
        {
            "name": "n", "type": "room", "context": "c", "display_name": "d",
            "channels": ["video"], "cover_url": "u", "preview_url": "p",
        },
    ),
    (
        "addresses.update", {"address_id": "a", "locked": True}, "PATCH", f"{ADDRESSES}/a",
        {"locked": True},
    ),
    ("addresses.delete", {"address_id": "a"}, "DELETE", f"{ADDRESSES}/a", None),
    ("c2c_tokens.list", {"page_token": "p"}, "GET", f"{C2C}?page_token=p", None),
    (
        "c2c_tokens.create", {"address_id": "a", "origins": ("https://x",)}, "POST", C2C,
        {"address_id": "a", "origins": ["https://x"]},
    ),
    ("c2c_tokens.disable", {"token_id": "c"}, "POST", f"{C2C}/c/disable", None),
    ("c2c_tokens.delete", {"token_id": "c"}, "DELETE", f"{C2C}/c", None),
    ("api_tokens.list", {}, "GET", "/api/satmint/api-tokens", None),
    ("webhooks.list", {}, "GET", WEBHOOKS, None),
    ("webhooks.create", {"url": "https://x"}, "POST", WEBHOOKS, {"url": "https://x"}),
    ("webhooks.get", {"webhook_id": "w"}, "GET", f"{WEBHOOKS}/w", None),
    ("webhooks.pause", {"webhook_id": "w"}, "PATCH", f"{WEBHOOKS}/w", {"paused": True}),
    ("webhooks.resume", {"webhook_id": "w"}, "PATCH", f"{WEBHOOKS}/w", {"paused": False}),
    ("webhooks.test", {"webhook_id": "w"}, "POST", f"{WEBHOOKS}/w/test", None),
    (
        "webhooks.list_deliveries", {"webhook_id": "w", "state": "pending"}, "GET",
        f"{WEBHOOKS}/w/deliveries?state=pending", None,
    ),
    (
        "webhooks.retry_delivery", {"webhook_id": "w", "delivery_id": "d"}, "POST",
        f"{WEBHOOKS}/w/deliveries/d/retry", None,
    ),
    ("webhooks.delete", {"webhook_id": "w"}, "DELETE", f"{WEBHOOKS}/w", None),
    ("events.list", {"sort_order": "asc"}, "GET", f"{EVENTS}?sort_order=asc", None),
    (
        "events.list", {"kind": ("issued", "replayed"), "subscriber": "a", "since": 7}, "GET",
        f"{EVENTS}?kind=issued%2Creplayed&subscriber=a&since=7", None,
    ),
    (
        "project_sessions.list", {"state": "active", "bound": True, "page_size": 2}, "GET",
        f"{SESSION}?state=active&bound=true&page_size=2", None,
    ),
    ("project_sessions.count", {"kind": "guest"}, "GET", f"{SESSION}/count?kind=guest", None),
    ("project_sessions.revoke", {}, "DELETE", f"{SESSION}?state=active", None),
    (
        "project_sessions.revoke", {"subscriber": "a", "bound": False}, "DELETE",
        f"{SESSION}?state=active&subscriber=a&bound=false", None,
    ),
    ("stats.get", {}, "GET", "/api/satmint/stats", None),
]  # fmt: skip


def method_of(client: RestClient | AsyncRestClient, name: str) -> Callable[..., Any]:
    group, _, method = name.partition(".")
    found: Callable[..., Any] = getattr(getattr(client.satmint, group), method)
    return found


@pytest.mark.parametrize(("name", "named", "method", "path", "body"), WIRE)
async def test_both_clients_put_the_same_on_the_wire(
    name: str, named: dict[str, Any], method: str, path: str, body: Any
) -> None:
    seen: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        content = json.loads(request.content) if request.content else None
        seen.append((request.method, request.url.raw_path.decode(), content))
        return httpx.Response(200, json={"ok": True})

    wire = httpx.MockTransport(answer)
    with RestClient("p", "t", "example.test", transport=wire) as client:
        assert method_of(client, name)(**named) == {"ok": True}
    async with AsyncRestClient("p", "t", "example.test", transport=wire) as other:
        assert await method_of(other, name)(**named) == {"ok": True}
    assert seen == [(method, path, body)] * 2


@pytest.mark.parametrize("name", ["tokens.introspect", "tokens.revoke", "c2c_tokens.disable"])
def test_what_does_the_same_twice_is_repeated_without_a_key(name: str) -> None:
    keys: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers.get("idempotency-key"))
        if len(keys) == 1:
            raise httpx.ReadError("lost")
        return httpx.Response(200, json={})

    options = RequestOptions(retries=1, retry_backoff=0.0)
    wire = httpx.MockTransport(answer)
    given = {"token_id": "c"} if name.startswith("c2c") else {"token": "t"}
    method_of(RestClient("p", "t", "h", options, transport=wire), name)(**given)
    assert keys == [None, None]
