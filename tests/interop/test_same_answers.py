"""One script with the vendor's SDK, ours, node and curl: the same answers but for ids and times.

Each makes a room, a Click-to-Call token and a subscriber, issues and ends tokens of every kind,
lists and pages, and deletes everything that it made, so that the next one finds what it found.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.interop.http_clients import SOURCES, RealClient, interpreted
from tests.interop.vendor import SCRIPTS, run_ours, run_vendor
from tests.kit.dev import DevServer, clean_environment, running_dev

Steps = list[tuple[str, str]]
"""Names of steps, each with the text of its answer; before it the status, if that is an error."""

SCRIPT: Final = SCRIPTS / "same_answers.py"
SECONDS: Final = 120
VARIABLE: Final = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
    r"|(?P<token>eyJ[\w.-]+|c2c_\w+|(?<=page_token=)[\w-]+)"
)


NODE: Final = RealClient(
    "node", ("nodejs",), ("node", "-e", "fetch"), interpreted("node", "same_answers.mjs")
)
CURL: Final = RealClient(
    "curl", ("curl",), ("curl", "--version"), interpreted("sh", "same_answers.sh")
)


def run(client: RealClient, server: DevServer) -> str:
    """What a program prints, given the server's URL and the project's credentials."""
    done = subprocess.run(
        [*client.program(SOURCES), server["http"], *server.auth],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_json(steps: list[list[str]]) -> Steps:
    return [(name, text) for name, text in steps]


def with_curl(server: DevServer) -> Steps:
    lines = (line.partition("\t") for line in run(CURL, server).splitlines())
    return [(name, text) for name, _, text in lines]


RUN: Final[dict[str, Callable[[DevServer], Steps]]] = {
    "ours": lambda server: of_json(run_ours(SCRIPT, server)),
    "node": lambda server: of_json(json.loads(run(NODE, server))),
    "curl": with_curl,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("same")) as running:
        yield running


def compared(steps: Steps) -> Steps:
    """With each id named by where it came first, and without times and tokens."""
    ids: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        if match["id"]:
            return ids.setdefault(match["id"], f"<id {len(ids)}>")
        return f"<{match.lastgroup}>"

    return [(name, VARIABLE.sub(placeholder, text)) for name, text in steps]


@pytest.fixture(scope="module")
def vendors(server: DevServer) -> Steps:
    """With the vendor's SDK."""
    return compared(of_json(run_vendor(SCRIPT, server)))


def test_vendors_sdk_goes_through_all_steps(vendors: Steps) -> None:
    by_name = dict(vendors)
    assert len(by_name) == len(vendors) == 25
    refused = [name for name, text in vendors if text[:1].isdigit()]
    assert refused == ["revoked", "no such layout", "guest of it", "no room"]
    assert by_name["guest"] == '{"token":"<token>","refresh_token":"<token>"}'
    assert '"conference_room":{' in by_name["rooms"]
    assert '"name":"gleich"' in by_name["page 0"]
    assert '"name":"same_room"' in by_name["page 1"]
    assert '"description":"Süd"' in by_name["resource"]
    assert '"data":[]' in by_name["nothing left"]


@pytest.mark.parametrize("client", RUN)
def test_other_clients_get_the_same_answers(vendors: Steps, server: DevServer, client: str) -> None:
    assert compared(RUN[client](server)) == vendors
