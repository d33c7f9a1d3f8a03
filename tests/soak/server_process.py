"""One `satmint serve`: a process, or several with workers, whose clock can be set."""

import json
import os
import resource
import signal
import struct
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.kit.dev import SATMINT, clean_environment
from tests.kit.polling import wait_until

START_SECONDS: Final = 60


class ServerProcess:
    """A server, its log, and its clock."""

    def __init__(
        self,
        folder: Path,
        database: str,
        workers: int,
        settings: Mapping[str, str],
        name: str = "serve",
        clock: int | None = None,
    ) -> None:
        """Prepare one.

        Args:
            folder: Where the keyring is.
            database: Its URL.
            workers: The number of its processes.
            settings: Variables of its environment.
            name: Of the files for its log and its clock.
            clock: Seconds that its clock is ahead; None: it is the machine's, and cannot be set.
        """
        self.url = ""
        self._folder = folder
        self._database = database
        self._workers = workers
        self.settings = dict(settings)
        self._log = folder / f"{name}.log"
        self._clock = folder / f"{name}.clock"
        self._process: subprocess.Popen[bytes] | None = None
        if clock is not None:
            self.set_clock(clock)
            self.settings |= {
                "PYTHONPATH": str(Path(__file__).with_name("settable_clock")),
                "SOAK_CLOCK": str(self._clock),
            }

    def set_clock(self, offset: int) -> None:
        """Set its clock to so many seconds ahead of the machine's, at once."""
        descriptor = os.open(self._clock, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(descriptor, struct.pack("<q", offset), 0)
        os.close(descriptor)

    def start(self) -> None:
        """Start it; returns when it listens."""
        begins = self._log.stat().st_size if self._log.exists() else 0
        command = [*SATMINT, "serve", "--port", "0", "--json", "--workers", str(self._workers)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--database", self._database],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._folder,
                env=clean_environment(**self.settings),
            )
        self.url = self._listening(begins)

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

        wait_until(look, START_SECONDS)
        return found[0]

    def processes(self) -> list[int]:
        """Its processes; the parent, where there are several, comes first."""
        assert self._process is not None
        pid = self._process.pid
        return [pid, *_children(pid)]

    def workers(self) -> list[int]:
        """Those of them that answer requests."""
        processes = self.processes()
        return processes if self._workers == 1 else processes[1:]

    def kill(self) -> None:
        """`kill -9` for all of it."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to all of its processes."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def hang_up(self) -> None:
        """Have it read its files again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def limit_files(self, size: int) -> None:
        """No file of it can grow beyond so many bytes."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
                resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(START_SECONDS)
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


_UNUSABLE: Final = ("the server is unreachable", "the server is read-only or a replica")
"""Of a database that is down, or whose primary has become a standby."""


def _foreseen(line: dict[str, Any]) -> bool:
    """Whether it only tells of what was done to the server, or to its database."""
    if line["event"] in ("worker_failed", "database_unusable"):
        return str(line["reason"]).endswith(_UNUSABLE)
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
