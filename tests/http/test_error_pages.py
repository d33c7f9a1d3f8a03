"""Errors that a browser meets are pages; programs get the same JSON as ever."""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from satmint.http.cors import Cors
from satmint.http.explanations import EXPLANATIONS
from satmint.http.navigation import is_navigation
from satmint.http.pages.rendering import breakable
from satmint.http.unavailable import UnavailableApplication
from satmint.model.refusals import Code
from tests.kit.entropy import SeededEntropy
from tests.kit.pages import Document, at
from tests.kit.service import BASE_URL, REFRESH, TOKENS, Server

CHROMIUM: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
FIREFOX: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DOCUMENT: Final = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
NAVIGATION: Final = {"Accept": CHROMIUM, **DOCUMENT}
FETCH: Final = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
SECRET: Final = "eyJhbGciOiJkaXIi-secret"

PAGES: Final = {
    "Chromium": NAVIGATION,
    "Firefox": {"Accept": FIREFOX, **DOCUMENT},
    "Safari of old, without Fetch Metadata": {"Accept": FIREFOX},
    "a browser on a plain HTTP address": {"Accept": CHROMIUM},
    "HTML alone": {"Accept": "text/html"},
    "HTML rather than JSON": {"Accept": "application/json;q=0.5, text/html;q=0.9"},
    "XHTML": {"Accept": "application/xhtml+xml"},
    "in capitals": {"Accept": "TEXT/HTML, */*; Q=0.1"},
    "a document of any type": {"Accept": "*/*", **DOCUMENT},
    "a document without Accept": DOCUMENT,
    "without a mode": {"Accept": FIREFOX, "Sec-Fetch-Dest": "document"},
}
JSON: Final[dict[str, dict[str, str]]] = {
    "no Accept": {},
    "curl": {"Accept": "*/*"},
    "the vendor's SDK": {"Accept": "application/json"},
    "axios": {"Accept": "application/json, text/plain, */*"},
    "jQuery": {"Accept": "application/json, text/javascript, */*; q=0.01"},
    "as much HTML as JSON": {"Accept": "text/html, application/json"},
    "as much HTML as anything": {"Accept": "text/html, */*"},
    "JSON rather than HTML": {"Accept": "text/html;q=0.8, application/json"},
    "HTML refused": {"Accept": "text/html;q=0, */*;q=0.1"},
    "any text": {"Accept": "text/*"},
    "a malformed weight": {"Accept": "text/html;q=high"},
    "a weight with two points": {"Accept": "text/html;q=0..5"},
    "a weight that is not ASCII": {"Accept": "text/html;q=²"},
    "empty": {"Accept": ""},
    "commas": {"Accept": ",,;,"},
    "a script's fetch": {"Accept": "*/*", **FETCH},
    "a script that asks for HTML": {"Accept": FIREFOX, **FETCH},
    "a frame": {"Accept": FIREFOX, "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
    "an image": {"Accept": "image/avif,*/*;q=0.8", "Sec-Fetch-Dest": "image"},
    "a document that must be JSON": {"Accept": "application/json", **DOCUMENT},
    "a document that must not be HTML": {"Accept": "text/html;q=0,*/*", **DOCUMENT},
    "a document without navigation": {"Accept": FIREFOX, **DOCUMENT, "Sec-Fetch-Mode": "cors"},
}


def lower(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
def test_navigation_is_recognized(headers: dict[str, str]) -> None:
    assert is_navigation("GET", lower(headers))
    assert is_navigation("HEAD", lower(headers))
    assert not is_navigation("POST", lower(headers))


@pytest.mark.parametrize("headers", JSON.values(), ids=JSON)
def test_program_is_not_taken_for_a_navigation(headers: dict[str, str]) -> None:
    assert not is_navigation("GET", lower(headers))


@pytest.fixture
async def bare(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client that adds no headers of its own."""
    async with at(server.app, BASE_URL) as client:
        client.headers.clear()
        yield client


@pytest.mark.parametrize("headers", JSON.values(), ids=JSON)
async def test_programs_get_the_same_bytes_as_ever(
    bare: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await bare.get(f"/nowhere/{SECRET}", headers=lower(headers))
    assert (answer.status_code, answer.content) == (404, b'{"error":"Not Found"}')
    assert set(answer.headers) == {"content-type", "content-length", "x-request-id"}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
async def test_browsers_get_a_page(bare: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await bare.get(f"/nowhere/{SECRET}?token={SECRET}", headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "This server has no page at this address." in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert SECRET not in answer.text
    links = Document(answer.text).all("href", "a")
    assert {"/", "/reference", "/errors", "/openapi.json", "/errors/not_found"} <= set(links)
    assert not {"/try", "/metrics"} & set(links)
    for link in links:
        assert link.startswith("#") or (await bare.get(link)).status_code == 200, link


async def test_head_of_a_page_has_its_headers_alone(server: Server) -> None:
    page = await server.client.get("/nowhere", headers=NAVIGATION)
    head = await server.client.head("/nowhere", headers=NAVIGATION)
    assert (head.status_code, head.content) == (404, b"")
    for name in ("content-type", "content-security-policy"):
        assert head.headers[name] == page.headers[name]


async def test_method_that_an_address_lacks_is_explained(server: Server) -> None:
    answer = await server.client.get(REFRESH, headers=NAVIGATION)
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")
    assert "<h1>Method not allowed</h1>" in answer.text
    assert "/reference/tokens#refresh-subscriber-token" in answer.text
    plainly = await server.client.get(REFRESH)
    assert plainly.content == b'{"error":"Method Not Allowed"}'


async def test_operation_that_needs_credentials_is_a_page_with_its_challenge(
    server: Server,
) -> None:
    for method in ("GET", "HEAD"):
        answer = await server.client.request(method, "/api/fabric/addresses", headers=NAVIGATION)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="satmint", Basic realm="satmint"'
    page = await server.client.get("/api/fabric/addresses", headers=NAVIGATION)
    assert "<h1>Unauthorized</h1>" in page.text
    assert "/reference/addresses#list-addresses" in page.text
    found = await server.client.get(
        "/api/fabric/addresses", headers=NAVIGATION, auth=server.tenant.auth
    )
    assert found.headers["content-type"] == "application/json"


async def test_path_of_an_operation_is_shown_with_its_placeholders(server: Server) -> None:
    answer = await server.client.get(
        f"/api/fabric/addresses/{SECRET}", headers=NAVIGATION, auth=server.tenant.auth
    )
    assert answer.status_code == 404
    assert str(breakable("/api/fabric/addresses/{id}")) in answer.text
    assert SECRET not in answer.text
    assert server.tenant.api_token not in answer.text


async def test_errors_in_a_query_are_listed_and_escaped(server: Server) -> None:
    answer = await server.client.get(
        f"/api/fabric/addresses?page_size=%3Cscript%3E&type={SECRET}",
        headers=NAVIGATION,
        auth=server.tenant.auth,
    )
    assert answer.status_code == 422
    assert "<script" not in answer.text
    assert SECRET not in answer.text
    assert "invalid_<wbr>parameter" in answer.text
    assert "Page Size must be an integer" in answer.text


async def test_store_that_is_away_is_a_page_that_says_when_to_reload(server: Server) -> None:
    await server.service.store.close()
    answer = await server.client.get("/readyz", headers=NAVIGATION)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "Reload the page in 1 second." in answer.text


async def test_server_without_a_database_answers_browsers_with_a_page() -> None:
    app = UnavailableApplication(SeededEntropy(), Cors(()), BASE_URL, lambda: "store_away")
    async with at(app, BASE_URL) as client:
        answer = await client.get(f"/api/{SECRET}", headers=NAVIGATION)
        assert answer.status_code == 503
        assert answer.headers["refresh"] == "3"
        assert EXPLANATIONS[Code.UNAVAILABLE].title in answer.text
        assert [link for link in Document(answer.text).all("href", "a") if link != "#main"] == []
        assert SECRET not in answer.text
        plainly = await client.get("/api/x")
        assert plainly.content == b'{"error":"Service Unavailable"}'
        assert "refresh" not in plainly.headers


async def test_server_without_a_database_lives_and_is_not_ready() -> None:
    app = UnavailableApplication(SeededEntropy(), Cors(()), BASE_URL, lambda: "store_away")
    async with at(app, BASE_URL) as client:
        lives = await client.get("/livez")
        assert (lives.status_code, lives.json()) == (200, {"status": "ok"})
        assert (await client.head("/livez")).status_code == 200
        assert (await client.post("/livez")).status_code == 503
        assert (await client.get("/readyz")).status_code == 503


async def test_server_without_a_database_refuses_a_connection_to_the_gateway() -> None:
    app = UnavailableApplication(SeededEntropy(), Cors(()), BASE_URL, lambda: "store_away")
    received, sent = [], list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        received.append("connect")
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - any message
        sent.append(message)

    await app({"type": "websocket", "path": "/", "headers": []}, receive, send)
    start, body = sent
    assert (received, start["type"], start["status"]) == (
        ["connect"],
        "websocket.http.response.start",
        503,
    )
    headers = dict(start["headers"])
    assert int(headers[b"retry-after"]) > 0
    assert headers[b"x-request-id"]
    assert body["type"] == "websocket.http.response.body"
    assert b"Service Unavailable" in body["body"]


async def test_admin_listener_has_pages_that_lead_to_its_own(server: Server) -> None:
    async with at(server.service.admin_app(BASE_URL), "http://127.0.0.1") as client:
        answer = await client.get(f"/nowhere/{SECRET}", headers=NAVIGATION)
        assert answer.status_code == 404
        assert SECRET not in answer.text
        links = [link for link in Document(answer.text).all("href", "a") if link != "#main"]
        assert "/metrics" in links
        for link in links:
            assert (await client.get(link)).status_code == 200
        assert (await client.get("/nowhere")).content == b'{"error":"Not Found"}'
        rebound = {**NAVIGATION, "Host": "evil.example", "Sec-Fetch-Site": "none"}
        assert (await client.get("/metrics", headers=rebound)).status_code == 404


async def test_posted_form_gets_json(server: Server) -> None:
    answer = await server.client.post(TOKENS, headers=NAVIGATION)
    assert answer.content == b'{"error":"Unauthorized"}'
