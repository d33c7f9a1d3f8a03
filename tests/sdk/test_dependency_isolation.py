"""Neither of the two can lean on what the other one has installed."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.house.test_requirements import entries, names
from tests.house.tree import ROOT
from tests.interop.vendor import vendor_python
from tests.sdk.environment import done, sdk_python

LOCKS: Final = ROOT / "requirements"

ASK: Final = """
import json, sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
owners = packages_distributions()
found = {name: sorted(set(owners.get(name, []))) for name in sys.argv[1:] if find_spec(name)}
print(json.dumps(found))
"""


def known_in(python: Path | str, *modules: str) -> dict[str, list[str]]:
    """Which of `modules` can be imported there, and the distributions that they come from."""
    ended = done(python, "-I", "-c", ASK, *modules)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, list[str]] = json.loads(ended.stdout)
    return found


def test_the_servers_environment_has_no_sdk() -> None:
    assert known_in(sys.executable, "satmint", "satmint_sdk", "signalwire").keys() == {"satmint"}


def test_the_sdks_environment_has_nothing_of_the_server() -> None:
    of_the_server = ("satmint", "uvloop", "argon2", "msgspec", "structlog", "typer")
    ours = ("satmint_sdk", "satmint_signalwire", "signalwire")
    assert known_in(sdk_python(), *ours, *of_the_server).keys() == set(ours)


def test_the_vendors_environment_has_neither() -> None:
    found = known_in(vendor_python(), "signalwire", "satmint", "satmint_sdk")
    assert found == {"signalwire": ["signalwire-sdk"]}


def test_everything_that_the_sdk_depends_on_is_locked() -> None:
    about = ROOT / "packages" / "satmint-sdk" / "pyproject.toml"
    sdk = tomllib.loads(about.read_text(encoding="utf-8"))["project"]
    asked_for = [*sdk["dependencies"], *sdk["optional-dependencies"]["gateway"]]
    wanted = {re.split(r"[^A-Za-z0-9._-]", one)[0] for one in asked_for}
    assert wanted == {"httpx", "httpcore", "cryptography", "websockets"}
    assert wanted <= names(LOCKS / "sdk.txt")


@pytest.mark.parametrize("name", sorted(names(LOCKS / "sdk.txt") & names(LOCKS / "dev.txt")))
def test_what_both_environments_have_is_the_same_in_both(name: str) -> None:
    """A test that passes here and fails there would say nothing about either."""
    pins = [
        requirement
        for lock in ("sdk.txt", "dev.txt")
        for requirement, *_ in entries(LOCKS / lock)
        if re.split(r"[=\[; ]", requirement)[0] == name
    ]
    assert len(pins) == 2
    assert pins[0] == pins[1]
