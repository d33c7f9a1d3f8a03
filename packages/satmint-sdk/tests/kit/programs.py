"""Programs of their own processes, which use the SDK as their authors would.

They log all that the SDK says, at level DEBUG: a test reads what a user could read in that log.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import satmint_sdk
from kit.server import Live
from satmint_sdk._ambient import SYSTEM_CLOCK

APPS: Final = Path(__file__).parent.parent / "programs" / "apps"
SECONDS: Final = 60.0
"""How long a test waits for what is a matter of a second; for machines that are busy."""

_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]*\.[\w-]{8,}\.")
_UNTIDY: Final = "Traceback|never awaited|never retrieved|Exception ignored|was destroyed"


def wait_until(fact: Callable[[], object], what: str = "it did not come about") -> None:
    """Return as soon as `fact()` is true; fail with `what` if it is not for a minute."""
    end = SYSTEM_CLOCK.now().mono + SECONDS
    while not fact():
        assert SYSTEM_CLOCK.now().mono < end, what
        SYSTEM_CLOCK.sleep(0.02)


class Program:
    """A program that runs until it ends or the block is left.

    Args:
        folder: Where its output goes, and what it finds as its working directory.
        live: The server that its environment names, as `satmint dev` prints it. `RESOURCES` is
            where it uses its tokens.
        arguments: The file of `apps` with its arguments, or `-m` and a module with its own.
        variables: Further variables of its environment.
    """

    def __init__(self, folder: Path, live: Live, *arguments: str, **variables: str) -> None:
        source = Path(satmint_sdk.__file__).parent.parent
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        self._api_token = live.api_token
        if arguments[0] != "-m":
            arguments = (str(APPS / arguments[0]), *arguments[1:])
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "dev", *arguments],
                cwd=folder,
                env=os.environ
                | {
                    "PYTHONPATH": os.pathsep.join([str(source), str(APPS)]),
                    "PYTHONUNBUFFERED": "1",
                    "SIGNALWIRE_PROJECT_ID": live.project_id,
                    "SIGNALWIRE_API_TOKEN": live.api_token,
                    "SIGNALWIRE_SPACE": live.host,
                    "RESOURCES": live.host,
                }
                | variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    # What it says.

    @property
    def output(self) -> str:
        """Everything that it wrote to standard output."""
        return self._out.read_text()

    @property
    def log(self) -> str:
        """Everything that it wrote to standard error."""
        return self._err.read_text()

    def hear(self, pattern: str, times: int = 1) -> str:
        """Wait until the output or the log matches so often; the last match, or its group."""

        def heard() -> list[str]:
            text = f"{self.output}\n{self.log}"
            return [one[one.re.groups] for one in re.finditer(pattern, text, re.MULTILINE)]

        wait_until(
            lambda: len(heard()) >= times or self.process.poll() is not None, f"no {pattern}"
        )
        assert len(heard()) >= times, f"no {pattern}:\n{self.output}\n{self.log}"
        return heard()[times - 1]

    # What is done to it.

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, to it alone."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return self.process.wait(timeout=SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and wait for its end."""
        self.send(number)
        return self.wait()

    # What is left of it.

    def is_gone(self) -> bool:
        """Whether no process of its group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def check(self, *, resources: bool = True) -> None:
        """Check what every user expects: no secret in any output, no complaint, no process left.

        Args:
            resources: Whether Python's complaints about what was left open count.
        """
        wait_until(self.is_gone, "processes are left")
        untidy = re.compile(_UNTIDY + "|ResourceWarning" * resources)
        for text in (self.output, self.log):
            assert _TOKEN.search(text) is None, "a token stands in the output"
            assert self._api_token not in text
            found = untidy.search(text)
            assert found is None, text[found.start() - 500 : found.start() + 2000]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if error is not None:
            error.add_note(f"the end of the program's log:\n{self.log[-2000:]}")


def sign_ins(live: Live, reference: str) -> int:
    """How often a subscriber has signed in so far."""
    return len(_sessions(live, reference)) - 1


def generations(live: Live, reference: str) -> int:
    """How often the sessions of a subscriber were refreshed."""
    return sum(int(one["generation"]) for one in _sessions(live, reference))


def _sessions(live: Live, reference: str) -> list[dict[str, str]]:
    """All sessions of a subscriber, and one more that this function opened to learn of it."""
    with live.client() as client:
        made = client.fabric.tokens.create_subscriber_token(reference=reference)
    found: list[dict[str, str]] = live.sessions_of(made["subscriber_id"])
    return found
