"""A real `satmint serve` with a low limit of descriptors, and its use of them and of memory."""

import contextlib
import json
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme

from tests.kit import forked
from tests.kit.dev import SATMINT, clean_environment
from tests.kit.polling import wait_until

OPEN_FILES: Final = 300

_LIMITED: Final = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(OPEN_FILES))
_START_SECONDS: Final = 20
_STOP_SECONDS: Final = 30
_TLS_FILES: Final = ("--tls-cert", "cert.pem", "--tls-key", "key.pem")


@dataclass(frozen=True)
class Deployment:
    """A folder with a keyring, a project and a certificate for 127.0.0.1."""

    folder: Path
    auth: tuple[str, str]

    @classmethod
    def make(cls, folder: Path) -> "Deployment":
        """Set one up."""
        _command(folder, "keys", "init")
        project = json.loads(_command(folder, "project", "create", "crowded", "--json"))
        authority = trustme.CA()
        made = authority.issue_cert("127.0.0.1")
        made.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        made.private_key_pem.write_to_path(str(folder / "key.pem"))
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        return cls(folder, (project["id"], project["api_token"]))

    def tls(self) -> ssl.SSLContext:
        """Settings of a client that trusts its certificate."""
        return ssl.create_default_context(cafile=self.folder / "ca.pem")


class LimitedServer:
    """A running `satmint serve` that may have at most `OPEN_FILES` descriptors."""

    def __init__(self, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self.process = process
        self._log_file = log_file

    def log(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self._log_file.read_text().splitlines()]

    def address(self) -> tuple[str, int]:
        """Where it listens, as soon as it does."""
        wait_until(self._listening, _START_SECONDS)
        host, _, port = self._listening()[0]["url"].rpartition("/")[2].partition(":")
        return host, int(port)

    def open_files(self) -> int:
        """How many descriptors are open."""
        return len(self._descriptors())

    def open_sockets(self) -> int:
        """How many of them are sockets."""
        return sum(name.startswith("socket:") for name in self._descriptors())

    def resident_mib(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self) -> float:
        """End it with SIGTERM; returns how many seconds that takes."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(_STOP_SECONDS)
        return time.monotonic() - start

    def _descriptors(self) -> list[str]:
        names = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            # One may be closed between listing and reading.
            with contextlib.suppress(FileNotFoundError):
                names.append(str(link.readlink()))
        return names

    def _listening(self) -> list[dict[str, Any]]:
        assert self.process.poll() is None, self._log_file.read_text()
        return [line for line in self.log() if line.get("event") == "listening"]


@contextmanager
def limited_server(deployment: Deployment, scheme: str, log_file: Path) -> Iterator[LimitedServer]:
    """`satmint serve` on a free port, over http or https.

    Its log goes to a file: a pipe that nobody reads would block it.
    """
    tls = _TLS_FILES if scheme == "https" else ()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*_LIMITED, *SATMINT, "serve", "--port", "0", "--admin-port", "0", "--json", *tls],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=deployment.folder,
            env=clean_environment(),
        )
    try:
        yield LimitedServer(process, log_file)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _command(folder: Path, *arguments: str) -> str:
    done = forked.run(arguments, cwd=folder, env=clean_environment(), text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)
