"""The reference: an index, a page for each group, its scripts, and the OpenAPI document."""

import json
import re
import shlex
from base64 import b64encode
from typing import Final

import httpx
import pytest

from satmint.http.pages.operation_entries import read_groups
from satmint.http.pages.rendering import breakable, inline_code
from satmint.http.resources import OPERATIONS
from tests.http.test_error_pages import JSON, PAGES
from tests.kit.pages import LOOPBACK, Document, a_demo, at
from tests.kit.service import BASE_URL, Server

FILES: Final = ("main.js", "copy.js", "search.js", "try.js")
DESTRUCTIVE: Final = {"revoke-token", "disable-c2c-token"}
"""Operations that end something although their method is not DELETE."""


async def group_pages(server: Server) -> dict[str, str]:
    """The HTML of the page of each group, by path."""
    groups = read_groups((await server.client.get("/openapi.json")).json())
    found = {}
    for group in groups:
        answer = await server.client.get(f"/reference/{group.anchor}")
        assert answer.status_code == 200
        found[f"/reference/{group.anchor}"] = answer.text
    return found


# --- what it shows -------------------------------------------------------------------------------


async def test_the_reference_has_every_operation_and_no_other(server: Server) -> None:
    ids: set[str] = set()
    for html in (await group_pages(server)).values():
        ids |= set(Document(html).all("id"))
    index = set(Document((await server.client.get("/reference")).text).all("id"))
    for found in (ids, index):
        assert {one.id for one in OPERATIONS if one.documented} <= found
        assert not {one.id for one in OPERATIONS if not one.documented} & found


async def test_the_reference_shows_every_member_of_every_body(server: Server) -> None:
    html = "".join((await group_pages(server)).values())
    articles = dict(
        re.findall(r'<article aria-labelledby="([a-z0-9-]+)">(.*?)</article>', html, re.DOTALL)
    )
    for operation in OPERATIONS:
        if operation.body_schema is not None:
            article = articles[operation.id]
            for name, field in operation.body_schema.fields.items():
                assert f"<dt><code>{breakable(name)}</code>" in article, name
                assert inline_code(field.doc) in article, name


async def test_every_curl_line_of_the_reference_reaches_its_operation(server: Server) -> None:
    """The lines are read as a shell and curl would, and sent; none is refused for its form."""
    groups = read_groups((await server.client.get("/openapi.json")).json())
    sat = (await server.sign_in(scope="sat:refresh"))["token"]
    for entry in (entry for group in groups for entry in group.operations):
        if entry.path == "/api/satmint/revocations":
            continue  # a stream has no end
        request = as_curl_would(entry.curl, server, sat)
        assert request.method == entry.method, entry.curl
        answer = await server.client.send(request)
        # Ids, tokens and people in the examples are made up, so that is all that may be wrong.
        allowed = {200, 201, 204, 404, 422}
        if "dpop_token" in entry.curl:
            assert answer.headers["x-satmint-cause"] == "proof_malformed"
            continue
        assert answer.status_code in allowed, (entry.curl, answer.text)
        if answer.status_code == 422:
            codes = {field_error["code"] for field_error in answer.json()["errors"]}
            assert codes <= {
                "must_belong_to_project",
                "not_unique_within_project",
                "token_invalid",
            }, (entry.curl, answer.text)


