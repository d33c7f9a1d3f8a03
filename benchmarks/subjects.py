"""What is measured: how each server is started, and how it is spoken to.

A new subject is a function that starts a server as its users run it and yields a `Running`; add it
to `SUBJECTS`. Everything else (load, gauges, report) goes by what `Running` says.
"""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from time import perf_counter, sleep
from typing import Final, Literal

import msgspec

PROJECT: Final = "00000000-0000-4000-8000-000000000001"
API_TOKEN: Final = "PT" + "0123456789abcdef" * 3
ISSUE_PATH: Final = "/api/fabric/subscribers/tokens"
REFRESH_PATH: Final = "/api/fabric/subscribers/tokens/refresh"

_ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 20


class WrongAnswer(Exception):
    """A subject did not do what it is measured at: the figures would be worth nothing."""


class Listening(msgspec.Struct, frozen=True):
    """The line that a server logs once it answers."""

    event: Literal["listening"]
    url: str


class Route(msgspec.Struct, frozen=True):
    """One kind of request: what is sent around the varying part, and what must come back."""

    path: str
    status: int
    before: str
    """The body up to the reference (issue) or the refresh token (refresh)."""
    after: str
    markers: tuple[str, ...]
    """What stands before each token in the answer; the last one is that of the refresh token."""
    content_type: str = "application/json"


ISSUE: Final = Route(ISSUE_PATH, 200, '{"reference":"', '"}', ('"token":"', '"refresh_token":"'))
REFRESH: Final = Route(
    REFRESH_PATH, 201, '{"refresh_token":"', '"}', ('"token":"', '"refresh_token":"')
)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, and how it is reached and watched."""

    name: str
    port: int
    authorization: str
    processes: Mapping[str, int]
    """Roots of process trees by what they are: `server`, and later `database`."""
    routes: Mapping[str, Route] = field(
        default_factory=lambda: {"issue": ISSUE, "refresh": REFRESH}
    )
    start_seconds: float = 0.0
    """From the start of the process to its first answer."""
    batches_metric: str | None = None
    """A histogram at `/metrics` of how many steps each commit carried."""


Start = Callable[[Path], AbstractContextManager[Running]]
"""Starts a server that keeps its files in the given, empty folder; stops it at the end."""


@contextmanager
def floor(place: Path) -> Iterator[Running]:
    """The same HTTP stack and the same crypto with no store."""
    with _server(["-m", "benchmarks.floor"], place) as server:
        yield Running(
            "floor",
            server.port,
            basic(PROJECT, API_TOKEN),
            {"server": server.pid},
            start_seconds=server.start_seconds,
        )


@contextmanager
def satmint_sqlite(place: Path) -> Iterator[Running]:
    """satmint on SQLite, `synchronous=FULL`, one process."""
    database = f"sqlite:///{place}/satmint.db"
    keyring = str(place / "keyring.json")
    where = ["--database", database, "--keyring", keyring]
    _satmint("keys", "init", "--keyring", keyring)
    project = json.loads(_satmint("project", "create", "benchmark", *where, "--json"))
    with _server(["-m", "satmint", "serve", "--port", "0", "--json", *where], place) as server:
        yield Running(
            "satmint, SQLite",
            server.port,
            basic(project["id"], project["api_token"]),
            {"server": server.pid},
            start_seconds=server.start_seconds,
            batches_metric="satmint_commit_batch_steps",
        )


FLOOR: Final = "floor"
SUBJECTS: Final[Mapping[str, Start]] = {FLOOR: floor, "sqlite": satmint_sqlite}


def basic(user: str, password: str) -> str:
    """A value for `Authorization` (RFC 7617)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class _Server:
    port: int
    pid: int
    start_seconds: float


@contextmanager
def _server(arguments: list[str], place: Path) -> Iterator[_Server]:
    """Run a Python program that serves until it is no longer needed."""
    log_file = place / "server.log"
    began = perf_counter()
    with (
        log_file.open("w") as log,
        subprocess.Popen(
            [sys.executable, *arguments], cwd=_ROOT, env=_environment(), stdout=log, stderr=log
        ) as process,
    ):
        try:
            listening = _listening(process, log_file)
            port = int(listening.url.rpartition(":")[2])
            yield _Server(port, process.pid, perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
    if process.returncode not in (0, -SIGTERM):
        raise WrongAnswer(f"{arguments} ended with {process.returncode}: {_tail(log_file)}")


def _listening(process: subprocess.Popen[bytes], log_file: Path) -> Listening:
    deadline = perf_counter() + _START_SECONDS
    while process.poll() is None and perf_counter() < deadline:
        for line in log_file.read_bytes().splitlines():
            try:
                return msgspec.json.decode(line, type=Listening)
            except msgspec.DecodeError:  # it tells of something else
                continue
        sleep(0.005)
    raise WrongAnswer(f"a server did not start: {_tail(log_file)}")


def _satmint(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "satmint", *arguments],
        check=False,
        cwd=_ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise WrongAnswer(f"satmint {arguments[0]} failed: {done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Ours, without settings that would make it another server than the one described."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SATMINT_")}


def _tail(log_file: Path) -> str:
    return log_file.read_text()[-2000:] or "it said nothing"
