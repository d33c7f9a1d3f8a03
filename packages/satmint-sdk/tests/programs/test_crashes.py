"""What a reporter of errors sees of a program that fails: never a secret."""

from __future__ import annotations

import re

import pytest

from kit.programs import Program
from kit.server import Live

_SECRET = re.compile(r"eyJ[\w-]{8,}\.[\w-]*\.[\w-]{8,}\.|PT[0-9a-f]{40}|c2c_0{32}|correct-horse")


@pytest.fixture(scope="module")
def reports(live: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By failure: the traceback with the variables of every frame."""
    folder = tmp_path_factory.mktemp("crashes")
    with Program(folder, live, "crashing.py", REFERENCE="crashing") as program:
        assert program.wait() == 0
        assert _SECRET.search(program.log) is None
        parts = re.split(r"^== (\w+)$", program.output, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(
    "failure",
    [
        "a_client_is_refused",
        "a_client_cannot_be_made",
        "a_session_cannot_sign_in",
        "a_session_was_revoked",
        "a_store_cannot_be_written",
        "a_provider_returns_what_is_no_credential",
    ],
)
def test_no_report_of_a_failure_shows_a_secret(reports: dict[str, str], failure: str) -> None:
    assert "Traceback" in reports[failure]
    found = _SECRET.search(reports[failure])
    assert found is None, reports[failure][: found.start()][-300:]
