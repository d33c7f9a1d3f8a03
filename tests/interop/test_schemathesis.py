"""Our own description held against our own server: every operation, with good and odd input."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.kit.dev import DevServer, clean_environment, running_dev

_SCHEMATHESIS: Final = Path(sys.executable).with_name("schemathesis")

_BEARER_OPERATIONS: Final = (
    "get-subscriber-info",
    "list-addresses",
    "get-address",
    "create-invite-token",
)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A server that does not mind thousands of bad credentials from one address."""
    patience = {f"SATMINT_{name}_PER_MINUTE": str(10**9) for name in ("FAILURES", "EMBEDS")}
    with running_dev(tmp_path_factory.mktemp("schemathesis"), env=patience) as server:
        yield server


def no_issue_found(server: DevServer, folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [
            str(_SCHEMATHESIS),
            "run",
            f"{server['http']}/openapi.json",
            "--seed=1",
            "--max-examples=10",
            "--no-color",
            "--warnings=off",
            "--continue-on-failure",
            # A request can be of the right shape and wrong in meaning: an expiry in the past, an
            # address of somebody else. Those are answered 422, as the vendor's API does, and no
            # schema can say so.
            "--exclude-checks=positive_data_acceptance",
            *arguments,
        ],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout
    assert " failed" not in done.stdout


def test_every_operation_does_what_the_description_says(patient: DevServer, tmp_path: Path) -> None:
    project, api_token = patient.auth
    no_issue_found(patient, tmp_path, f"--auth={project}:{api_token}")


def test_operations_for_holders_do_what_the_description_says(
    patient: DevServer, tmp_path: Path
) -> None:
    signed_in = httpx.post(
        f"{patient['http']}/api/fabric/subscribers/tokens",
        json={"reference": "holder", "scope": "sat:refresh", "fingerprint": "A" * 43},
        auth=patient.auth,
    ).json()
    selected = [f"--include-operation-id={operation}" for operation in _BEARER_OPERATIONS]
    no_issue_found(
        patient, tmp_path, "--header", f"Authorization: Bearer {signed_in['token']}", *selected
    )
