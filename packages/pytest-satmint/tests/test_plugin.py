"""What the plugin does around tests, in runs of their own."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

QUIET = ("-p", "no:asyncio")  # it warns of each run without settings of its own

CLEAN_SLATE = """
import os
from datetime import UTC, datetime
import pytest

@pytest.fixture(scope="session")
def application(satmint):
    return {"api_token": os.environ["SIGNALWIRE_API_TOKEN"], "server": satmint}

def test_of_something_else():
    assert os.environ["SIGNALWIRE_SPACE"] == "elsewhere"
    assert "SIGNALWIRE_API_TOKEN" not in os.environ

@pytest.fixture(scope="module")
def ada(satmint):
    return satmint.control.api("POST", "/api/fabric/subscribers/tokens", {"reference": "ada"})

def active(server, pair):
    said = server.control.api("POST", "/api/satmint/tokens/introspect", {"token": pair["token"]})
    return said["active"]

@pytest.mark.parametrize("nth", [1, 2])
def test_begins_with_a_clean_slate(
    nth, application, satmint_clock, satmint_faults, satmint_calls, satmint_subscriber
):
    assert os.environ["SIGNALWIRE_SPACE"] == application["server"].space
    assert application["api_token"] == application["server"].api_token
    server = application["server"]
    assert abs(satmint_clock.now() - datetime.now(UTC)).total_seconds() < 600
    state = server.control.dev("GET")
    assert (state["faults"], state["calls"], state["expired"]) == ([], [], [])
    assert server.control.api("GET", "/api/fabric/resources/subscribers")["data"] == []
    assert server.control.api("GET", "/api/satmint/sessions")["data"] == []
    assert satmint_subscriber().reference == "subscriber-1@example.com"
    server.control.api("DELETE", f"/api/satmint/addresses/{server.addresses[0].id}")
    satmint_faults.refuse(500)
    satmint_clock.advance(days=90)
    satmint_clock.freeze()

def test_loses_what_a_wider_fixture_made(satmint, ada):
    assert not active(satmint, ada)

@pytest.fixture(scope="class")
def bob(satmint):
    return satmint.control.api("POST", "/api/fabric/subscribers/tokens", {"reference": "bob"})

@pytest.mark.satmint_keep_data
class TestOfOneSubscriber:
    @pytest.mark.parametrize("nth", [1, 2])
    def test_keeps_it_if_it_is_told_to(self, nth, satmint, satmint_clock, bob):
        assert active(satmint, bob)
        satmint_clock.advance(days=90)

def test_is_restored():
    assert os.environ["SIGNALWIRE_SPACE"] == "elsewhere"
    assert "SIGNALWIRE_API_TOKEN" not in os.environ
"""


def passes(pytester: pytest.Pytester, text: str, *arguments: str, count: int) -> None:
    pytester.makepyfile(text)
    pytester.runpytest_inprocess(*QUIET, *arguments).assert_outcomes(passed=count)


def test_every_test_begins_with_a_clean_slate(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALWIRE_SPACE", "elsewhere")
    monkeypatch.delenv("SIGNALWIRE_API_TOKEN", raising=False)
    passes(pytester, CLEAN_SLATE, "--strict-markers", count=7)


def test_run_that_needs_no_server_starts_none(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nsatmint_command = nowhere")
    passes(pytester, "def test_nothing(): pass", count=1)


def test_fixture_of_the_programs_own_with_this_name_is_left_alone(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def satmint():
            return "mine"

        def test_mine(satmint):
            assert satmint == "mine"
        """
    )
    pytester.runpytest_inprocess(*QUIET).assert_outcomes(passed=1)


def test_report_of_a_failing_test_has_the_log_and_the_calls(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
    from http.client import HTTPConnection, RemoteDisconnected
    import pytest

    def test_before(satmint_faults):
        satmint_faults.refuse(500)

    def test_client(satmint, satmint_faults):
        with satmint_faults.lose_answer("get-subscriber-info"):
            connection = HTTPConnection(satmint.space, timeout=60)
            connection.request("GET", "/api/fabric/subscriber/info")
            with pytest.raises(RemoteDisconnected):
                connection.getresponse()
            connection.close()
        assert False
    """)
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- satmint calls -*",
            "get-subscriber-info 401 (lose_answer)",
            "*- satmint log (*satmint.log) -*",
            "*:*:* info fault_armed kind=lose_answer route=get-subscriber-info times=1",
            "*:*:* info fault_met kind=lose_answer *",
        ]
    )
    result.stdout.no_fnmatch_line("*fault_armed kind=refuse*")
    assert not re.search(r"PT[0-9a-f]{8}|c2c_[0-9a-f]{8}", result.stdout.str())


def test_each_worker_has_a_server_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
    from pathlib import Path

    import pytest

    @pytest.mark.parametrize("nth", range(4))
    def test_server(nth, satmint, satmint_subscriber, worker_id, pytestconfig):
        satmint_subscriber("ada@example.com")
        Path(pytestconfig.rootpath, f"{worker_id}-{satmint.space}").touch()
    """)
    pytester.runpytest_subprocess(*QUIET, "-n", "2", "--dist", "load").assert_outcomes(passed=4)
    found = [path.name.split("-") for path in Path(pytester.path).glob("gw*-*")]
    assert len({worker for worker, _ in found}) == len({space for _, space in found}) == len(found)
    assert len(found) == 2


# --- what cannot be ------------------------------------------------------------------------------


USES_IT = "def test_it(satmint): pass\ndef test_again(satmint_clock): pass\n"


def said(pytester: pytest.Pytester, *lines: str) -> None:
    """A run says these lines of each test, and shows no traceback."""
    pytester.makepyfile(USES_IT)
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(list(lines))
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_port_that_is_taken_is_named(pytester: pytest.Pytester) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        pytester.makeini(f"[pytest]\nsatmint_port = {port}")
        said(
            pytester,
            f"satmint dev ended with exit code 1: cannot listen on 127.0.0.1:{port}: the port is"
            " taken. Without satmint_port and satmint_https_port it takes free ports.",
        )


def test_missing_server_is_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "")
    said(pytester, "The satmint server is not installed in this environment,*pip install satmint*")


def test_program_that_is_none_is_named(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nsatmint_command = ./satmint")
    said(pytester, "./satmint cannot be run: No such file or directory")


def test_last_words_of_a_server_are_shown(pytester: pytest.Pytester) -> None:
    program = "import sys; sys.exit('no space left')"
    pytester.makeini(f'[pytest]\nsatmint_command = {sys.executable} -c "{program}"')
    said(pytester, "satmint dev ended with exit code 1: no space left")


def test_port_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nsatmint_port = http")
    pytester.makepyfile(USES_IT)
    result = pytester.runpytest_inprocess(*QUIET)
    result.stdout.fnmatch_lines(["*satmint_port must be a port number, not 'http'*"])
