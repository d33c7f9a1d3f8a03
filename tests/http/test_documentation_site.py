"""The documentation site at `/docs/` of a development server."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest

from satmint.control import documentation_operations
from tests.kit.pages import LOOPBACK, a_demo, at
from tests.kit.service import Server

FILES: Final = {
    "index.html": "text/html; charset=utf-8",
    "guides/index.html": "text/html; charset=utf-8",
    "_static/site.css": "text/css; charset=utf-8",
    "_static/scripts/theme.js": "text/javascript; charset=utf-8",
    "_images/start.png": "image/png",
    "_images/life.svg": "image/svg+xml",
    "_downloads/0123/nginx.conf": "text/plain; charset=utf-8",
    "reference/sdk/more/deep.html": "text/html; charset=utf-8",
}
"""The type of each file."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site, and beside it a file that is none of its own."""
    site = tmp_path / "site"
    for name in FILES:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name, encoding="utf-8")
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    return site


@pytest.fixture
async def client(server: Server, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    operations = documentation_operations(folder)
    app = server.service.app(LOOPBACK, a_demo(server), operations)
    async with at(app, LOOPBACK) as client:
        yield client


@pytest.mark.parametrize("name", FILES)
async def test_a_file_has_its_type_and_a_policy(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/docs/{name}")
    assert (answer.status_code, answer.text) == (200, name)
    assert answer.headers["content-type"] == FILES[name]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert ("'unsafe-inline'" in policy) == name.endswith(".svg")


async def test_its_path_leads_to_the_first_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs/")).text == "index.html"
    answer = await client.get("/docs")
    assert (answer.status_code, answer.headers["location"]) == (308, "/docs/")


@pytest.mark.parametrize(
    "path",
    [
        "nowhere.html",
        "guides",
        "guides/",
        "a/b/c/d.html",
        "a/b/c/d/e.html",
        "../secret.html",
        "..%2fsecret.html",
        "guides/../../secret.html",
        "guides/..%2f..%2fsecret.html",
        "%2e%2e/secret.html",
        "..\\secret.html",
        "%00",
        "/etc/passwd",
        "%2fetc%2fpasswd",
    ],
)
async def test_any_other_path_is_answered_as_unknown(client: httpx.AsyncClient, path: str) -> None:
    request = client.build_request("GET", f"{LOOPBACK}/docs/x")
    request.url = request.url.copy_with(raw_path=f"/docs/{path}".encode())
    answer = await client.send(request)
    assert answer.status_code == 404
    assert answer.content == (await client.get("/nowhere")).content
    assert "secret" not in answer.text


async def test_a_page_that_was_built_again_is_read_again(
    client: httpx.AsyncClient, folder: Path
) -> None:
    (folder / "index.html").write_text("newer", encoding="utf-8")
    assert (await client.get("/docs/")).text == "newer"
    (folder / "index.html").unlink()
    assert (await client.get("/docs/")).status_code == 404


async def test_failure_pages_link_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nowhere", headers={"Accept": "text/html"})
    assert 'href="/docs/"' in answer.text


async def test_production_has_no_such_path(server: Server) -> None:
    assert (await server.client.get("/docs/")).status_code == 404
    assert 'href="/docs/"' not in (await server.client.get("/")).text


@pytest.mark.parametrize(
    ("path", "command", "says"),
    [
        ("/docs/", None, 'href="/docs/"'),
        (None, "make docs", "<code>make docs</code>"),
        (None, None, ""),
    ],
)
async def test_start_page_says_where_it_is_or_what_builds_it(
    server: Server, path: str | None, command: str | None, says: str
) -> None:
    demo = replace(a_demo(server), documentation=path, documentation_command=command)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        page = (await client.get("/")).text
    assert says in page
    assert ("/docs/" in page) == (path is not None)
    assert ("make docs" in page) == (command is not None)
