"""The live tail in a browser: follows, pauses, goes on without a gap, and shows text as text."""

from collections.abc import Iterator

import httpx
import pytest

from tests.console.conftest import sign_in
from tests.console.record_samples import SCRIPT
from tests.kit.chromium import Browser, Page
from tests.kit.dev import DevServer
from tests.kit.polling import wait_until


@pytest.fixture
def tab(browser: Browser, dev: DevServer) -> Iterator[Page]:
    with browser.page() as page:
        sign_in(page, dev)
        page.open(f"{dev['admin']}/console/projects/{dev['project_id']}/events")
        yield page


def _issue(dev: DevServer, *references: str) -> None:
    with httpx.Client(auth=dev.auth, headers={"User-Agent": SCRIPT}) as client:
        for reference in references:
            url = f"{dev['http']}/api/fabric/subscribers/tokens"
            client.post(url, json={"reference": reference}).raise_for_status()


def _rows(tab: Page) -> list[str]:
    rows: list[str] = tab.evaluate(
        "[...document.querySelectorAll('#tail tbody tr')].map((one) => one.innerText)"
    )
    return rows


def _press(tab: Page) -> None:
    tab.evaluate("document.getElementById('follow').click()")


def _state(tab: Page) -> str:
    state: str = tab.evaluate("document.getElementById('tail-state').textContent")
    return state


def test_tail_follows_pauses_and_goes_on(tab: Page, dev: DevServer) -> None:
    _issue(dev, "after-the-page")
    _press(tab)
    wait_until(lambda: len(_rows(tab)) == 1)
    _issue(dev, "live-1", SCRIPT)
    wait_until(lambda: len(_rows(tab)) == 3)
    rows = _rows(tab)
    assert SCRIPT in rows[0]
    assert "live-1" in rows[1]
    assert "after-the-page" in rows[2]
    assert _state(tab) == "live"
    _press(tab)
    assert _state(tab) == "paused"
    _issue(dev, "while-paused")
    _press(tab)
    wait_until(lambda: len(_rows(tab)) == 4)
    assert "while-paused" in _rows(tab)[0]
    assert not tab.complaints
