"""A server whose database is away starts, says so, and goes on by itself."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.kit import forked
from tests.kit.dev import clean_environment
from tests.kit.polling import wait_until
from tests.kit.postgres import PostgresServer, execute
from tests.kit.serving import ServeProcess, running_serve
from tests.kit.workers import SIGN_IN, alive, pids, workers

_ANSWER_SECONDS: Final = 60.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def away(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, which is started again in any case."""
    yield postgres
    if not _is_up(postgres):
        postgres.start()


def _is_up(postgres: PostgresServer) -> bool:
    probe = [str(postgres.programs / "pg_isready"), "-q", "-h", str(postgres.folder)]
    return subprocess.run(probe, check=False).returncode == 0


class Deployment:
    """A folder with a keyring, a database, and a project in it."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.options = ("--database", database)
        self.run("keys", "init")
        made = json.loads(self.run("project", "create", "acme", "--json", *self.options))
        self.auth = made["id"], made["api_token"]

    def run(self, *arguments: str) -> str:
        done = forked.run(arguments, text=True, cwd=self.folder, env=clean_environment())
        done.check_returncode()
        return str(done.stdout)

    def get(self, server: ServeProcess, path: str) -> httpx.Response:
        """On a connection of its own, which any worker may accept."""
        return httpx.get(server.url + path, timeout=_ANSWER_SECONDS)

    def sign_in(self, server: ServeProcess) -> httpx.Response:
        return httpx.post(
            server.url + SIGN_IN,
            json={"reference": "ada"},
            auth=self.auth,
            timeout=_ANSWER_SECONDS,
        )

    def assert_away(self, server: ServeProcess) -> None:
        """Alive, and 503 with `Retry-After` to the rest."""
        assert self.get(server, "/livez").json() == {"status": "ok"}
        ready, refused = self.get(server, "/readyz"), self.sign_in(server)
        assert (ready.status_code, refused.status_code) == (503, 503)
        assert ready.headers["x-satmint-cause"] in ("postgres_lost", "postgres_timeout")
        assert refused.headers["retry-after"] == "1"
        assert refused.json() == {"error": "Service Unavailable"}


@pytest.fixture
def deployment(tmp_path: Path, away: PostgresServer) -> Deployment:
    return Deployment(tmp_path, away.new_database())


def events(server: ServeProcess) -> list[dict[str, Any]]:
    return [line for line in server.log if line["event"].startswith("database_")]


def test_server_starts_without_its_database_and_goes_on_when_it_is_there(
    deployment: Deployment, away: PostgresServer
) -> None:
    away.kill()
    with running_serve(deployment.folder, *deployment.options) as server:
        deployment.assert_away(server)
        assert httpx.get(server.url + "/nowhere").status_code == 503
        away.start()
        wait_until(lambda: deployment.get(server, "/readyz").status_code == 200)
        assert deployment.sign_in(server).status_code == 200
        assert server.stop() == 0
    unusable, usable = events(server)[:2]
    assert (unusable["event"], unusable["cause"]) == ("database_unusable", "postgres_lost")
    assert (unusable["reason"], usable["event"]) == (
        "the server is unreachable",
        "database_usable",
    )


def test_server_that_waits_is_stopped_by_a_signal(
    deployment: Deployment, away: PostgresServer
) -> None:
    away.kill()
    with running_serve(deployment.folder, *deployment.options) as server:
        deployment.assert_away(server)
        assert server.stop() == 0


def test_server_that_waited_ends_where_an_operator_is_needed(
    deployment: Deployment, away: PostgresServer
) -> None:
    execute(deployment.options[1], "UPDATE schema_migrations SET digest = 'another'")
    away.kill()
    with running_serve(deployment.folder, *deployment.options) as server:
        deployment.assert_away(server)
        away.start()
        assert server.process.wait(_ANSWER_SECONDS) == 1


def test_no_worker_is_missed_while_the_database_is_away(
    deployment: Deployment, away: PostgresServer
) -> None:
    options = (*deployment.options, "--worker-timeout-seconds", "3")
    with workers(deployment.folder, 2, *options) as server:
        assert deployment.sign_in(server).status_code == 200
        first, second = pids(server)
        away.kill()
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGSTOP)
        wait_until(lambda: not alive(first) and not alive(second), 60)
        wait_until(lambda: len(pids(server)) == 2, 60)
        for _ in range(12):
            deployment.assert_away(server)
        away.start()
        for _ in range(8):
            wait_until(lambda: deployment.sign_in(server).status_code == 200)
        assert server.stop() == 0


def test_workers_start_without_their_database(deployment: Deployment, away: PostgresServer) -> None:
    away.kill()
    with workers(deployment.folder, 2, *deployment.options) as server:
        for _ in range(6):
            deployment.assert_away(server)
        away.start()
        for _ in range(6):
            wait_until(lambda: deployment.sign_in(server).status_code == 200)
        assert server.stop() == 0


def test_worker_that_is_replaced_while_the_schema_is_unknown_answers(
    deployment: Deployment,
) -> None:
    database = deployment.options[1]
    with workers(deployment.folder, 2, *deployment.options) as server:
        victim, _ = pids(server)
        (version, digest) = execute(
            database, "SELECT version, digest FROM schema_migrations ORDER BY version DESC LIMIT 1"
        )[0]
        change = f"UPDATE schema_migrations SET digest = '{{}}' WHERE version = {version}"
        execute(database, change.format("another"))
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in pids(server) and len(pids(server)) == 2, 60)
        for _ in range(6):
            wait_until(lambda: deployment.sign_in(server).status_code == 503)
            ready = deployment.get(server, "/readyz")
            assert ready.headers["x-satmint-cause"] == "schema_unknown"
        execute(database, change.format(digest))
        for _ in range(6):
            wait_until(lambda: deployment.sign_in(server).status_code == 200)
        assert server.stop() == 0
