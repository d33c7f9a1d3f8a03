"""The proxies of `deploy/` in front of two servers: calls, live sessions, rolling restarts."""

import json
import ssl
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from satmint.cli.program import run
from satmint.gateway.protocol.inputs import CloseCode
from tests.kit.gateway import connect_params
from tests.kit.polling import wait_until
from tests.kit.postgres import the_server
from tests.kit.proxies import (
    CADDY,
    HAPROXY,
    NAME,
    NGINX,
    Proxy,
    ProxyMissing,
    certificate,
    free_port,
    running_proxy,
)
from tests.kit.serving import ServeProcess, running_serve
from tests.kit.wire import ISSUE, REFRESH

CHAINS = 6
HERE = {"host": NAME}
DEPLOYMENTS = [(NGINX, "SQLite"), (NGINX, "PostgreSQL"), (HAPROXY, "SQLite"), (CADDY, "SQLite")]


@dataclass
class Proxied:
    """Two servers behind a proxy."""

    proxy: Proxy
    folder: Path
    database: str
    ports: tuple[int, int]
    url: str
    trust: ssl.SSLContext
    project: dict[str, Any]
    servers: list[ServeProcess] = field(default_factory=list)

    @property
    def auth(self) -> tuple[str, str]:
        """User and password for Basic."""
        return self.project["id"], self.project["api_token"]

    @contextmanager
    def server(self, number: int) -> Iterator[ServeProcess]:
        """One of the two, on its port. Its tokens name it: see `issuing_server`."""
        host = f"puc-{len(self.servers)}.example.com"
        with running_serve(
            self.folder,
            *("--database", self.database, "--port", str(self.ports[number])),
            *("--trusted-proxies", "127.0.0.1", "--admin-port", "0", "--log-level", "info"),
            *("--public-url", f"https://{NAME}", "--cluster-host", host),
        ) as server:
            server.wait_for("listening")
            self.servers.append(server)
            yield server

    @contextmanager
    def both(self) -> Iterator[tuple[ServeProcess, ServeProcess]]:
        """Both servers, once the proxy asks one of them."""
        with self.server(0) as first, self.server(1) as second, self.client() as client:
            wait_until(lambda: client.get("/readyz").status_code == 200)
            yield first, second

    def client(self) -> httpx.Client:
        """A backend, on one connection to the proxy."""
        return httpx.Client(base_url=self.url, auth=self.auth, verify=self.trust, headers=HERE)

    def trail(self, server: ServeProcess) -> Iterator[dict[str, Any]]:
        """The audit trail, as one of the two tells it."""
        query = "page_size=1000"
        while query:
            listing = httpx.get(f"{server.url}/api/satmint/events?{query}", auth=self.auth).json()
            yield from listing["data"]
            query = httpx.URL(listing["links"].get("next", "")).query.decode()


