"""A real `satmint dev` in a process of its own, for tests that speak to it over the network."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.kit.forked import start, start_interpreter

SATMINT: Final = (sys.executable, "-m", "satmint")
_STOP_SECONDS: Final = 20
_LEFT_OUT: Final = frozenset(
    {
        *("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "TERMINAL_WIDTH"),
        "PYTHONDONTWRITEBYTECODE",
    }
)


class DevServer:
    """A running `satmint dev`; what its first line said is under the line's own names."""

    def __init__(self, process: subprocess.Popen[str], line: str, log: Path) -> None:
        self.process = process
        self.line = line
        self.ready: dict[str, Any] = json.loads(line)
        self.log = log

    def __getitem__(self, member: str) -> Any:  # noqa: ANN401 - JSON
        return self.ready[member]

    @property
    def auth(self) -> tuple[str, str]:
        """User and password for Basic."""
        return self.ready["project_id"], self.ready["api_token"]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it with a signal; returns its exit code and what else it printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=_STOP_SECONDS)
        return self.process.returncode, rest


@contextmanager
def running_dev(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, forked: bool = True
) -> Iterator[DevServer]:
    """`satmint dev` on free ports with its state in `folder`, ready when this yields.

    Give the same `folder` again to go on with the same project, tokens and certificate. Its log is
    in `folder`, too; it is shown where the server does not come up.

    Args:
        folder: For `--data`.
        arguments: More options.
        env: More variables; otherwise there is no `SATMINT_…` one.
        forked: Whether it may be a fork; see `tests.kit.forked`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dev.log"
    command = ["dev", "--port", "0", "--https-port", "0", "--json"]
    launch = start if forked else start_interpreter
    with log.open("a") as errors:
        process = launch(
            [*command, "--data", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            env=clean_environment(**(env or {})),
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"satmint dev did not start:\n{log.read_text()}"
        yield DevServer(process, line, log)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that satmint or a terminal would heed.

    The admin listener is off, unless `more` says otherwise: several servers would want its port.
    Python may keep what it compiles, or every start would compile all of satmint again.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SATMINT_", "SIGNALWIRE_")) and name not in _LEFT_OUT
    }
    # The tests' PostgreSQL has it off, but for those of durability.
    unsafe = {"SATMINT_DATABASE_WITHOUT_FSYNC": "true"}
    return {**kept, "SATMINT_ADMIN_PORT": "0", **unsafe, **more}
