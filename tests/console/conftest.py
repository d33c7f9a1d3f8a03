"""A development server with something to see, and a browser that is signed in to its console."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.console.hand import Hand
from tests.console.samples import Samples, fill, listener
from tests.console.visitor import Visitor, visiting
from tests.kit.chromium import Browser, Page, a_browser
from tests.kit.dev import DevServer, running_dev
from tests.kit.ports import free_port
from tests.kit.service import Server


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with a_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="session")
def dev(
    browser: Browser,  # noqa: ARG001 - where there is none, no server need start
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("dev")
    with running_dev(folder, env={"SATMINT_ADMIN_PORT": str(free_port())}) as running:
        yield running


@pytest.fixture(scope="session")
def samples(dev: DevServer) -> Iterator[Samples]:
    """Data for every page, in the demo project; and a project without any."""
    with listener(dev):
        yield fill(dev)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab that is not signed in."""
    with browser.page() as page:
        yield page


@pytest.fixture(scope="session")
def operator_tab(browser: Browser, dev: DevServer) -> Iterator[Page]:
    with browser.page() as page:
        sign_in(page, dev)
        yield page


@pytest.fixture
def signed_in(operator_tab: Page) -> Iterator[Page]:
    """A tab of the operator. Tests of reading share it."""
    yield operator_tab
    operator_tab.leave()


def sign_in(page: Page, dev: DevServer) -> None:
    """Sign in as the operator, as from the start page."""
    assert page.open(f"{dev['http']}/console") == 200
    assert page.evaluate("location.pathname").startswith("/console/")
    assert page.evaluate("location.search") == ""


@pytest.fixture(scope="module", params=[True, False], ids=["with scripts", "without scripts"])
def tab_of_hand(browser: Browser, dev: DevServer, request: pytest.FixtureRequest) -> Iterator[Page]:
    with browser.page() as page:
        sign_in(page, dev)
        if not request.param:
            page.call("Emulation.setScriptExecutionDisabled", value=True)
        yield page


@pytest.fixture
def hand(tab_of_hand: Page, dev: DevServer) -> Hand:
    """The operator at the pages of the demo project, with scripts and without."""
    return Hand(tab_of_hand, f"{dev['admin']}/console/projects/{dev['project_id']}")


@pytest.fixture
async def visitor(server: Server) -> AsyncIterator[Visitor]:
    """Somebody who is signed in as the operator."""
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        yield visitor
