"""`/try`: on development servers alone, for this machine's own browser alone."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from satmint.cli.browser_sdk import browser_sdk
from satmint.cli.report import UsageError
from satmint.http.pages.try_page import SIGN_IN_METHODS, TryPage
from satmint.http.resources import try_page
from satmint.model.demo import BrowserSdk, Demo
from tests.kit.pages import LOOPBACK, Document, a_demo, at
from tests.kit.service import Server

FILES: Final = sorted(try_page._CONTENT)


def a_demo_with_sdk(server: Server, folder: Path) -> Demo:
    file = folder / "browser.umd.js"
    file.write_text("window.SignalWire = {};\n")
    return replace(a_demo(server), browser_sdk=BrowserSdk(file, "fetch it"))


async def test_in_production_there_is_no_such_page(server: Server) -> None:
    for path in ("/try", "/try/sdk.js", "/try/main.js"):
        answer = await server.client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


async def test_page_has_what_its_scripts_sign_in_with(server: Server, tmp_path: Path) -> None:
    demo = a_demo_with_sdk(server, tmp_path)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        answer = await client.get("/try")
    document = Document(answer.text)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert document.all("data-project") == [str(demo.project_id)]
    assert document.all("data-api-token") == [demo.api_token.reveal()]
    assert document.all("data-c2c-token") == [demo.c2c_token.reveal()]
    assert document.all("data-address") == [str(demo.addresses[0].id)]
    assert document.all("value", "input") == [method.id for method in SIGN_IN_METHODS]


async def test_it_loads_and_calls_its_own_server_alone(server: Server, tmp_path: Path) -> None:
    demo = a_demo_with_sdk(server, tmp_path)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        answer = await client.get("/try")
        policy = dict(
            directive.split(" ", 1)
            for directive in answer.headers["content-security-policy"].split("; ")
        )
        style = policy.pop("style-src")
        assert style.startswith("'sha256-")
        assert style.endswith("' 'self'")
        assert policy == {
            "default-src": "'none'",
            "img-src": "data:",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "script-src": "'self'",
            "connect-src": "'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080",
        }
        document = Document(answer.text)
        loaded = document.all("src") + document.all("href", "link")[1:]
        assert sorted(loaded) == ["/try/main.js", "/try/try.css"]
        for path in loaded:
            assert (await client.get(path)).status_code == 200
        names = {name for _, attributes in document.elements for name in attributes}
        assert not {name for name in names if name.startswith("on") or name == "style"}


@pytest.mark.parametrize("name", FILES)
async def test_its_files_are_served_as_what_they_are(server: Server, name: str) -> None:
    async with at(server.service.app(LOOPBACK, a_demo(server)), LOOPBACK) as client:
        answer = await client.get(f"/try/{name}")
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "://" not in answer.text.replace('"http://www.w3.org/2000/svg"', "")


async def test_sdk_is_looked_for_at_every_visit(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "browser.umd.js"
    demo = replace(a_demo(server), browser_sdk=BrowserSdk(file, "fetch <it>"))
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        before = await client.get("/try")
        assert (await client.get("/try/sdk.js")).status_code == 404
        assert Document(before.text).pre == ["fetch <it>"]
        assert demo.api_token.reveal() not in before.text
        file.write_text("window.SignalWire = {};\n")
        assert Document((await client.get("/try")).text).pre == []
        answer = await client.get("/try/sdk.js")
        assert answer.text == "window.SignalWire = {};\n"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "name", ["", "%2e%2e", "..%2f..%2fstyle.css", "style.css", "main", "sdk.css"]
)
async def test_no_other_file_is_served(server: Server, tmp_path: Path, name: str) -> None:
    demo = a_demo_with_sdk(server, tmp_path)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        assert (await client.get(f"/try/{name}")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin asks by script"),
        pytest.param({"Origin": "null"}, id="a sandboxed frame asks by script"),
        pytest.param({"Host": "evil.example:8080"}, id="a name rebound to 127.0.0.1"),
        pytest.param({"Host": "localhost; script-src *"}, id="a name that would be a policy"),
        pytest.param({"Host": ""}, id="no name"),
    ],
)
async def test_web_sites_cannot_have_the_credentials_from_it(
    server: Server, tmp_path: Path, headers: dict[str, str]
) -> None:
    demo = a_demo_with_sdk(server, tmp_path)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        answer = await client.get("/try", headers=headers)
    assert answer.status_code == 200
    assert demo.api_token.reveal() not in answer.text
    assert demo.c2c_token.reveal() not in answer.text
    assert str(demo.project_id) not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_start_page_of_a_development_server_leads_there(server: Server) -> None:
    async with at(server.service.app(LOOPBACK, a_demo(server)), LOOPBACK) as client:
        assert "/try" in Document((await client.get("/")).text).all("href", "a")
    assert "/try" not in Document((await server.client.get("/")).text).all("href", "a")


def test_patterns_are_those_that_the_scripts_know() -> None:
    backend = try_page._CONTENT["backend.js"].decode()
    known = {method.id for method in TryPage(LOOPBACK).methods}
    assert known == {"user", "guest", "embed", "invite"}
    for name in known - {"embed"}:
        assert f"  {name}: (" in backend or f"  async {name}(" in backend


# --- where the SDK is found --------------------------------------------------------------------


def test_file_that_is_named_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "sdk.js"
    file.write_text("")
    assert browser_sdk(file).file == file


def test_file_that_is_named_and_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^there is no file .*/sdk\.js$"):
        browser_sdk(tmp_path / "sdk.js")


def test_in_a_checkout_it_is_beside_the_tests() -> None:
    found = browser_sdk(None)
    assert found.command == "npm ci --prefix tests/browser"
    assert found.file.parts[-6:-1] == (
        *("tests", "browser", "node_modules", "signalwire-js-4", "dist"),
    )


def test_without_a_checkout_it_is_fetched_into_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.cli.browser_sdk._CHECKOUT", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    found = browser_sdk(None)
    assert found.file == tmp_path / "package" / "dist" / "browser.umd.js"
    assert found.command == (
        "npm pack @signalwire/js@4.0.0-beta.12 && tar xzf signalwire-js-4.0.0-beta.12.tgz"
    )
