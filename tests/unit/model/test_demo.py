"""What a development server gives away can be pasted as it stands."""

import ast
import json
import shlex
from pathlib import Path
from uuid import UUID

from satmint.model.demo import BrowserSdk, Demo
from satmint.model.secrets import SecretText

DEMO = Demo(
    project_id=UUID(int=1),
    api_token=SecretText("PT'; rm -rf ~ #"),
    c2c_token=SecretText("c2c_0"),
    addresses=(),
    http="http://127.0.0.1:8080",
    https="https://localhost:8443",
    ca_file=Path("ca.pem"),
)


def test_demo_does_not_print_its_secrets() -> None:
    assert "PT" not in repr(DEMO)
    assert "c2c_0" not in repr(DEMO)


def test_exports_are_read_by_a_shell_as_they_are_meant() -> None:
    lines = [shlex.split(line) for line in DEMO.exports().splitlines()]
    assert lines == [
        ["export", "SIGNALWIRE_SPACE=127.0.0.1:8080"],
        ["export", f"SIGNALWIRE_PROJECT_ID={DEMO.project_id}"],
        ["export", "SIGNALWIRE_API_TOKEN=PT'; rm -rf ~ #"],
    ]


def test_curl_line_is_read_by_a_shell_as_it_is_meant() -> None:
    words = shlex.split(DEMO.curl().replace("\\\n", " "))
    assert words == [
        *("curl", "-u", f"{DEMO.project_id}:PT'; rm -rf ~ #"),
        *("-H", "Content-Type: application/json"),
        *("-d", json.dumps({"reference": "alice@example.com"})),
        "http://127.0.0.1:8080/api/fabric/subscribers/tokens",
    ]


def test_python_program_is_one_and_holds_the_credentials() -> None:
    program = ast.parse(DEMO.python())
    (client,) = [
        node
        for node in ast.walk(program)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "RestClient"
    ]
    given = {word.arg: ast.literal_eval(word.value) for word in client.keywords}
    assert given == {
        "project": str(DEMO.project_id),
        "token": "PT'; rm -rf ~ #",
        "host": "127.0.0.1:8080",
    }


def test_sample_of_the_browser_sdk_names_a_file_and_how_to_get_it() -> None:
    sample = BrowserSdk.samples()
    assert sample.file == Path("browser.umd.js")
    assert shlex.split(sample.command)[:2] == ["npm", "ci"]
