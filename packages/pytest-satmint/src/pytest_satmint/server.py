"""The server of a test run: a `satmint dev` of its own."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_satmint.control import Control


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the demo project."""

    id: str
    name: str
    context: str
    type: str
    """`room`, `call` or `app`."""


class Satmint:
    """A running server with a demo project, whose ids and tokens are the same in every test."""

    def __init__(self, ready: Mapping[str, Any], log: Path) -> None:
        """Keep what `satmint dev --json` printed.

        Args:
            ready: The line that it prints.
            log: The file of its log.
        """
        self.url = str(ready["http"])
        """The http URL, without a trailing slash."""
        self.https_url = str(ready["https"])
        """The https URL. The certificate is one for `localhost` and `127.0.0.1`."""
        self.space = urlsplit(self.url).netloc
        """The host and port, as SDKs take it: `SIGNALWIRE_SPACE`."""
        self.cluster_host = str(ready["cluster_host"])
        """The host of live sessions, as in the header of tokens."""
        self.project_id = str(ready["project_id"])
        self.api_token = str(ready["api_token"])
        """An API token with all permissions."""
        self.c2c_token = str(ready["c2c_token"])
        """A Click-to-Call token for the address `support`."""
        self.addresses = tuple(Address(**one) for one in ready["addresses"])
        self.ca_file = Path(ready["ca_file"])
        """The authority of the certificate of `https_url`, in PEM format."""
        self.log = log
        """The file of the server's log, one JSON object per line."""
        self.control = Control(self.url, self.project_id, self.api_token)
        """Sends requests with the credentials of the project."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that SDKs read. They are set in tests that use `satmint`."""
        return {
            "SIGNALWIRE_SPACE": self.space,
            "SIGNALWIRE_PROJECT_ID": self.project_id,
            "SIGNALWIRE_API_TOKEN": self.api_token,
        }

    def reset(self, *, keep_data: bool = False) -> None:
        """Reset the clock, faults and calls, and empty the project. Every test begins with it.

        Sessions end, and everything that was created in the project is deleted. Its first addresses
        and tokens are as in the beginning. The audit trail of events remains.

        Args:
            keep_data: Whether the project stays as it is.

        Raises:
            SatmintError: the server does not answer.
        """
        self.control.dev("DELETE")
        if not keep_data:
            self.control.dev("DELETE", "/project")

    def __repr__(self) -> str:
        """Without tokens."""
        return f"<satmint at {self.url}>"


class CannotStart(Exception):
    """The server cannot start. The message says why, and what to do."""


@contextmanager
def running_server(
    command: Sequence[str], folder: Path, *, port: int, https_port: int, seconds: float = 60
) -> Iterator[Satmint]:
    """A server, ready when this yields, which stops afterwards, or when this process ends.

    Args:
        command: The command line of `satmint`.
        folder: For its data and its log.
        port: The port for http; 0: a free one.
        https_port: The same, for https.
        seconds: How long it may take to start.

    Raises:
        CannotStart: it cannot start.
    """
    log = folder / "satmint.log"
    ports = ("--port", str(port), "--https-port", str(https_port))
    arguments = (*command, "dev", "--json", "--until-eof", *ports, "--data", str(folder / "data"))
    try:
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - the user's own command
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
            )
    except OSError as error:
        raise CannotStart(f"{command[0]} cannot be run: {error.strerror}") from error
    with process:
        try:
            yield Satmint(_ready(process, log, seconds), log)
        finally:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment() -> dict[str, str]:
    """This process's environment without settings of another server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SATMINT_")}
    # Several servers would want its port.
    return {**kept, "SATMINT_ADMIN_PORT": "0"}


def _ready(process: "subprocess.Popen[bytes]", log: Path, seconds: float) -> Mapping[str, Any]:
    """What the server prints when it answers requests.

    Raises:
        CannotStart: it ended before, or took too long.
    """
    too_long = threading.Timer(seconds, process.kill)
    too_long.start()
    try:
        line = process.stdout.readline() if process.stdout else b""
    finally:
        too_long.cancel()
    if line:
        ready: Mapping[str, Any] = json.loads(line)
        return ready
    code = process.wait()
    said = _last_words(log)
    if code == -signal.SIGKILL:
        raise CannotStart(f"satmint dev did not answer within {seconds:g} seconds. {said}".strip())
    raise CannotStart(f"satmint dev ended with exit code {code}: {said or 'it printed nothing'}")


def _last_words(log: Path) -> str:
    """The last thing that a server wrote: its error, if it is one."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if not lines:
        return ""
    try:
        return str(json.loads(lines[-1])["error"])
    except (ValueError, KeyError, TypeError):
        return lines[-1]