@pytest.fixture(params=DEPLOYMENTS, ids=lambda param: f"{param[0]}, {param[1]}")
def proxied(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Proxied]:
    proxy, store = request.param
    try:
        proxy.program()
    except ProxyMissing as missing:
        pytest.skip(str(missing))
    monkeypatch.chdir(tmp_path)
    database = f"sqlite:///{tmp_path}/satmint.db"
    if store == "PostgreSQL":
        database = the_server().new_database()
        monkeypatch.setenv("SATMINT_DATABASE_WITHOUT_FSYNC", "true")
    assert run(["keys", "init"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json", "--database", database]) == 0
    project = json.loads(capsys.readouterr().out)
    trust = certificate(tmp_path)
    ports = (free_port(), free_port())
    with running_proxy(proxy, tmp_path, ports) as port:
        url = f"https://127.0.0.1:{port}"
        yield Proxied(proxy, tmp_path, database, ports, url, trust, project)


def issuing_server(token: str) -> str:
    """The cluster host in a token's header; each server has another one."""
    header, _, _ = token.partition(".")
    host: str = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["ch"]
    return host


def test_proxy_forwards_calls_and_client_addresses(proxied: Proxied) -> None:
    with proxied.both(), proxied.client() as client:
        answer = client.post(ISSUE, json={"reference": "ada"})
        assert answer.status_code == 200
        listing = client.get("/api/satmint/events")
        (event,) = (one for one in listing.json()["data"] if one["kind"] == "issued")
        assert event["address"] == "127.0.0.1"
        assert event["request_id"] == answer.headers["x-request-id"]
        assert listing.json()["links"]["self"].startswith(f"https://{NAME}/api/satmint/events")
        tokens = answer.json()
    log = proxied.folder / proxied.proxy.log
    wait_until(lambda: answer.headers["x-request-id"] in log.read_text(encoding="utf-8"))
    assert ISSUE in log.read_text(encoding="utf-8")
    assert tokens["token"] not in log.read_text(encoding="utf-8")


def test_answer_has_an_id_of_the_server_and_the_log_the_caller_s_beside_it(
    proxied: Proxied,
) -> None:
    with proxied.both() as (first, second), proxied.client() as client:
        own = {"X-Request-Id": "of-mine-7"}
        refused = client.get("/api/satmint/events", headers=own, auth=("nobody", "knows"))
        assert refused.status_code == 401
        request_id = refused.headers["x-request-id"]
        assert request_id != "of-mine-7"
        assert client.get("/livez").headers["x-request-id"] != request_id
        for server in (first, second):
            assert server.stop() == 0
    lines = [line for server in (first, second) for line in server.log]
    (line,) = (line for line in lines if line["event"] == "refused")
    assert (line["request_id"], line["caller_request_id"]) == (request_id, "of-mine-7")


def test_a_live_session_goes_through_it_and_ends_with_its_right(proxied: Proxied) -> None:
    with proxied.both(), proxied.client() as client:
        made = client.post(ISSUE, json={"reference": "ada"}).json()
        gateway = proxied.url.replace("https://", "wss://")
        headers = {"X-Request-Id": "of-a-socket"}
        with connect(gateway, ssl=proxied.trust, additional_headers=headers) as socket:
            assert socket.response is not None
            assert socket.response.headers["x-request-id"] not in {None, "of-a-socket"}
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


@dataclass
class Restarts:
    """What callers saw while servers were replaced."""

    done: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    servers_seen: set[str] = field(default_factory=set)
    repeated: list[int] = field(default_factory=list)
    """One for each refresh that a caller had to send again."""

    def refresh_until_done(self, client: httpx.Client, reference: str, *, repeats: bool) -> None:
        """One session, refreshed without pause.

        Args:
            client: A backend.
            reference: Of its subscriber.
            repeats: Whether it sends again what the proxy answers with 502.
        """
        pair, count = client.post(ISSUE, json={"reference": reference}).json(), 0
        while not (self.done.is_set() or self.failures):
            answer = client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})
            if answer.status_code == 201:
                pair, count = answer.json(), count + 1
                self.servers_seen.add(issuing_server(pair["token"]))
            elif answer.status_code == 502 and repeats:
                self.repeated.append(count)
            else:
                self.failures.append(f"{answer.status_code} {answer.text}")
        self.counts.append(count)

    def uses_server(self, number: int) -> bool:
        """Whether the proxy asks a server; they are numbered in the order of their start."""
        return bool(self.failures) or f"puc-{number}.example.com" in self.servers_seen


def test_servers_are_replaced_one_after_the_other_and_no_request_fails(proxied: Proxied) -> None:
    """With Caddy, a caller may have to repeat a refresh, which is safe."""
    restarts = Restarts()
    repeats = proxied.proxy is CADDY

    def live(reference: str) -> None:
        with proxied.client() as client:
            restarts.refresh_until_done(client, reference, repeats=repeats)

    chains = [threading.Thread(target=live, args=(f"user-{n}",)) for n in range(CHAINS)]
    with proxied.both() as (first, second):
        for chain in chains:
            chain.start()
        wait_until(lambda: restarts.uses_server(0) and restarts.uses_server(1))
        assert first.stop() == 0
        with proxied.server(0):
            # It is asked again a second or two after it was gone, and must before the other goes.
            wait_until(lambda: restarts.uses_server(2))
            assert second.stop() == 0
            with proxied.server(1) as fourth:
                wait_until(lambda: restarts.uses_server(3))
                restarts.done.set()
                for chain in chains:
                    chain.join()
                kinds = [event["kind"] for event in proxied.trail(fourth)]
    assert restarts.failures == []
    assert len(restarts.repeated) <= CHAINS
    assert kinds.count("refreshed") == sum(restarts.counts) > 20 * CHAINS
    assert kinds.count("reuse_detected") == 0
