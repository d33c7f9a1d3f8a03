"""The proxies of `deploy/` in front of two servers: calls, live sessions, rolling restarts."""

import json
import ssl
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from satmint.gateway.protocol.inputs import CloseCode
from tests.kit import forked
from tests.kit.dev import clean_environment
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
PAUSE_SECONDS = 0.01
LEAST = 20
"""Refreshes of each session."""
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
    stack: ExitStack
    servers: dict[int, ServeProcess] = field(default_factory=dict)
    """The two that run, by their position behind the proxy."""
    hosts: dict[int, str] = field(default_factory=dict)
    """The cluster hosts in the tokens of these two."""
    started: int = 0

    @property
    def auth(self) -> tuple[str, str]:
        """User and password for Basic."""
        return self.project["id"], self.project["api_token"]

    def start(self, number: int) -> None:
        """Start one of the two, on its port. Its tokens name it: see `issuing_server`."""
        self.hosts[number] = f"puc-{self.started}.example.com"
        self.started += 1
        server = running_serve(
            self.folder,
            *("--database", self.database, "--port", str(self.ports[number])),
            *("--trusted-proxies", "127.0.0.1", "--admin-port", "0", "--log-level", "info"),
            *("--public-url", f"https://{NAME}", "--cluster-host", self.hosts[number]),
        )
        self.servers[number] = self.stack.enter_context(server)
        self.servers[number].wait_for("listening")

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


@pytest.fixture(params=DEPLOYMENTS, ids=lambda param: f"{param[0]}, {param[1]}", scope="module")
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    proxy, store = request.param
    try:
        proxy.program()
    except ProxyMissing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("proxied")
    database = f"sqlite:///{folder}/satmint.db"
    if store == "PostgreSQL":
        database = the_server().new_database()
    satmint(folder, "keys", "init")
    made = satmint(folder, "project", "create", "one", "--json", "--database", database)
    trust = certificate(folder)
    ports = (free_port(), free_port())
    with running_proxy(proxy, folder, ports) as port, ExitStack() as stack:
        url = f"https://127.0.0.1:{port}"
        proxied = Proxied(proxy, folder, database, ports, url, trust, json.loads(made), stack)
        for number in range(2):
            proxied.start(number)
        with proxied.client() as client:
            wait_until(lambda: client.get("/readyz").status_code == 200)
        yield proxied


def satmint(folder: Path, *arguments: str) -> str:
    """What a command prints."""
    done = forked.run(arguments, cwd=folder, env=clean_environment(), text=True)
    done.check_returncode()
    return str(done.stdout)


def issuing_server(token: str) -> str:
    """The cluster host in a token's header; each server has another one."""
    header, _, _ = token.partition(".")
    host: str = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["ch"]
    return host


def test_proxy_forwards_calls_and_client_addresses(proxied: Proxied) -> None:
    with proxied.client() as client:
        answer = client.post(ISSUE, json={"reference": "ada"})
        assert answer.status_code == 200
        listing = client.get("/api/satmint/events")
        request_id = answer.headers["x-request-id"]
        (event,) = (one for one in listing.json()["data"] if one["request_id"] == request_id)
        assert (event["kind"], event["address"]) == ("issued", "127.0.0.1")
        assert listing.json()["links"]["self"].startswith(f"https://{NAME}/api/satmint/events")
        tokens = answer.json()
    log = proxied.folder / proxied.proxy.log
    wait_until(lambda: answer.headers["x-request-id"] in log.read_text(encoding="utf-8"))
    assert ISSUE in log.read_text(encoding="utf-8")
    assert tokens["token"] not in log.read_text(encoding="utf-8")


def test_answer_has_an_id_of_the_server_and_the_log_the_caller_s_beside_it(
    proxied: Proxied,
) -> None:
    with proxied.client() as client:
        own = {"X-Request-Id": "of-mine-7"}
        refused = client.get("/api/satmint/events", headers=own, auth=("nobody", "knows"))
        assert refused.status_code == 401
        request_id = refused.headers["x-request-id"]
        assert request_id != "of-mine-7"
        assert client.get("/livez").headers["x-request-id"] != request_id
    for server in proxied.servers.values():  # so that each log has a line after that one
        last = {"X-Request-Id": "the-last"}
        httpx.get(f"{server.url}/api/satmint/events", headers=last, auth=("nobody", "knows"))
        server.wait_for("refused", caller_request_id="the-last")
    lines = [line for server in proxied.servers.values() for line in server.log]
    (line,) = (line for line in lines if line.get("caller_request_id") == "of-mine-7")
    assert (line["event"], line["request_id"]) == ("refused", request_id)


def test_a_live_session_goes_through_it_and_ends_with_its_right(proxied: Proxied) -> None:
    with proxied.client() as client:
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


def test_feed_of_revocations_is_passed_on_as_it_comes(proxied: Proxied) -> None:
    with (
        proxied.client() as client,
        client.stream("GET", "/api/satmint/revocations", timeout=20) as feed,
    ):
        assert feed.headers["content-type"] == "text/event-stream"
        lines = feed.iter_lines()
        assert next(lines) == "event: start"
        with proxied.client() as other:
            assert other.delete("/api/satmint/sessions").status_code == 204
        while next(lines) != "event: revoked":
            pass
        data = next(line for line in lines if line.startswith("data: "))
        assert json.loads(data.removeprefix("data: "))["type"] == "project"


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
        """One session, refreshed all the time.

        Args:
            client: A backend.
            reference: Of its subscriber.
            repeats: Whether it sends again what the proxy answers with 502.
        """
        pair, count = client.post(ISSUE, json={"reference": reference}).json(), 0
        while not (self.failures or (self.done.is_set() and count > LEAST)):
            answer = client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})
            if answer.status_code == 201:
                pair, count = answer.json(), count + 1
                self.servers_seen.add(issuing_server(pair["token"]))
            elif answer.status_code == 502 and repeats:
                self.repeated.append(count)
            else:
                self.failures.append(f"{answer.status_code} {answer.text}")
            # Without a pause, these few callers would take all of the machine.
            self.done.wait(PAUSE_SECONDS)
        self.counts.append(count)

    def uses(self, host: str) -> bool:
        """Whether the proxy asks a server, or nothing is to be waited for any more."""
        return bool(self.failures) or host in self.servers_seen


def test_servers_are_replaced_one_after_the_other_and_no_request_fails(proxied: Proxied) -> None:
    """With Caddy, a caller may have to repeat a refresh, which is safe."""
    restarts = Restarts()
    repeats = proxied.proxy is CADDY

    def live(reference: str) -> None:
        with proxied.client() as client:
            restarts.refresh_until_done(client, reference, repeats=repeats)

    chains = [threading.Thread(target=live, args=(f"user-{n}",)) for n in range(CHAINS)]
    for chain in chains:
        chain.start()
    try:
        wait_until(lambda: all(map(restarts.uses, proxied.hosts.values())))
        for number in range(2):
            assert proxied.servers[number].stop() == 0
            proxied.start(number)
            # It is asked again a second or two after it was gone, and must before the other goes.
            wait_until(partial(restarts.uses, proxied.hosts[number]))
    finally:
        restarts.done.set()
        for chain in chains:
            chain.join()
    kinds = [event["kind"] for event in proxied.trail(proxied.servers[1])]
    assert restarts.failures == []
    assert len(restarts.repeated) <= CHAINS
    assert kinds.count("refreshed") == sum(restarts.counts)
    assert min(restarts.counts) > LEAST
    assert kinds.count("reuse_detected") == 0
