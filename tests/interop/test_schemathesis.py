"""Our own description held against our own server: every operation, with good and odd input.

`SATMINT_TEST_EXAMPLES=100` looks longer.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.kit.dev import DevServer, clean_environment, running_dev

_SCHEMATHESIS: Final = Path(sys.executable).with_name("schemathesis")

_EXAMPLES: Final = os.environ.get("SATMINT_TEST_EXAMPLES", "5")
"""Of each operation, where inputs are random."""
_SECONDS: Final = 900
_BEARER_OPERATIONS: Final = (
    "get-subscriber-info",
    "list-addresses",
    "get-address",
    "create-invite-token",
)
_CONFIGURATION: Final = """\
[phases.stateful.generation]
mode = "positive"
"""
"""Chains of requests are valid ones: what else is refused, the other phases try. Those of chains
take unknown parameters of a query for wrong ones, which are passed over, as at the vendor."""
_API_TOKEN_OPERATIONS: Final = ("update-project-token", "delete-project-token")
"""With an id from the list of API tokens, they would take the run's own token away."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A server that does not mind thousands of bad credentials from one address."""
    patience = {f"SATMINT_{name}_PER_MINUTE": str(10**9) for name in ("FAILURES", "EMBEDS")}
    with running_dev(tmp_path_factory.mktemp("schemathesis"), env=patience) as server:
        yield server


def no_issue_found(server: DevServer, folder: Path, *arguments: str) -> None:
    (folder / "schemathesis.toml").write_text(_CONFIGURATION)
    done = subprocess.run(
        [
            str(_SCHEMATHESIS),
            "run",
            f"{server['http']}/openapi.json",
            "--seed=1",
            f"--max-examples={_EXAMPLES}",
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
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout
    assert " failed" not in done.stdout


@pytest.mark.parametrize("phase", ["coverage", "fuzzing", "stateful"])
@pytest.mark.timeout(_SECONDS)
def test_every_operation_does_what_the_description_says(
    phase: str, patient: DevServer, tmp_path: Path
) -> None:
    project, api_token = patient.auth
    excluded = [f"--exclude-operation-id={operation}" for operation in _API_TOKEN_OPERATIONS]
    auth = f"--auth={project}:{api_token}"
    no_issue_found(patient, tmp_path, auth, f"--phases={phase}", *excluded)
    still_good = httpx.get(f"{patient['http']}/api/project/tokens", auth=patient.auth)
    assert still_good.status_code == 200


def test_operations_for_one_api_token_do_what_the_description_says(
    patient: DevServer, tmp_path: Path
) -> None:
    project, api_token = patient.auth
    selected = [f"--include-operation-id={operation}" for operation in _API_TOKEN_OPERATIONS]
    no_issue_found(patient, tmp_path, f"--auth={project}:{api_token}", *selected)


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
