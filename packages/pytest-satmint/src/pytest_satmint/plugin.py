"""The fixtures and hooks, which pytest loads by itself."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from typing import Final

import pytest

from pytest_satmint.calls import SatmintCalls
from pytest_satmint.clock import SatmintClock
from pytest_satmint.control import SatmintError
from pytest_satmint.faults import SatmintFaults
from pytest_satmint.report import sections
from pytest_satmint.server import CannotStart, Satmint, running_server
from pytest_satmint.tokens import GuestFactory, SubscriberFactory

_SERVER: Final = pytest.StashKey[Satmint]()
"""The running server, of the session's configuration."""
_OUTER_VARIABLES: Final = pytest.StashKey[Mapping[str, str | None]]()
"""What the environment had before the plugin set its variables; absent while they are not set."""
_LOG_SIZE: Final = pytest.StashKey[int]()
"""The size of the server's log when a test began, of the test."""
_KEEP_DATA: Final = "satmint_keep_data"
_NOT_INSTALLED: Final = (
    "The satmint server is not installed in this environment, and `satmint` is not on the PATH."
    " Install it (`pip install satmint`), or set `satmint_command` in pytest's configuration to the"
    " program of another environment."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the configuration file."""
    parser.addini("satmint_command", "The program `satmint`, with arguments.", type="args")
    for name in ("satmint_port", "satmint_https_port"):
        parser.addini(name, "A port of the server. Default: a free one.", default="0")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers",
        f"{_KEEP_DATA}: the satmint project keeps what earlier tests and wider fixtures created",
    )


@pytest.fixture(scope="session")
def satmint(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Satmint]:
    """A satmint server with a demo project, for all tests of this process.

    In tests that use it, `SIGNALWIRE_SPACE`, `SIGNALWIRE_PROJECT_ID` and `SIGNALWIRE_API_TOKEN` are
    set. Every test begins with an empty project and no faults.
    """
    port, https_port = (
        _port(pytestconfig, name) for name in ("satmint_port", "satmint_https_port")
    )
    folder = tmp_path_factory.mktemp("satmint")
    try:
        with running_server(
            _command(pytestconfig), folder, port=port, https_port=https_port
        ) as server:
            pytestconfig.stash[_SERVER] = server
            _set_variables(pytestconfig, server)
            yield server
            del pytestconfig.stash[_SERVER]
    except CannotStart as error:
        pytest.fail(f"{error}{_hint(port, https_port)}", pytrace=False)


@pytest.fixture(autouse=True)
def _satmint_clean_slate(request: pytest.FixtureRequest) -> Iterator[None]:
    """Reset the server before a test that uses it, after fixtures of wider scopes.

    Clock and faults are reset after the test, too: wider fixtures of the next one meet none.
    """
    if not _uses_server(request.node):
        yield
        return
    server: object = request.getfixturevalue("satmint")
    if not isinstance(server, Satmint):  # a fixture of the program's own, which has this name
        yield
        return
    keep_data = request.node.get_closest_marker(_KEEP_DATA) is not None
    server.reset(keep_data=keep_data)
    request.node.stash[_LOG_SIZE] = server.log.stat().st_size
    yield
    with suppress(SatmintError):  # a server that has ended is named by the next test
        server.reset(keep_data=True)


@pytest.fixture
def satmint_clock(satmint: Satmint) -> SatmintClock:
    """Moves and stops the server's clock."""
    return SatmintClock(satmint.control)


@pytest.fixture
def satmint_faults(satmint: Satmint) -> SatmintFaults:
    """Injects faults into the next requests."""
    return SatmintFaults(satmint.control)


@pytest.fixture
def satmint_calls(satmint: Satmint) -> SatmintCalls:
    """The requests that the server received in this test."""
    return SatmintCalls(satmint.control)


@pytest.fixture
def satmint_subscriber(satmint: Satmint) -> SubscriberFactory:
    """Creates subscribers with tokens."""
    return SubscriberFactory(satmint)


@pytest.fixture
def satmint_guest(satmint: Satmint) -> GuestFactory:
    """Creates guests with tokens."""
    return GuestFactory(satmint)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Set the variables for a test that uses the server, with all of its fixtures.

    The first such test starts the server, and `satmint` sets them.
    """
    server = item.config.stash.get(_SERVER, None)
    if server is not None and _uses_server(item):
        _set_variables(item.config, server)
    try:
        return (yield)
    finally:
        _restore_variables(item.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the server's log and the calls to the report of a failing test."""
    report = yield
    server, since = item.config.stash.get(_SERVER, None), item.stash.get(_LOG_SIZE, None)
    if report.failed and server is not None and since is not None:
        report.sections += sections(server, since)
    return report


def _uses_server(item: pytest.Item) -> bool:
    return "satmint" in getattr(item, "fixturenames", ())


def _set_variables(config: pytest.Config, server: Satmint) -> None:
    if _OUTER_VARIABLES not in config.stash:
        config.stash[_OUTER_VARIABLES] = {name: os.environ.get(name) for name in server.variables}
        os.environ.update(server.variables)


def _restore_variables(config: pytest.Config) -> None:
    for name, value in config.stash.get(_OUTER_VARIABLES, {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if _OUTER_VARIABLES in config.stash:
        del config.stash[_OUTER_VARIABLES]


def _command(config: pytest.Config) -> list[str]:
    """The command line of the server: as configured, of this environment, or on the PATH."""
    configured: list[str] = config.getini("satmint_command")
    if configured:
        return configured
    try:
        found = importlib.util.find_spec("satmint.__main__")
    except ModuleNotFoundError:
        found = None
    if found is not None:
        return [sys.executable, "-m", "satmint"]
    program = shutil.which("satmint")
    if program is None:
        pytest.fail(_NOT_INSTALLED, pytrace=False)
    return [program]


def _port(config: pytest.Config, name: str) -> int:
    text: str = config.getini(name)
    if not text.isdecimal():
        raise pytest.UsageError(f"{name} must be a port number, not {text!r}")
    return int(text)


def _hint(*ports: int) -> str:
    """What to do if ports that were chosen may be the reason."""
    if not any(ports):
        return ""
    workers = "PYTEST_XDIST_WORKER" in os.environ
    reason = " With pytest-xdist, each worker has a server of its own." if workers else ""
    return f".{reason} Without satmint_port and satmint_https_port it takes free ports."
