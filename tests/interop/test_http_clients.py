"""HTTP clients of seven languages, as they come, issue a token and refresh it."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.interop.http_clients import CLIENTS, RealClient
from tests.kit.dev import DevServer, clean_environment, running_dev
from tests.kit.relay import Relay

SECONDS: Final = 60
STATUS: Final = {"issue": 200, "refresh": 201, "stream": 201}
PAIR: Final = {"token", "refresh_token"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("dev")) as running:
        yield running


@pytest.fixture(scope="module")
def build_folder(tmp_path_factory: pytest.TempPathFactory, server: DevServer) -> Path:
    """Holds what is compiled once, and the certificate authority."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copy(server["ca_file"], folder / "ca.pem")
    return folder


async def answers_of(client: RealClient, folder: Path, url: str, auth: tuple[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Run a client; returns the JSON that it printed."""
    ca_file = str(folder / "ca.pem")
    process = await asyncio.create_subprocess_exec(
        *client.program(folder),
        *(url, ca_file, *auth, *client.options),
        env=clean_environment(
            SSL_CERT_FILE=ca_file, NODE_EXTRA_CA_CERTS=ca_file, REQUESTS_CA_BUNDLE=ca_file
        ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            printed, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return json.loads(printed)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_client_with_its_default_settings_issues_and_refreshes(
    client: RealClient, scheme: str, server: DevServer, build_folder: Path
) -> None:
    relay = Relay(httpx.URL(server[scheme]).port or 0)
    async with relay.running():
        url = f"{scheme}://127.0.0.1:{relay.port}"
        answers = await answers_of(client, build_folder, url, server.auth)
    statuses = [(answer["step"], answer["status"]) for answer in answers]
    assert statuses == [(step, STATUS[step]) for step in client.steps]
    issued, *refreshed = (answer["body"] for answer in answers)
    assert issued.keys() == PAIR | {"subscriber_id"}
    assert all(pair.keys() == PAIR for pair in refreshed)
    tokens = [pair[name] for pair in (issued, *refreshed) for name in PAIR]
    assert len(set(tokens)) == len(tokens)
    assert relay.connections <= client.connections
    pair_works(server, issued["subscriber_id"], refreshed[-1])


def pair_works(server: DevServer, subscriber_id: str, pair: dict[str, str]) -> None:
    with httpx.Client(base_url=server["http"]) as http:
        bearer = {"authorization": f"Bearer {pair['token']}"}
        info = http.get("/api/fabric/subscriber/info", headers=bearer)
        assert (info.status_code, info.json()["id"]) == (200, subscriber_id)
        again = http.post(
            "/api/fabric/subscribers/tokens/refresh",
            json={"refresh_token": pair["refresh_token"]},
            auth=server.auth,
        )
        assert again.status_code == 201
