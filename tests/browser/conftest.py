"""A server, a customer's site and a browser, for all tests of a process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.browser.site import Site, running_site
from tests.browser.vendor import FILES, sdk_file
from tests.browser.visitor import Visitor
from tests.kit.chromium import Browser, Page, a_browser, trusting
from tests.kit.dev import DevServer, running_dev


class Visit(Protocol):
    """Opens a customer's page."""

    def __call__(self, version: str, skew: int = 0) -> Visitor:
        """A tab on a page with an SDK, its clock so many seconds ahead."""
        ...


V4: Final = "4.0.0-beta.12"
V3: Final = "3.30.0"


@pytest.fixture(scope="session")
def sdks() -> None:
    """The vendor's SDKs are here; where they cannot be, nothing else need start."""
    for version in FILES:
        sdk_file(version)


@pytest.fixture(scope="session")
def dev(
    sdks: None,  # noqa: ARG001 - see there
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DevServer]:
    """`satmint dev`."""
    with running_dev(tmp_path_factory.mktemp("dev")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(dev: DevServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that trusts that server's certificate."""
    certificate = Path(dev["ca_file"]).parent / "server.pem"
    with a_browser(tmp_path_factory.mktemp("browser"), trusting(certificate)) as running:
        yield running


@pytest.fixture(scope="session")
def site(dev: DevServer) -> Iterator[Site]:
    """A customer's web application."""
    with running_site() as running:
        running.backend = dev
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab."""
    with browser.page() as page:
        yield page


@pytest.fixture
def visit(page: Page, site: Site, dev: DevServer) -> Visit:
    """Opens the site's page with an SDK of some version."""

    def visit(version: str, skew: int = 0) -> Visitor:
        visitor = Visitor(page, site, dev, version, skew)
        visitor.open()
        return visitor

    return visit
