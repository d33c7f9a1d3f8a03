"""`deploy/nginx.conf`, as it stands but for its addresses and paths, in front of two servers."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from satmint.cli.program import run
from satmint.gateway.protocol.happenings import CloseCode
from tests.house.tree import ROOT
from tests.kit.apt import install
from tests.kit.gateway import connect_params
from tests.kit.patience import wait_until
from tests.kit.postgres import the_server
from tests.kit.serving import ServeProcess, running_serve

CONFIGURATION = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
NAME = "fabric.example.com"
CHAINS = 6
HERE = {"host": NAME}


def nginx() -> str:
    """The program, installed if that can be done here."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if found is None:
        install("nginx-light")
        found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if found is not None:
        return found
    pytest.skip("nginx is missing, so its example is not tried. On Debian: apt-get install nginx")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Proxied:
    """Two servers behind nginx."""

    folder: Path
    database: str
    ports: tuple[int, int]
    url: str
    trust: ssl.SSLContext
    project: dict[str, Any]

    @contextmanager
    def server(self, number: int) -> Iterator[ServeProcess]:
        """One of the two, on its port."""
        with running_serve(
            self.folder,
            *(
                "--database",
                self.database,
                "--port",
                str(self.ports[number]),
                "--trusted-proxies",
                "127.0.0.1",
            ),
            *("--public-url", f"https://{NAME}", "--cluster-host", "puc.example.com"),
        ) as server:
            server.wait_for("listening")
            yield server

    def client(self) -> httpx.Client:
        """A backend, on one connection to nginx."""
        auth = (self.project["id"], self.project["api_token"])
        return httpx.Client(base_url=self.url, auth=auth, verify=self.trust, headers=HERE)

    def trail(self, server: ServeProcess) -> Iterator[dict[str, Any]]:
        """The audit trail, as one of the two tells it."""
        auth = (self.project["id"], self.project["api_token"])
        query = "page_size=1000"
        while query:
            listing = httpx.get(f"{server.url}/api/satmint/events?{query}", auth=auth).json()
            yield from listing["data"]
            query = httpx.URL(listing["links"].get("next", "")).query.decode()


@pytest.fixture(params=["one file", "PostgreSQL"])
def proxied(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Proxied]:
    monkeypatch.chdir(tmp_path)
    database = f"sqlite:///{tmp_path}/satmint.db"
    if request.param == "PostgreSQL":
        database = the_server().new_database()
    assert run(["keys", "init"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json", "--database", database]) == 0
    project = json.loads(capsys.readouterr().out)
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME, "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(tmp_path / "fullchain.pem", append=True)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    port, first, second = free_port(), free_port(), free_port()
    told = CONFIGURATION
    for there, here in (
        ("/etc/satmint", str(tmp_path)),
        ("/var/log/nginx", str(tmp_path)),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:8081", f"127.0.0.1:{first}"),
        ("127.0.0.1:8082", f"127.0.0.1:{second}"),
    ):
        assert there in told
        told = told.replace(there, here)
    file = tmp_path / "nginx.conf"
    file.write_text(told, encoding="utf-8")
    around = f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;"
    command = [nginx(), "-p", str(tmp_path), "-c", str(file), "-g", around]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            wait_until(lambda: answers(port))
            url = f"https://127.0.0.1:{port}"
            yield Proxied(tmp_path, database, (first, second), url, trust, project)
        finally:
            running.terminate()


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def has_refreshed(server: ServeProcess) -> bool:
    return 'route="refresh-subscriber-token"' in httpx.get(f"{server.url}/metrics").text


def test_it_carries_calls_and_tells_where_they_come_from(proxied: Proxied) -> None:
    with proxied.server(0), proxied.server(1), proxied.client() as client:
        answer = client.post("/api/fabric/subscribers/tokens", json={"reference": "ada"})
        assert answer.status_code == 200
        listing = client.get("/api/satmint/events")
        (event,) = (one for one in listing.json()["data"] if one["kind"] == "issued")
        assert event["address"] == "127.0.0.1"
        assert event["request_id"] == answer.headers["x-request-id"]
        assert listing.json()["links"]["self"].startswith(f"https://{NAME}/api/satmint/events")
        tokens = answer.json()
    log = (proxied.folder / "satmint.log").read_text(encoding="utf-8")
    assert "POST /api/fabric/subscribers/tokens" in log
    assert tokens["token"] not in log


def test_a_caller_s_own_request_id_comes_back(proxied: Proxied) -> None:
    with proxied.server(0), proxied.server(1), proxied.client() as client:
        told = client.get("/api/satmint/events", headers={"X-Request-Id": "of-mine-7"})
        assert told.headers["x-request-id"] == "of-mine-7"
        assert len(client.get("/api/satmint/events").headers["x-request-id"]) == 32


def test_a_live_session_goes_through_it_and_ends_with_its_right(proxied: Proxied) -> None:
    with proxied.server(0), proxied.server(1), proxied.client() as client:
        made = client.post("/api/fabric/subscribers/tokens", json={"reference": "ada"}).json()
        gateway = proxied.url.replace("https://", "wss://")
        headers = {"X-Request-Id": "of-a-socket"}
        with connect(gateway, ssl=proxied.trust, additional_headers=headers) as socket:
            assert socket.response is not None
            assert socket.response.headers["x-request-id"] == "of-a-socket"
            params = connect_params(made["token"])
            call = {"jsonrpc": "2.0", "id": "1", "method": "signalwire.connect", "params": params}
            socket.send(json.dumps(call))
            assert json.loads(socket.recv(20))["result"]["identity"]
            assert client.delete("/api/satmint/sessions").status_code == 204
            assert close_code(socket) == CloseCode.REVOKED


def close_code(socket: ClientConnection) -> int | None:
    """The code with which the server closes."""
    try:
        while True:
            socket.recv(20)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


def test_servers_are_replaced_one_after_the_other_and_no_request_fails(proxied: Proxied) -> None:
    done = threading.Event()
    failures: list[str] = []
    counts: list[int] = []

    def live(reference: str) -> None:
        with proxied.client() as client:
            pair = client.post("/api/fabric/subscribers/tokens", json={"reference": reference})
            count = 0
            while not (done.is_set() or failures):
                body = {"refresh_token": pair.json()["refresh_token"]}
                pair = client.post("/api/fabric/subscribers/tokens/refresh", json=body)
                if pair.status_code != 201:
                    failures.append(pair.text)
                count += 1
            counts.append(count)

    chains = [threading.Thread(target=live, args=(f"user-{n}",)) for n in range(CHAINS)]
    with proxied.server(0) as first, proxied.server(1) as second:
        for chain in chains:
            chain.start()
        assert first.stop() == 0
        with proxied.server(0) as third:
            # nginx asks it again a second after it was gone, and must before the other one goes.
            wait_until(lambda: has_refreshed(third))
            assert second.stop() == 0
            with proxied.server(1) as fourth:
                wait_until(lambda: has_refreshed(fourth))
                done.set()
                for chain in chains:
                    chain.join()
                kinds = [event["kind"] for event in proxied.trail(fourth)]
    assert failures == []
    assert kinds.count("refreshed") == sum(counts) > 20 * CHAINS
    assert kinds.count("reuse_detected") == 0
