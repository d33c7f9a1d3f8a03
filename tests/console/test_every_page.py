"""Every page of the console in a browser: three widths, light and dark, with data and without.

A page is covered by being registered in `satmint.console.pages`.
"""

import json
from typing import Final

import pytest

from satmint.console.pages import PAGES
from tests.browser.vendor import axe
from tests.console.samples import EMPTY_PATHS, PATHS, Samples
from tests.kit.chromium import Page
from tests.kit.dev import DevServer
from tests.kit.page_layout import CONTRAST, OVERFLOW

WIDTHS: Final = (390, 1280, 1600)
SERIOUS: Final = ("serious", "critical")
AXE: Final = """
axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .filter(one => SERIOUS.includes(one.impact))
  .map(one => [one.id, one.nodes.map(node => node.html.slice(0, 160))]))
"""
SHIFT: Final = """
new Promise(done => {
  const observer = new PerformanceObserver(() => {});
  observer.observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(observer.takeRecords().reduce((sum, one) => sum + one.value, 0)), 50);
})
"""


def check(page: Page, dev: DevServer, path: str) -> None:
    """Look for what is wrong with a page at every width, light and dark.

    Light, it is opened at each. Dark, it is opened at the last one, and has the others then.
    """
    for width in WIDTHS:
        open_at(page, dev, path, width, dark=False)
    check_accessibility(page, f"{path}, light")
    open_at(page, dev, path, WIDTHS[-1], dark=True)
    check_accessibility(page, f"{path}, dark")
    for width in WIDTHS[:-1]:
        page.show(width=width, dark=True)
        check_layout(page, dev, path, width)


def open_at(page: Page, dev: DevServer, path: str, width: int, *, dark: bool) -> None:
    page.show(width=width, dark=dark)
    assert page.open(dev["admin"] + path) == 200
    check_layout(page, dev, path, width)
    assert page.evaluate(SHIFT) < 0.02, f"{path} at {width} px, dark: {dark}"


def check_accessibility(page: Page, where: str) -> None:
    assert page.evaluate(CONTRAST)["faint"] == [], where
    assert barriers(page) == [], where


def check_layout(page: Page, dev: DevServer, path: str, width: int) -> None:
    where = f"{path} at {width} px"
    assert page.evaluate("location.pathname") == path.partition("?")[0], where
    measured = page.evaluate(OVERFLOW)
    assert measured["found"] == [], where
    assert measured["page"] <= width, where
    assert page.complaints == [], where
    assert page.hosts == {dev["admin"].partition("://")[2]}, where


def barriers(page: Page) -> list[object]:
    """Serious findings of axe-core."""
    page.evaluate(f"{axe()}\n;0")
    found: list[object] = page.evaluate(AXE.replace("SERIOUS", json.dumps(SERIOUS)))
    return found


@pytest.mark.parametrize("path", PATHS)
def test_page_with_data(signed_in: Page, dev: DevServer, samples: Samples, path: str) -> None:
    check(signed_in, dev, samples.path(path))


@pytest.mark.parametrize("path", EMPTY_PATHS)
def test_page_of_a_project_that_has_nothing_and_a_hostile_name(
    signed_in: Page, dev: DevServer, samples: Samples, path: str
) -> None:
    check(signed_in, dev, samples.empty_path(path))


@pytest.mark.parametrize("path", ["/console/keys/prepare", "/console/keys/rotate"])
def test_question_before_a_change(signed_in: Page, dev: DevServer, path: str) -> None:
    check(signed_in, dev, path)


def test_page_to_sign_in(page: Page, dev: DevServer) -> None:
    check(page, dev, "/console/sign-in")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_that_does_not_exist(signed_in: Page, dev: DevServer, dark: bool) -> None:
    signed_in.show(width=390, dark=dark)
    assert signed_in.open(f"{dev['admin']}/console/nothing") == 404
    assert signed_in.evaluate(OVERFLOW)["found"] == []
    assert barriers(signed_in) == []


def test_pages_are_declared_once_and_in_order() -> None:
    assert len(set(PATHS)) == len(PATHS)
    places = [
        (page.navigation.section, page.navigation.order)
        for page in PAGES
        if page.navigation is not None
    ]
    assert len(set(places)) == len(places), "two pages have the same place in the navigation"
