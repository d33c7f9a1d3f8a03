"""Starting servers and stopping them, whatever they are written in."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from signal import SIGTERM
from time import perf_counter, sleep
from typing import Final, Self, TypeVar

import msgspec

from benchmarks.running import Listening, WrongAnswer

ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 20

Heard = TypeVar("Heard")


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens on a port of this machine."""

    port: int
    pid: int
    start_seconds: float


@contextmanager
def server(
    command: Sequence[str], place: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a program that serves until it is no longer needed.

    It says in its log where it listens, in a line like `Listening`, once it answers there.
    """
    log_file = place / "server.log"
    began = perf_counter()
    with (
        log_file.open("w") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**clean_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            port = _port(process, log_file)
            yield Server(port, process.pid, perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
    if process.returncode not in (0, -SIGTERM, 128 + SIGTERM):
        raise WrongAnswer(f"{command[0]} ended with {process.returncode}: {_tail(log_file)}")


class Conversation:
    """A process of ours that is told things on its standard input, and answers line by line."""

    def __init__(self, module: str, place: Path) -> None:
        """Start it.

        Args:
            module: What it runs.
            place: A folder for what it complains of.
        """
        self._module = module
        self._complaints = place / f"{module}.log"
        with self._complaints.open("w") as log:
            self._process = subprocess.Popen(
                python("-m", module),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, message: object) -> None:
        """Send a line of JSON."""
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(BrokenPipeError):  # it failed; `hear` says why
                stdin.write(msgspec.json.encode(message) + b"\n")
                stdin.flush()

    def hear(self, kind: type[Heard], seconds: float) -> Heard:
        """The next line that it writes.

        Args:
            kind: The type of what it says.
            seconds: How long to wait for it.

        Raises:
            WrongAnswer: it failed, or said nothing for so long.
        """
        stdout = self._process.stdout
        if stdout is None or not select([stdout], [], [], seconds)[0]:
            raise WrongAnswer(f"{self._module} said nothing for {seconds:g} s")
        line = stdout.readline()
        if not line:
            raise WrongAnswer(f"{self._module}: {_tail(self._complaints)}")
        return msgspec.json.decode(line, type=kind)


def python(*arguments: str) -> list[str]:
    """A command for the interpreter that runs this."""
    return [sys.executable, *arguments]


def clean_environment() -> dict[str, str]:
    """Ours, without settings that would make it another server than the one described."""
    ours = ("SATMINT_", "PG", "NODE_", "PYTHON", "GUNICORN_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _port(process: subprocess.Popen[bytes], log_file: Path) -> int:
    deadline = perf_counter() + _START_SECONDS
    while process.poll() is None and perf_counter() < deadline:
        port = _listening(log_file)
        if port is not None:
            return port
        sleep(0.005)
    raise WrongAnswer(f"a server did not start: {_tail(log_file)}")


def _listening(log_file: Path) -> int | None:
    for line in log_file.read_bytes().splitlines():
        try:
            url = msgspec.json.decode(line, type=Listening).url
        except msgspec.DecodeError:  # it tells of something else
            continue
        return int(url.rpartition(":")[2])
    return None


def _tail(log_file: Path) -> str:
    return log_file.read_text()[-2000:] or "it said nothing"


def reason_of(failure: Exception) -> str:
    """Why a program failed, in one line: what it said, or else the error."""
    said = failure.stderr if isinstance(failure, subprocess.CalledProcessError) else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said or ""
    return (text.strip() or str(failure)).splitlines()[0]
