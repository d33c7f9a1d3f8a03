"""A real `satmint serve` in a process of its own, with its log as values."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.kit.dev import clean_environment
from tests.kit.forked import start, start_interpreter

_STOP_SECONDS: Final = 20


class ServeProcess:
    """A running `satmint serve --json`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        """Every line of its log that was read so far."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.wait_for("listening")["url"])

    def wait_for(self, event: str, **members: object) -> dict[str, Any]:
        """The first line of the log that tells of `event`, as soon as there is one.

        Args:
            event: The event.
            members: What else the line has.
        """
        wanted = {"event": event, **members}.items()
        for line in self.log:
            if wanted <= line.items():
                return line
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.log.append(json.loads(text))
            if wanted <= self.log[-1].items():
                return self.log[-1]
        raise AssertionError(f"it ended without {event}: {self.log}")

    @property
    def admin_url(self) -> str:
        """Where its operator asks it."""
        return str(self.wait_for("admin_listening")["url"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; returns its exit code, with the rest of the log read."""
        assert self.process.stderr is not None
        killer = threading.Timer(_STOP_SECONDS, self.process.kill)
        killer.start()
        self.process.send_signal(number)
        # From the same object as before: it may have read further than it has returned.
        self.log += [json.loads(text) for text in self.process.stderr]
        killer.cancel()
        return self.process.wait()


@contextmanager
def running_serve(
    folder: Path, *arguments: str, forked: bool = True, env: Mapping[str, str] | None = None
) -> Iterator[ServeProcess]:
    """`satmint serve` on a free port in `folder`, where its keyring must be.

    Args:
        folder: Its working folder.
        arguments: More options.
        forked: Whether it may be a fork; see `tests.kit.forked`.
        env: More variables; otherwise there is no `SATMINT_…` one.
    """
    launch = start if forked else start_interpreter
    process = launch(
        ["serve", "--port", "0", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env=clean_environment(**(env or {})),
    )
    try:
        yield ServeProcess(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
