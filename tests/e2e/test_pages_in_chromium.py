"""The HTML pages of a real `satmint dev`, as a real browser lays them out."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest

from tests.kit.chromium import Browser, Page
from tests.kit.dev import DevServer, clean_environment
from tests.kit.page_layout import CONTRAST, OVERFLOW, WIDTHS
from tests.sdk.environment import sdk_python

PATHS: Final = (
    "/",
    "/reference",
    "/reference/tokens",
    "/reference/dev",
    "/openapi.json",
    "/errors",
    "/errors/invalid_auth_token_permissions",
    "/errors/x",
    "/nowhere",
    "/api/fabric/subscribers/tokens",
)
STATUS: Final = {"/errors/x": 404, "/nowhere": 404, "/api/fabric/subscribers/tokens": 405}
"""The status of a page; of others, 200."""
FAILED: Final = "Failed to load resource: the server responded with a status of "
COMMAND_SECONDS: Final = 60
WITHOUT_ARGUMENTS: Final = """
from signalwire.rest import RestClient
print(len(RestClient().fabric.addresses.list()["data"]))
"""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab that tests of the layout share: they set its size and scheme, and open their page."""
    with browser.page() as page:
        yield page


@pytest.mark.parametrize("path", PATHS)
def test_nothing_sticks_out_of_the_screen(tab: Page, dev: DevServer, path: str) -> None:
    for width in WIDTHS:
        tab.show(width=width)
        if width == WIDTHS[0]:
            tab.open(dev["http"] + path)
        measured = tab.evaluate(OVERFLOW)
        assert measured == {"page": width, "screen": width, "found": []}


@pytest.mark.parametrize(
    "path", ["/", "/reference/tokens", "/errors/invalid_auth_token_permissions"]
)
def test_long_lines_of_code_scroll_inside_of_their_block(
    page: Page, dev: DevServer, path: str
) -> None:
    page.show(width=390)
    page.open(dev["http"] + path)
    moved = page.evaluate(
        "[...document.querySelectorAll('pre')].map(block => {"
        "  block.scrollLeft = 9999; return block.scrollLeft; })"
    )
    assert max(moved) > 50


@pytest.mark.parametrize("path", PATHS)
def test_a_page_asks_its_own_server_alone(page: Page, dev: DevServer, path: str) -> None:
    status = page.open(dev["http"] + path)
    assert status == STATUS.get(path, 200)
    files = {url.removeprefix(dev["http"]) for url in page.requests[1:]}
    assert page.requests[0] == dev["http"] + path
    scripts = {f"/reference/files/{name}.js" for name in ("main", "copy", "search", "try")}
    assert files == (scripts if path.startswith("/reference") else set())
    assert [line for line in page.complaints if not line.startswith(FAILED)] == []
    assert len(page.complaints) == (0 if status == 200 else 1)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_all_text_stands_out_from_what_is_behind_it(
    tab: Page, dev: DevServer, path: str, dark: bool
) -> None:
    tab.show(width=1280, dark=dark)
    tab.open(dev["http"] + path)
    seen = tab.evaluate(CONTRAST)
    assert seen["looked"] > 8
    assert seen["faint"] == []


def test_light_and_dark_follow_the_reader(page: Page, dev: DevServer) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page.open(dev["http"])
    assert page.evaluate(ground) == "rgb(251, 250, 247)"
    page.show(width=1280, dark=True)
    assert page.evaluate(ground) == "rgb(20, 24, 27)"


def test_the_first_tab_and_enter_skip_to_the_content(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference")
    page.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") == 0
    page.press("Enter")
    assert page.evaluate("location.hash") == "#main"


def test_a_script_that_got_into_a_page_would_not_run(page: Page, dev: DevServer) -> None:
    page.open(dev["http"])
    ran = page.evaluate(
        "(() => { const script = document.createElement('script');"
        "  script.textContent = 'window.ran = true'; document.body.append(script);"
        "  return window.ran === true; })()"
    )
    assert ran is False
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


def test_another_origin_cannot_read_the_credentials_nor_frame_them(
    page: Page, dev: DevServer
) -> None:
    page.open(dev["http"].replace("127.0.0.1", "localhost") + "/livez")
    read = page.evaluate(f"fetch('{dev['http']}/').then(answer => answer.text())")
    assert "Subscriber access token server" in read
    assert dev["api_token"] not in read
    assert dev["c2c_token"] not in read
    page.evaluate(
        "new Promise(done => { const frame = document.createElement('iframe');"
        f"  frame.src = '{dev['http']}/'; frame.onload = () => done();"
        "  document.body.append(frame); })"
    )
    assert any("frame-ancestors" in complaint for complaint in page.complaints)


def test_what_the_start_page_says_to_paste_works_as_it_stands(page: Page, dev: DevServer) -> None:
    page.open(dev["http"])
    exports, curl, python = page.evaluate(
        "[...document.querySelectorAll('pre')].map(block => block.innerText)"
    )
    if shutil.which("curl") is None:
        pytest.skip("curl is missing, so its line on the start page is not run")
    pair = json.loads(_shell(f"{curl} --silent --fail"))
    assert pair.keys() == {"subscriber_id", "token", "refresh_token"}
    assert _python(python).count(".") == 4
    told = _shell(f"{exports}\n{sdk_python()} -c '{WITHOUT_ARGUMENTS}'")
    assert int(told) >= len(dev["addresses"])


def _python(program: str) -> str:
    return _run([str(sdk_python()), "-c", program])


def _shell(lines: str) -> str:
    return _run(["sh", "-c", lines])


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=clean_environment(PYTHONPATH=""),
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
