"""satmint with a database and a project of its own, as its users run it; it can be restarted."""

import json
import subprocess
from asyncio import run
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tests.kit.emptying import emptied
from tests.kit.postgres import CLUSTER

from benchmarks.database import DURABLE, Cluster, postgres
from benchmarks.processes import ROOT, clean_environment, python, server
from benchmarks.running import (
    DEVICE_PATH,
    FIRST_SIGN_IN,
    GUEST_PATH,
    INFO_PATH,
    ISSUE,
    REFRESH,
    BatchesMetric,
    Route,
    Running,
    Supply,
    WrongAnswer,
    basic,
)
from satmint.server import bind

_DEVICE: Final = Route(
    DEVICE_PATH, 201, '{"dpop_token":"', '"}', ('"token":"',), supply=Supply.ONCE
)
_INFO: Final = Route(INFO_PATH, 200, holds='"fabric_addresses":[{', method="GET")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What stays when the server stops."""

    name: str
    place: Path
    database: str
    keyring: Path
    project: Mapping[str, Any]
    """What `project create` said."""
    address: Mapping[str, Any]
    """What `address create` said."""
    durability: str
    database_process: int | None
    """Of the database's own server."""

    @contextmanager
    def serve(self, port: int = 0, workers: int = 1) -> Iterator[Running]:
        """Run the server.

        Args:
            port: Where it listens; 0 for any port.
            workers: Processes that answer.
        """
        admin = free_port()
        command = ["-m", "satmint", "serve", "--port", str(port), "--workers", str(workers)]
        command += ["--admin-port", str(admin), "--json"]
        command += ["--database", self.database, "--keyring", str(self.keyring)]
        with server(python(*command), self.place) as process:
            processes = {"server": process.pid}
            if self.database_process is not None:
                processes["database"] = self.database_process
            yield Running(
                self.name + ("" if workers == 1 else f", {workers} workers"),
                process.port,
                basic(self.project["id"], self.project["api_token"]),
                processes,
                self.durability,
                _routes(self.address),
                process.start_seconds,
                BatchesMetric(admin, "satmint_commit_batch_steps"),
                workers,
                self.database,
                self.keyring,
                UUID(self.project["id"]),
            )


class Restarting:
    """A server that comes back at the same port."""

    def __init__(self, deployment: Deployment, stack: ExitStack) -> None:
        """Start it.

        Args:
            deployment: What is served.
            stack: Stops the server at the end.
        """
        self._deployment = deployment
        self._port = free_port()
        self._own = stack.enter_context(ExitStack())
        self.running = self._own.enter_context(deployment.serve(self._port))

    def restart(self) -> Running:
        """Stop the server as an operator does, and return once it answers again."""
        self._own.close()
        self.running = self._own.enter_context(self._deployment.serve(self._port))
        return self.running


@contextmanager
def deployment(place: Path, store: str) -> Iterator[Deployment]:
    """A project on `sqlite`, `postgres` or `citus`, the latter at `SATMINT_TEST_CITUS_URL`."""
    keyring = place / "keyring.json"
    with postgres(place) if store == "postgres" else nullcontext() as cluster:
        database = _database(place, store, cluster)
        where = ["--database", database, "--keyring", str(keyring)]
        _satmint("keys", "init", "--keyring", str(keyring))
        if store != "sqlite":
            _satmint("db", "migrate", *where)
        project = json.loads(_satmint("project", "create", "benchmark", *where, "--json"))
        address = _satmint(
            "address", "create", "lobby", *where, "--project", project["id"], "--json"
        )
        yield Deployment(
            f"satmint, {_NAMES[store]}",
            place,
            database,
            keyring,
            project,
            json.loads(address),
            "WAL, synchronous=FULL" if store == "sqlite" else DURABLE,
            None if cluster is None else cluster.pid,
        )


_NAMES: Final = {"sqlite": "SQLite", "postgres": "PostgreSQL", "citus": "Citus"}


def _database(place: Path, store: str, cluster: Cluster | None) -> str:
    if store == "citus":
        return run(emptied(CLUSTER))
    return f"sqlite:///{place}/satmint.db" if cluster is None else cluster.new_database()


def free_port() -> int:
    """A port that nothing listens at now."""
    with closing(bind("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _routes(address: Mapping[str, Any]) -> dict[str, Route]:
    body = json.dumps({"allowed_addresses": [address["id"]]}, separators=(",", ":"))
    guest = Route(GUEST_PATH, 201, body, "", ISSUE.markers)
    return {
        "refresh": REFRESH,
        "issue": ISSUE,
        "first sign-in": FIRST_SIGN_IN,
        "guest": guest,
        "device refresh": _DEVICE,
        "info": _INFO,
    }


def _satmint(*arguments: str) -> str:
    done = subprocess.run(
        python("-m", "satmint", *arguments),
        check=False,
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise WrongAnswer(f"satmint {arguments[0]} failed: {done.stderr}")
    return done.stdout
