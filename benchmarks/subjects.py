"""What is measured: how each server is started, as its users run it.

A new subject is a function that starts a server in a folder of its own, yields a `Running` and
stops the server at the end; add it to `SUBJECTS`. Everything else (load, gauges, report) goes by
what `Running` says.
"""

import json
import subprocess
from asyncio import run
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tests.kit.emptying import emptied
from tests.kit.postgres import CLUSTER

from benchmarks.database import DURABLE, Cluster, postgres
from benchmarks.peers import PEERS
from benchmarks.processes import ROOT, clean_environment, python, server
from benchmarks.running import (
    API_TOKEN,
    DEVICE_PATH,
    FIRST_SIGN_IN,
    GUEST_PATH,
    INFO_PATH,
    ISSUE,
    PROJECT,
    REFRESH,
    BatchesMetric,
    Route,
    Running,
    Start,
    Supply,
    WrongAnswer,
    basic,
)
from satmint.server import bind

FLOOR: Final = "floor"

_DEVICE: Final = Route(
    DEVICE_PATH, 201, '{"dpop_token":"', '"}', ('"token":"',), supply=Supply.ONCE
)
_INFO: Final = Route(INFO_PATH, 200, holds='"fabric_addresses":[{', method="GET")


@contextmanager
def floor(place: Path) -> Iterator[Running]:
    """The same HTTP stack and the same crypto with no store."""
    with server(python("-m", "benchmarks.floor"), place) as process:
        yield Running(
            "floor",
            process.port,
            basic(PROJECT, API_TOKEN),
            {"server": process.pid},
            "none: keeps nothing",
            start_seconds=process.start_seconds,
        )


@dataclass(frozen=True, slots=True)
class Satmint:
    """`satmint serve`."""

    postgres: bool
    workers: int
    cluster: bool = False
    """Whether the database is `SATMINT_TEST_CITUS_URL`."""

    @contextmanager
    def __call__(self, place: Path) -> Iterator[Running]:
        """See `Start`."""
        keyring = place / "keyring.json"
        own = self.postgres and not self.cluster
        with postgres(place) if own else nullcontext() as cluster:
            database = self._database(place, cluster)
            where = ["--database", database, "--keyring", str(keyring)]
            _satmint("keys", "init", "--keyring", str(keyring))
            if self.postgres:
                _satmint("db", "migrate", *where)
            project = json.loads(_satmint("project", "create", "benchmark", *where, "--json"))
            address = json.loads(
                _satmint("address", "create", "lobby", *where, "--project", project["id"], "--json")
            )
            serve = ["-m", "satmint", "serve", "--port", "0", "--workers", str(self.workers)]
            admin = _free_port()
            serve += ["--admin-port", str(admin)]
            with server(python(*serve, "--json", *where), place) as process:
                processes = {"server": process.pid}
                if cluster is not None:
                    processes["database"] = cluster.pid
                yield Running(
                    self._name(),
                    process.port,
                    basic(project["id"], project["api_token"]),
                    processes,
                    DURABLE if self.postgres else "WAL, synchronous=FULL",
                    _routes(address),
                    process.start_seconds,
                    BatchesMetric(admin, "satmint_commit_batch_steps"),
                    self.workers,
                    database,
                    keyring,
                    UUID(project["id"]),
                )

    def _name(self) -> str:
        workers = "" if self.workers == 1 else f", {self.workers} workers"
        database = "PostgreSQL" if self.postgres else "SQLite"
        return f"satmint, {'Citus' if self.cluster else database}{workers}"

    def _database(self, place: Path, cluster: Cluster | None) -> str:
        if self.cluster:
            return run(emptied(CLUSTER))
        return f"sqlite:///{place}/satmint.db" if cluster is None else cluster.new_database()


def _free_port() -> int:
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


SUBJECTS: Final[Mapping[str, Start]] = {
    FLOOR: floor,
    "sqlite": Satmint(postgres=False, workers=1),
    "postgres": Satmint(postgres=True, workers=1),
    "sqlite-2": Satmint(postgres=False, workers=2),
    "postgres-2": Satmint(postgres=True, workers=2),
    **(
        {
            "citus": Satmint(postgres=True, workers=1, cluster=True),
            "citus-2": Satmint(postgres=True, workers=2, cluster=True),
        }
        if CLUSTER
        else {}
    ),
    **PEERS,
}
"""Subjects by the name that the command line knows them by."""


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
