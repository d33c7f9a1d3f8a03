"""The vendor's command line, `swsh` 3.0.2, unchanged, against `satmint dev`."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest

from satmint.http.resources import OPERATIONS
from tests.interop.vendor import SCRIPTS, command_line_python
from tests.kit.dev import DevServer, clean_environment, running_dev

HAS_RESOURCES: Final = "/api/fabric/resources" in {one.path for one in OPERATIONS}


class CommandLine:
    """`sw`, as somebody has it who exported the variables that `satmint dev` prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, output, errors = json.loads(self._process.stdout.readline())
        return code, output, errors

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """What a command prints with `--json`; it succeeds."""
        code, output, errors = self.run(*arguments, "--json")
        assert code == 0, (arguments, output, errors)
        return json.loads(output)

    def one(self, *arguments: str) -> dict[str, Any]:
        """The same, for an answer of one row."""
        found = self.json(*arguments)
        if isinstance(found, list):
            (found,) = found
        return dict(found)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("dev")) as running:
        yield running


@pytest.fixture(scope="module")
def sw(dev: DevServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    project, token = dev.auth
    home = tmp_path_factory.mktemp("home")
    environment = clean_environment(
        SIGNALWIRE_PROJECT_ID=project,
        SIGNALWIRE_API_TOKEN=token,
        # It knows https only.
        SIGNALWIRE_SPACE=f"localhost:{dev['https'].rpartition(':')[2]}",
        SSL_CERT_FILE=dev["ca_file"],
        REQUESTS_CA_BUNDLE=dev["ca_file"],
        HOME=str(home),
        PYTHONPATH="",
        NO_COLOR="1",
    )
    with subprocess.Popen(
        [str(command_line_python()), str(SCRIPTS / "command_line.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=home,
    ) as process:
        yield CommandLine(process)


def test_whoami_and_doctor_find_the_credentials_good(sw: CommandLine, dev: DevServer) -> None:
    project, _ = dev.auth
    me = sw.json("whoami")
    assert (me["project"], me["account_status"], me["friendly_name"]) == (
        project,
        "active",
        "Demo",
    )
    code, output, _ = sw.run("doctor", "--json")
    checks = {one["check"]: (one["ok"], one["detail"]) for one in json.loads(output)}
    assert checks["credentials"][0]
    assert checks["laml surface"] == (True, "reachable; sending form-encoded bodies")
    # There are no calls, so no log of them; the tunnel is a program of the machine.
    ok, detail = checks["call identifiers"]
    assert not ok
    assert "HTTP 404" in detail
    assert set(checks) == {"credentials", "laml surface", "call identifiers", "tunnel"}
    assert code == 1


def test_tokens_of_every_kind(sw: CommandLine, dev: DevServer) -> None:
    pair = sw.one("subtokens", "create", "-s", "reference=ada@example.com")
    assert {"subscriber_id", "token", "refresh_token"} == pair.keys()
    newer = sw.one("subtokens", "refresh-token", "--refresh-token", pair["refresh_token"])
    assert newer.keys() == {"token", "refresh_token"}
    address = dev["addresses"][0]["id"]
    guest = sw.one("subtokens", "mint-guest-token", "--allowed-addresses", address)
    assert guest.keys() == {"token", "refresh_token"}
    (own,) = sw.json("subscribers", "addresses", pair["subscriber_id"])
    assert own["name"] == "ada"
    assert sw.one("subtokens", "mint-invite-token", "--address-id", own["id"]).keys() == {"token"}
    embed = sw.one("subtokens", "mint-embed-token", "--token", dev["c2c_token"])
    assert embed.keys() == {"token"}
    code, _, errors = sw.run("subtokens", "mint-embed-token", "--token", embed["token"], "--json")
    assert code != 0
    assert "this is a SAT" in errors


def test_api_tokens(sw: CommandLine) -> None:
    made = sw.one("tokens", "create", "-s", "name=backend", "-s", "permissions=calling")
    assert (made["name"], made["permissions"]) == ("backend", ["calling"])
    changed = sw.one("tokens", "update", made["id"], "-s", "name=other")
    assert (changed["id"], changed["name"]) == (made["id"], "other")
    code, _, errors = sw.run("tokens", "delete", made["id"], "--yes", "--json")
    assert code == 0, errors


def test_subscribers(sw: CommandLine) -> None:
    made = sw.one("subscribers", "create", "-s", "email=bob@example.com", "-s", "first_name=Bob")
    assert made["subscriber"]["first_name"] == "Bob"
    assert made["id"] in [one["id"] for one in sw.json("subscribers", "list")]
    assert sw.one("subscribers", "get", made["id"])["subscriber"]["email"] == "bob@example.com"
    changed = sw.one("subscribers", "update", made["id"], "-s", "last_name=Babbage")
    assert changed["subscriber"]["last_name"] == "Babbage"
    code, _, errors = sw.run("subscribers", "delete", made["id"], "--yes", "--json")
    assert code == 0, errors
    assert made["id"] not in [one["id"] for one in sw.json("subscribers", "list")]


def test_addresses(sw: CommandLine, dev: DevServer) -> None:
    listed = {one["id"]: one["name"] for one in sw.json("fabricaddresses", "list")}
    assert listed.items() >= {(one["id"], one["name"]) for one in dev["addresses"]}
    address = dev["addresses"][0]
    assert sw.one("fabricaddresses", "get", address["id"])["name"] == address["name"]


@pytest.mark.skipif(not HAS_RESOURCES, reason="the server has no /api/fabric/resources yet")
def test_resources(sw: CommandLine) -> None:
    made = sw.one("subscribers", "create", "-s", "email=carol@example.com")
    listed = {one["id"]: one["type"] for one in sw.json("resources", "list")}
    assert listed[made["id"]] == "subscriber"
    assert sw.one("resources", "get", made["id"])["id"] == made["id"]
    assert [one["name"] for one in sw.json("resources", "addresses", made["id"])] == ["carol"]
    code, _, errors = sw.run("resources", "delete", made["id"], "--yes", "--json")
    assert code == 0, errors
    assert made["id"] not in [one["id"] for one in sw.json("resources", "list")]
