"""The site as a browser shows it, from a disk and from `satmint dev`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.browser.vendor import axe
from tests.kit.chromium import Browser, Page
from tests.kit.dev import DevServer, running_dev

PAGES: Final = (
    "index.html",
    "guides/index.html",
    "reference/settings.html",
    "reference/command-line.html",
    "reference/http-api.html",
    "reference/sdk/satmint_sdk.verify.html",
    "operating.html",
    "troubleshooting.html",
    "adr/0016-idempotency-keys.html",
)
"""The first page, and those with the widest tables, names and blocks of code."""
WIDTHS: Final = (390, 1280)
SEARCH: Final = "search.html?q=lost+refresh"
RESULTS: Final = "document.querySelectorAll('#search-results li a').length"
SUMMARIES: Final = "document.querySelectorAll('#search-results li p.context').length"
STICKS_OUT: Final = """
(() => {
  const scrolls = element => {
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(one).overflowX)) return true;
    }
    return false;
  };
  const found = [...document.querySelectorAll("article *")].filter(element =>
    element.getBoundingClientRect().right > innerWidth + 0.5 && !scrolls(element));
  return {page: document.documentElement.scrollWidth,
          found: found.slice(0, 5).map(element => element.outerHTML.slice(0, 120))};
})()
"""
BARRIERS: Final = """
axe.run(document, {
  resultTypes: ["violations"],
  rules: {"definition-list": {enabled: false}},  // Sphinx shows long signatures so
}).then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]))
"""


@pytest.fixture(scope="module")
def dev(
    browser: Browser,  # noqa: ARG001 - where there is none, no server need start
    site: Path,  # noqa: ARG001 - it is there before the server looks for it
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("dev")) as running:
        yield running


def opened(page: Page, site: Path, name: str) -> None:
    """Open a page from the disk."""
    path, mark, query = name.partition("?")
    page.leave()
    page.call("Page.navigate", url=(site / path).as_uri() + mark + query)
    page.until("document.readyState === 'complete' && document.body.dataset.theme")


def barriers(page: Page) -> list[Any]:
    """Serious findings of axe-core."""
    page.evaluate(f"{axe()}\n;0")
    found: list[Any] = page.evaluate(BARRIERS)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_from_the_disk_fits_phones_and_desktops(page: Page, site: Path, name: str) -> None:
    opened(page, site, name)
    for width in WIDTHS:
        page.show(width=width)
        assert page.evaluate(STICKS_OUT) == {"page": width, "found": []}
    assert page.complaints == []
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "data"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES[:1] + PAGES[2:3] + PAGES[5:6])
def test_axe_finds_no_barrier(page: Page, site: Path, name: str, *, dark: bool) -> None:
    page.show(width=1280, dark=dark)
    opened(page, site, name)
    assert barriers(page) == []


def test_search_works_from_the_disk(page: Page, site: Path) -> None:
    opened(page, site, SEARCH)
    page.until(f"{RESULTS} > 3")
    assert page.complaints == []


def test_the_development_server_serves_the_site_under_its_policy(
    page: Page, dev: DevServer
) -> None:
    """The search quotes the pages that it finds; nothing is refused by the policy."""
    assert page.open(f"{dev['http']}/docs/{SEARCH}") == 200
    page.until(f"{SUMMARIES} > 3")
    assert page.complaints == []
    assert page.hosts == {dev["http"].removeprefix("http://")}
    assert page.open(f"{dev['http']}/docs") == 200
    assert page.evaluate("location.pathname") == "/docs/"
    assert page.evaluate("document.images.length > 1 && [...document.images].every(i => i.width)")
    assert page.complaints == []


def test_the_start_page_leads_to_the_site(page: Page, dev: DevServer) -> None:
    page.open(dev["http"])
    assert page.evaluate("document.querySelector('a[href=\"/docs/\"]').textContent")