def as_curl_would(line: str, server: Server, sat: str) -> httpx.Request:
    environment = {
        "$SIGNALWIRE_PROJECT_ID": str(server.tenant.id),
        "$SIGNALWIRE_API_TOKEN": server.tenant.api_token,
        "$SAT": sat,
    }
    words = iter(shlex.split(line.replace("\\\n", " ")))
    assert next(words) == "curl"
    method, url, headers, body, auth = None, "", {}, None, None
    for word in words:
        value = next(words) if word.startswith("-") else word
        for name, text in environment.items():
            value = value.replace(name, text)
        match word:
            case "-X":
                method = value
            case "-u":
                auth = value.split(":")
            case "-H":
                name, _, text = value.partition(": ")
                headers[name] = text
            case "-d":
                body = value
            case _:
                url = value
    if auth is not None:
        encoded = b64encode(":".join(auth).encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    verb = method or ("GET" if body is None else "POST")
    return server.client.build_request(verb, url, headers=headers, content=body)


async def test_index_has_what_the_search_finds(server: Server) -> None:
    html = (await server.client.get("/reference")).text
    [line] = re.findall(r'<li id="create-subscriber-token"[^>]*>', html)
    [attributes] = [found for tag, found in Document(line).elements if tag == "li"]
    assert attributes["data-page"] == "/reference/tokens"
    assert {"reference", "expire_at", "refresh_token"} <= set(attributes["data-fields"].split())
    assert {"unauthorized", "invalid_parameter"} <= set(attributes["data-codes"].split())
    assert 'data-code="token_expired"' in html


async def test_every_group_page_has_each_operation_with_sample_and_form(server: Server) -> None:
    groups = read_groups((await server.client.get("/openapi.json")).json())
    pages = await group_pages(server)
    for group in groups:
        document = Document(pages[f"/reference/{group.anchor}"])
        forms = [
            found for tag, found in document.elements if tag == "form" and "data-method" in found
        ]
        assert [(form["data-method"], form["data-path"]) for form in forms] == [
            (entry.method, entry.path) for entry in group.operations
        ]
        for form, entry in zip(forms, group.operations, strict=True):
            assert ("data-destructive" in form) == (
                entry.method == "DELETE" or entry.id in DESTRUCTIVE
            )
            assert entry.curl in document.pre


async def test_group_that_does_not_exist_is_not_found(server: Server) -> None:
    for path in ("/reference/nothing", "/reference/", "/reference/tokens/", "/reference/dev"):
        answer = await server.client.get(path)
        assert (answer.status_code, answer.content) == (404, b'{"error":"Not Found"}')


# --- scripts and credentials ---------------------------------------------------------------------


async def test_scripts_are_files_of_this_server(server: Server) -> None:
    for name in FILES:
        answer = await server.client.get(f"/reference/files/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        # Credentials stay in memory: no script stores anything or writes into the URL.
        assert not re.search(r"Storage|cookie|history\.|indexedDB|https?://", answer.text)


@pytest.mark.parametrize("name", ["", "%2e%2e", "..%2ftry.js", "try.css", "sdk.js", "main"])
async def test_no_other_file_is_served(server: Server, name: str) -> None:
    assert (await server.client.get(f"/reference/files/{name}")).status_code == 404


@pytest.mark.parametrize("path", ["/reference", "/reference/tokens"])
async def test_policy_allows_own_scripts_and_requests_to_this_server_alone(
    server: Server, path: str
) -> None:
    answer = await server.client.get(path)
    policy = dict(
        directive.split(" ", 1)
        for directive in answer.headers["content-security-policy"].split("; ")
    )
    style = policy.pop("style-src")
    assert style.startswith("'sha256-")
    assert " " not in style
    assert policy == {
        "default-src": "'none'",
        "img-src": "data:",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "script-src": "'self'",
        "connect-src": "'self'",
    }
    names = {name for _, found in Document(answer.text).elements for name in found}
    assert not {name for name in names if name.startswith("on") or name == "style"}


async def test_development_server_fills_in_the_demo_credentials_for_this_machine(
    server: Server,
) -> None:
    demo = a_demo(server)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        shown = await client.get("/reference/tokens")
        assert shown.headers["cache-control"] == "no-store"
        values = Document(shown.text).all("value", "input")
        assert values == [str(demo.project_id), demo.api_token.reveal(), *values[2:]]
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            hidden = await client.get("/reference/tokens", headers=headers)
            assert hidden.status_code == 200
            assert demo.api_token.reveal() not in hidden.text
            assert str(demo.project_id) not in hidden.text
            assert str(breakable(LOOPBACK)) in hidden.text


# --- the OpenAPI document ------------------------------------------------------------------------


@pytest.mark.parametrize("headers", JSON.values(), ids=JSON)
async def test_programs_get_the_document_as_ever(server: Server, headers: dict[str, str]) -> None:
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    async with at(server.app, BASE_URL) as client:
        client.headers.clear()
        answer = await client.get("/openapi.json", headers=lines)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == server.context.openapi


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
async def test_browsers_get_a_page_with_the_whole_document(
    server: Server, headers: dict[str, str]
) -> None:
    async with at(server.app, BASE_URL) as client:
        client.headers.clear()
        answer = await client.get("/openapi.json", headers=headers)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "Accept" in answer.headers["vary"]
        described = server.context.openapi
        document = Document(answer.text)
        for name in json.loads(described)["components"]["schemas"]:
            assert f"/components/schemas/{name}" in document.all("id", "pre")
        for link in document.all("href", "a"):
            if link.startswith("#/"):
                assert link[1:] in document.all("id"), link
        plainly = await client.get("/openapi.json?format=json", headers=headers)
        assert plainly.content == described
    assert "/openapi.json?format=json" in document.all("href", "a")
