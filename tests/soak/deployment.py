"""A database, a keyring, a project, and `satmint serve` on them, which can be killed."""

import asyncio
import json
import os
import resource
import signal
import subprocess
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from satmint.flows.credentials import create_api_token, create_project
from satmint.maintenance import init_keyring, open_services
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.model.permissions import Permission
from satmint.settings import Settings
from tests.kit.dev import SATMINT, clean_environment
from tests.kit.polling import wait_until
from tests.kit.service import ORIGIN

_START_SECONDS: Final = 60
AT_ANY_PACE: Final = "1000000000"


class Deployment:
    """One server. Callers ask `url`, and wait for `up` where nobody listens."""

    def __init__(self, folder: Path, database: str, workers: int, authorization: str) -> None:
        self.database = database
        self.authorization = authorization
        self.folder = folder
        self.workers = workers
        self.up = asyncio.Event()
        self.url = ""
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "serve.log"

    @classmethod
    async def make(cls, folder: Path, database: str, workers: int) -> Self:
        """A server that is not started yet, on an empty database."""
        init_keyring(folder / "keyring.json", SystemClock(), SystemEntropy())
        settings = Settings(database=database, keyring=str(folder / "keyring.json"))
        async with open_services(settings, create=True) as services:
            project = await create_project(services, "proof")
            _, secret = await create_api_token(
                services, project.id, "proof", frozenset(Permission), ORIGIN
            )
        credentials = f"{project.id}:{secret.reveal()}".encode()
        return cls(folder, database, workers, f"Basic {b64encode(credentials).decode()}")

    async def start(self) -> None:
        """Start the server; callers go on once it listens."""
        self.url = await asyncio.to_thread(self._started)
        self.up.set()

    def _started(self) -> str:
        """Start it; the URL at which it listens."""
        self.starts += 1
        begins = self._log.stat().st_size if self._log.exists() else 0
        command = [*SATMINT, "serve", "--port", "0", "--json", "--workers", str(self.workers)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--database", self.database],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
                env=clean_environment(SATMINT_FAILURES_PER_MINUTE=AT_ANY_PACE),
            )
        return self._listening(begins)

    def _listening(self, begins: int) -> str:
        """The URL that the log tells of, after so many bytes."""
        found: list[str] = []

        def look() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()[begins:]
            with self._log.open("rb") as log:
                log.seek(begins)
                lines = [json.loads(line) for line in log if line.endswith(b"\n")]
            found.extend(line["url"] for line in lines if line["event"] == "listening")
            return bool(found)

        wait_until(look, _START_SECONDS)
        return found[0]

    def processes(self) -> list[int]:
        """The server's processes; its parent, where it has several, comes first."""
        assert self._process is not None
        pid = self._process.pid
        return [pid, *_children(pid)]

    def crew(self) -> list[int]:
        """Those of them that answer requests."""
        processes = self.processes()
        return processes if self.workers == 1 else processes[1:]

    def kill(self) -> None:
        """`kill -9` for all of it."""
        self.up.clear()
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def kill_worker(self, process: int) -> None:
        """`kill -9` for one of several workers, in whose place another one comes."""
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    def pause(self, process: int) -> None:
        """Stop one of them in its tracks."""
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)

    def resume(self, process: int) -> None:
        """Let it go on."""
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)

    def fill_disk(self) -> None:
        """No file of the server can grow any more."""
        self._limit_files(0)

    def empty_disk(self) -> None:
        """They can."""
        self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, size: int) -> None:
        for process in self.processes():
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
                resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))

    def stop(self) -> None:
        """End it in good order."""
        self.up.clear()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def bugs(self) -> list[dict[str, Any]]:
        """Lines of the log that tell of a failure that is the server's own."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as log:
            lines = [json.loads(line) for line in log if b'"error"' in line and _whole(line)]
        return [line for line in lines if line["level"] == "error" and not _foreseen(line)]


def _foreseen(line: dict[str, Any]) -> bool:
    """Whether it only tells of what was done to the server, or to its database."""
    if line["event"] == "worker_failed":
        return str(line["reason"]).endswith("the server is unreachable")
    return line["event"] in ("worker_exited", "worker_not_replaced")


def _whole(line: bytes) -> bool:
    """Whether a line was written to its end: who writes may have been killed."""
    return line.startswith(b"{") and line.endswith(b"}\n")


def _children(process: int) -> list[int]:
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in listed.split()]
