"""A page with the vendor's browser SDK calls a service of the customer, with its bound SAT."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.browser.conftest import V4, Visit
from tests.browser.site import Site
from tests.house.tree import ROOT
from tests.kit.dev import DevServer
from tests.kit.polling import wait_until
from tests.kit.ports import free_port
from tests.sdk.environment import pointed_at, sdk_python

PROGRAM: Final = ROOT / "packages/satmint-sdk/tests/programs/apps/protected_fastapi.py"
_STOP_SECONDS: Final = 20
# The key of the SDK signs; the service's clock is this machine's, not the one that tests move.
CALL: Final = """
(async (url, token, proved) => {
  const moved = Date.now;
  Date.now = clock.real.now;
  const proving = client._dpopManager.createHttpProof({
    method: "GET", uri: proved, accessToken: token,
  });
  Date.now = moved;
  const headers = { Authorization: `DPoP ${token}`, DPoP: await proving };
  const call = async (headers) => {
    const answer = await fetch(url, { headers });
    const challenge = answer.headers.get("WWW-Authenticate");
    return { status: answer.status, challenge, body: await answer.json() };
  };
  return {
    first: await call(headers),
    again: await call(headers),
    alone: await call({ Authorization: `Bearer ${token}` }),
  };
})
"""


@pytest.fixture(scope="module")
def service(dev: DevServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service, with an API token that can do nothing but verify; its URL."""
    made = httpx.post(
        dev["http"] + "/api/project/tokens",
        auth=dev.auth,
        json={"name": "verifier", "permissions": ["introspect"]},
    ).json()
    url = f"http://localhost:{free_port()}"
    variables = {
        "SIGNALWIRE_API_TOKEN": made["token"],
        "BASE_URL": url,
        "PORT": url.rpartition(":")[2],
        "RESOURCES": "",
        "PYTHONPATH": str(PROGRAM.parent),
    }
    log = tmp_path_factory.mktemp("service") / "service.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(sdk_python()), str(PROGRAM)],
            env={**pointed_at(dev), **variables},
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
    try:
        wait_until(lambda: "Uvicorn running" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=_STOP_SECONDS)
    assert made["token"] not in log.read_text()


def test_bound_sat_of_a_page_is_good_with_proofs_of_its_key_until_it_is_revoked(
    visit: Visit, site: Site, dev: DevServer, service: str
) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    subscriber = site.signed_in[-1]["subscriber_id"]
    url, token = f"{service}/me", visitor.token

    def called(proved: str) -> dict[str, Any]:
        arguments = json.dumps([url, token, proved])
        found: dict[str, Any] = visitor.page.evaluate(f"({CALL})(...{arguments})")
        return found

    found = called(url)
    assert found["first"]["status"] == 200, found
    assert found["first"]["body"]["subscriber"] == subscriber
    assert (found["again"]["status"], found["again"]["body"]) == (401, {"detail": "proof_replayed"})
    assert 'error="invalid_dpop_proof"' in found["again"]["challenge"]
    assert (found["alone"]["status"], found["alone"]["body"]) == (401, {"detail": "proof_missing"})
    elsewhere = called("https://other.example/me")["first"]
    assert (elsewhere["status"], elsewhere["body"]) == (401, {"detail": "proof_target"})

    path = f"/api/satmint/subscribers/{subscriber}/sessions"
    assert httpx.delete(dev["http"] + path, auth=dev.auth).is_success
    wait_until(lambda: called(url)["first"]["status"] == 401)
    assert called(url)["first"]["body"] == {"detail": "token_inactive"}
