"""The server goes away and comes back; the page is reloaded. Both SDKs, unchanged."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.browser.conftest import V3, V4
from tests.browser.site import Site, running_site
from tests.browser.visitor import Visitor
from tests.kit.chromium import Browser, Page, a_browser, trusting
from tests.kit.dev import DevServer, running_dev


class Server:
    """`satmint dev` on one pair of ports, over and over."""

    def __init__(self, folder: Path, site: Site) -> None:
        self._folder, self._site = folder, site
        self._running: AbstractContextManager[DevServer] | None = None
        self._ports: tuple[str, ...] = ()
        self.dev = self.start()

    def start(self) -> DevServer:
        self._running = running_dev(self._folder, *self._ports)
        self.dev = self._site.backend = self._running.__enter__()
        http, https = (str(self.dev[name]).rpartition(":")[2] for name in ("http", "https"))
        self._ports = ("--port", http, "--https-port", https)
        return self.dev

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.dev.stop(number)
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture(scope="module")
def server(
    sdks: None,  # noqa: ARG001 - without them, nothing need start
    site: Site,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    with ExitStack() as ending:
        server = Server(tmp_path_factory.mktemp("dev"), site)
        ending.callback(server.stop)
        yield server


@pytest.fixture(scope="module")
def browser(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    certificate = Path(server.dev["ca_file"]).parent / "server.pem"
    with a_browser(tmp_path_factory.mktemp("browser"), trusting(certificate)) as running:
        yield running


@pytest.fixture
def visit(page: Page, site: Site, server: Server) -> Callable[[str], Visitor]:
    def visit(version: str) -> Visitor:
        visitor = Visitor(page, site, server.dev, version)
        visitor.open()
        return visitor

    return visit


Visit = Callable[[str], Visitor]
ENDINGS = pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGTERM, 1001, id="stopped gracefully"),
        pytest.param(signal.SIGKILL, 1006, id="killed"),
    ],
)


@ENDINGS
def test_bound_session_goes_on_after_a_restart(
    visit: Visit, server: Server, number: int, code: int
) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    server.stop(number)
    visitor.until(f"harness.seen.closed.includes({code})")
    visitor.until("harness.seen.ready.at(-1) === false")
    server.start()
    visitor.until_up()
    # The state that it was given opens with the same keyring, so that it was a resume.
    assert visitor.refusals == []
    assert visitor.seen("asked") == 1
    resumed = [one["params"] for one in visitor.sent if one.get("method") == "signalwire.connect"]
    assert "authorization_state" in resumed[-1]
    # 4.0.0-beta.12 exchanges its token anew after each reconnect: a Client Bound SAT, this time.
    visitor.until("harness.seen.renewed === 2")
    assert visitor.statuses("token") == [201, 201]
    errors = {error.partition(":")[0] for error in visitor.seen("errors")}
    assert errors <= {"WebSocketConnectionError"}
    visitor.assert_among_us()


@ENDINGS
def test_static_session_goes_on_after_a_restart(
    visit: Visit, site: Site, server: Server, number: int, code: int
) -> None:
    visitor = visit(V4)
    token = site.sign_in({}).json()["token"]
    visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
    visitor.until_up()
    server.stop(number)
    visitor.until(f"harness.seen.closed.includes({code})")
    server.start()
    visitor.until("harness.seen.ready.at(-1) === true")
    visitor.until("harness.up()")
    assert visitor.refusals == []


def test_connection_that_drops_is_resumed(visit: Visit) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    for times in (1, 2, 3):
        visitor.page.evaluate("harness.sockets.at(-1).close(); 0")
        visitor.until(f"harness.seen.renewed === {times + 1} && harness.up()")
    assert visitor.refusals == []
    assert visitor.seen("errors") == []
    assert visitor.seen("asked") == 1


def test_bound_session_survives_a_reload_of_the_page(visit: Visit) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    visitor.open()
    # With what is in the tab's storage alone: nobody is asked to sign in again.
    visitor.start("undefined")
    visitor.until_up()
    visitor.until("harness.seen.renewed === 1")
    assert visitor.seen("asked") == 0
    # Without a proof the state is not honoured; the SDK begins anew with one, and is let in.
    assert visitor.refusals in ([], [(-32003, "Requester validation failed")])
    assert visitor.seen("errors") == []
    visitor.assert_among_us()


def test_restart_while_the_page_is_being_reloaded(visit: Visit, server: Server) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    server.stop()
    visitor.open()
    server.start()
    visitor.sign_in()
    assert visitor.statuses("token") == [201]


# --- 3.30 ---------------------------------------------------------------------------------------


@ENDINGS
def test_version_3_goes_on_after_a_restart(
    visit: Visit, site: Site, server: Server, number: int, code: int
) -> None:
    visitor = visit(V3)
    token = site.sign_in({}).json()["token"]
    visitor.sign_in_3(token)
    server.stop(number)
    visitor.until(f"harness.seen.closed.includes({code})")
    server.start()
    visitor.until("harness.seen.connects === 2")
    assert visitor.refusals == []
    # It does not say again that it is online: the server has to remember.
    assert visitor.methods.count("subscriber.online") == 1
    assert visitor.page.evaluate("client.address.getAddresses({}).then(found => found.data.length)")


def test_version_3_resumes_after_a_reload(visit: Visit, site: Site) -> None:
    visitor = visit(V3)
    token = site.sign_in({}).json()["token"]
    visitor.sign_in_3(token)
    visitor.open()
    visitor.sign_in_3(token)
    [connect] = [one["params"] for one in visitor.sent if one.get("method") == "signalwire.connect"]
    assert "authorization_state" in connect
    assert visitor.refusals == []
