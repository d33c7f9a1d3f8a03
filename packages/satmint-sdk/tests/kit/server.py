"""The real server, on ports of its own.

It runs in the environment of `SATMINT_PYTHON`, or of this repository, or in this one, whichever is
the first to be there.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx

from satmint_sdk.rest import AsyncRestClient, RestClient

REPOSITORY = Path(__file__).parents[4]


@dataclass(frozen=True)
class Live:
    """What `satmint dev --json` says of itself."""

    http: str
    https: str
    project_id: str
    api_token: str
    c2c_token: str
    addresses: tuple[str, ...]
    ca_file: str
    process: subprocess.Popen[str]

    @property
    def host(self) -> str:
        return self.http.removeprefix("http://")

    @property
    def tls_host(self) -> str:
        """A name in the certificate that is not spoken to in clear."""
        return self.https.removeprefix("https://").replace("127.0.0.1", "fabric.localhost")

    def client(self) -> RestClient:
        return RestClient(self.project_id, self.api_token, self.host)

    def async_client(self) -> AsyncRestClient:
        return AsyncRestClient(self.project_id, self.api_token, self.host)

    def accepts(self, token: str) -> bool:
        """Present an access token as its holder would. The server has seen it in use then."""
        http = HTTPConnection(self.host)  # httpx would read a bundle of authorities each time
        try:
            http.request(
                "GET", "/api/fabric/subscriber/info", headers={"authorization": f"Bearer {token}"}
            )
            status = http.getresponse().status
        finally:
            http.close()
        assert status in (200, 401)
        return status == 200

    def revoke(self, subscriber_id: str) -> None:
        """End all sessions of a subscriber, as an operator would."""
        self._manage("DELETE", f"/api/satmint/subscribers/{subscriber_id}/sessions")

    def is_online(self, subscriber_id: str) -> bool:
        """Whether a subscriber can be reached through the gateway, as others see it."""
        found: dict[str, Any] = self._manage(
            "GET", f"/api/satmint/subscribers/{subscriber_id}/presence"
        ).json()
        return found["online"] is True

    def sessions_of(self, subscriber_id: str) -> list[dict[str, Any]]:
        """The sessions of a subscriber, as an operator sees them."""
        path = f"/api/satmint/subscribers/{subscriber_id}/sessions?page_size=100"
        found: list[dict[str, Any]] = self._manage("GET", path).json()["data"]
        return found

    def _manage(self, method: str, path: str) -> httpx.Response:
        with httpx.Client(auth=(self.project_id, self.api_token)) as http:
            return http.request(method, self.http + path).raise_for_status()

    def trail(self) -> Counter[str]:
        """How often each kind of event stands in the server's audit trail."""
        kinds: Counter[str] = Counter()
        url: str | None = f"{self.http}/api/satmint/events?page_size=1000"
        with httpx.Client(auth=(self.project_id, self.api_token)) as http:
            while url is not None:
                page = http.get(url).raise_for_status().json()
                kinds.update(event["kind"] for event in page["data"])
                url = page["links"].get("next")
        return kinds


def server_python() -> str:
    named = os.environ.get("SATMINT_PYTHON")
    if named is not None:
        return named
    beside = REPOSITORY / ".venv" / "bin" / "python"
    if beside.exists():
        return str(beside)
    if importlib.util.find_spec("satmint") is not None:
        return sys.executable
    raise RuntimeError("these tests need a server: set SATMINT_PYTHON to a Python that has satmint")


@contextlib.contextmanager
def running(folder: Path, port: int = 0, **settings: str) -> Iterator[Live]:
    """Run `satmint dev` with its state in `folder`, until the block is left."""
    options = ["--port", str(port), "--https-port", "0", "--json", "--data", str(folder / "data")]
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(
            [server_python(), "-m", "satmint", "dev", *options],
            cwd=folder,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line, (folder / "server.log").read_text()
            said = json.loads(line)
            assert said["ready"] is True
            yield Live(
                http=said["http"],
                https=said["https"],
                project_id=said["project_id"],
                api_token=said["api_token"],
                c2c_token=said["c2c_token"],
                addresses=tuple(address["id"] for address in said["addresses"]),
                ca_file=said["ca_file"],
                process=server,
            )
        finally:
            server.terminate()
            server.communicate(timeout=30)
