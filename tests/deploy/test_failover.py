"""The primary dies under load and the standby takes over: docs/high-availability.md, tried.

Two servers share the pair. Each caller is a chain that knows what it was told, asks again where it
got no answer or a 503, and must in the end hold a token of the generation that it was told last.
"""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from satmint.cli.program import run
from tests.kit.failover import Couple
from tests.kit.polling import wait_until
from tests.kit.postgres import execute
from tests.kit.serving import ServeProcess, running_serve
from tests.kit.tokens import Loupe

CHAINS = 8
SIGN_IN = "/api/fabric/subscribers/tokens"
REFRESH = "/api/fabric/subscribers/tokens/refresh"
CANCEL_WAITS = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
def couple() -> Iterator[Couple]:
    made = Couple()
    yield made
    made.stop()


@dataclass
class Chain:
    """One session, refreshed without pause."""

    servers: list[str]
    auth: tuple[str, str]
    loupe: Loupe
    reference: str
    told: list[int] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def run(self, done: threading.Event) -> None:
        """Live until `done`."""
        with httpx.Client(auth=self.auth, timeout=30) as http:
            pair = self.ask(http, SIGN_IN, {"reference": self.reference})
            while not done.is_set():
                pair = self.ask(http, REFRESH, {"refresh_token": pair["refresh_token"]})
                self.told.append(self.loupe.refresh_token(pair["refresh_token"]).gen)

    def ask(self, http: httpx.Client, path: str, body: dict[str, str]) -> dict[str, str]:
        """Ask until there is an answer, of either server."""
        attempt = 0
        while True:
            attempt += 1
            server = self.servers[attempt % len(self.servers)]
            try:
                answer = http.post(server + path, json=body)
            except httpx.TransportError:
                continue
            self.statuses.add(answer.status_code)
            if answer.is_success:
                made: dict[str, str] = answer.json()
                return made
            assert answer.status_code == 503, answer.text


def chains_on(
    servers: list[ServeProcess], auth: tuple[str, str], loupe: Loupe
) -> tuple[list[Chain], list[threading.Thread], threading.Event]:
    done = threading.Event()
    urls = [server.url for server in servers]
    chains = [Chain(urls, auth, loupe, f"user-{number}") for number in range(CHAINS)]
    threads = [threading.Thread(target=chain.run, args=(done,)) for chain in chains]
    for thread in threads:
        thread.start()
    return chains, threads, done


@dataclass(frozen=True)
class Deployment:
    """A project in a database of its own."""

    database: str
    auth: tuple[str, str]


@pytest.fixture
def deployment(
    tmp_path: Path,
    couple: Couple,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Deployment:
    """A deployment in the current folder."""
    database = couple.new_database()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SATMINT_DATABASE", database)
    assert run(["keys", "init"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    return Deployment(database, (made["id"], made["api_token"]))


def trail(server: ServeProcess, auth: tuple[str, str]) -> list[str]:
    """The kinds of all events that there are."""
    kinds: list[str] = []
    query = "page_size=1000"
    while query:
        page = httpx.get(f"{server.url}/api/satmint/events?{query}", auth=auth).json()
        kinds += [event["kind"] for event in page["data"]]
        query = httpx.URL(page["links"].get("next", "")).query.decode()
    return kinds


def test_nothing_acknowledged_is_lost_and_everybody_goes_on_by_themselves(
    tmp_path: Path, couple: Couple, deployment: Deployment
) -> None:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running_serve(tmp_path, "--database", deployment.database))
            for _ in range(2)
        ]
        chains, threads, done = chains_on(servers, deployment.auth, Loupe(tmp_path))
        try:
            wait_until(lambda: all(len(chain.told) > 20 for chain in chains))
            couple.primary.kill()
            couple.standby.promote()
            goal = max(len(chain.told) for chain in chains) + 20
            wait_until(lambda: all(len(chain.told) > goal for chain in chains), 60)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        for chain in chains:
            # Not one generation was told twice, left out or taken back.
            assert chain.told == list(range(1, len(chain.told) + 1))
            assert chain.statuses <= {200, 201, 503}
        kinds = trail(servers[0], deployment.auth)
    assert kinds.count("refreshed") == sum(len(chain.told) for chain in chains)
    assert kinds.count("reuse_detected") == 0


def test_nothing_is_acknowledged_before_the_standby_has_it(
    tmp_path: Path, couple: Couple, deployment: Deployment
) -> None:
    with running_serve(tmp_path, "--database", deployment.database) as server:
        chain = Chain([server.url], deployment.auth, Loupe(tmp_path), "ada")
        with httpx.Client(auth=deployment.auth, timeout=60) as http:
            pair = chain.ask(http, SIGN_IN, {"reference": "ada"})
            body = {"refresh_token": pair["refresh_token"]}
            couple.standby.pause()
            sessions = f"{server.url}/api/satmint/subscribers/{pair['subscriber_id']}/sessions"
            asked = (
                lambda: http.post(server.url + REFRESH, json=body),
                lambda: http.post(server.url + SIGN_IN, json={"reference": "grace"}),
                lambda: http.delete(sessions),
            )
            with ThreadPoolExecutor(len(asked)) as together:
                answering = [together.submit(ask) for ask in asked]
                while not all(answer.done() for answer in answering):
                    # Who cancels such a wait gets the commit, which «might not be replicated».
                    execute(couple.primary.url("postgres"), CANCEL_WAITS)
                statuses = [answer.result().status_code for answer in answering]
            assert statuses == [503, 503, 503]
            couple.standby.resume()
            chain.ask(http, SIGN_IN, {"reference": "grace"})
