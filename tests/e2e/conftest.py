"""A real `satmint dev` and a real browser."""

from collections.abc import Iterator

import pytest

from tests.kit.browsing import browser, page  # noqa: F401 - fixtures
from tests.kit.chromium import Browser
from tests.kit.dev import DevServer, running_dev


@pytest.fixture(scope="module")
def dev(
    browser: Browser,  # noqa: ARG001, F811 - where there is none, no server need start
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("dev")) as running:
        yield running
