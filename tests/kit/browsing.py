"""Fixtures of tests with a browser, for the `conftest.py` of their folder."""

from collections.abc import Iterator

import pytest

from tests.kit.chromium import Browser, Page, a_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with a_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.page() as page:
        yield page
