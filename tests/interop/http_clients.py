"""HTTP clients of other languages, each with its default settings: what runs them, what they need.

Every program in `clients/` takes the same arguments, `URL CA_FILE PROJECT API_TOKEN`, issues a
token and refreshes it, and prints one JSON array with an object for each answer.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.kit.apt import install
from tests.kit.dev import clean_environment

SOURCES: Final = Path(__file__).parent / "clients"
_BUILD_SECONDS: Final = 120
_JVM: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Of the virtual machine: it does not optimise what runs for a second."""

CURL_STEPS: Final = ("issue", "refresh", "refresh", "stream")
REFRESHES: Final = ("issue", "refresh", "refresh", "refresh")
STREAMED: Final = (*REFRESHES, "stream")
"""The last refresh has a body that is sent in chunks."""


@dataclass(frozen=True)
class RealClient:
    """One client."""

    name: str
    packages: tuple[str, ...]
    """What to install on Debian."""
    available: tuple[str, ...]
    """A command that succeeds where everything that it needs is there."""
    command: Callable[[Path], list[str]]
    """The program, given a folder for what has to be built."""
    options: tuple[str, ...] = ()
    """Arguments that follow the common ones."""
    steps: tuple[str, ...] = STREAMED
    connections: int = 1
    """How many it opens at the most: one, if it keeps its connection alive."""

    def program(self, folder: Path) -> list[str]:
        """The command line without the common arguments; skips the test where it cannot be had."""
        if not self._runs():
            install(*self.packages)
            if not self._runs():
                pytest.skip(
                    f"{self.name} is missing, so its requests are not tested."
                    f" On Debian: apt-get install {' '.join(self.packages)}"
                )
        return self.command(folder)

    def _runs(self) -> bool:
        if shutil.which(self.available[0]) is None:
            return False
        done = subprocess.run(
            self.available, capture_output=True, timeout=_BUILD_SECONDS, check=False
        )
        return done.returncode == 0


def interpreted(*command: str) -> Callable[[Path], list[str]]:
    """The command of an interpreter and of one of the programs."""
    *interpreter, source = command
    return lambda _folder: [*interpreter, str(SOURCES / source)]


def _built_by_javac(folder: Path) -> list[str]:
    if not (folder / "JdkClient.class").exists():
        flags = (f"-J{flag}" for flag in _JVM)
        _build("javac", *flags, "-d", str(folder), str(SOURCES / "JdkClient.java"))
    return ["java", *_JVM, "-cp", str(folder), "JdkClient"]


def _built_by_go(folder: Path) -> list[str]:
    program = folder / "net_http"
    if not program.exists():
        _build("go", "build", "-o", str(program), str(SOURCES / "net_http.go"))
    return [str(program)]


def _build(*command: str) -> None:
    done = subprocess.run(
        command,
        env=clean_environment(GO111MODULE="off", GOFLAGS="", GOPROXY="off"),
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _php(folder: Path) -> list[str]:
    # PHP takes certificate authorities from its configuration; the test puts the file there.
    ca_file = folder / "ca.pem"
    settings = (f"curl.cainfo={ca_file}", f"openssl.cafile={ca_file}")
    options = [word for setting in settings for word in ("-d", setting)]
    return ["php", *options, str(SOURCES / "client.php")]


def _python(library: str) -> RealClient:
    return RealClient(
        f"Python's {library}",
        (f"python3-{library}",),
        (sys.executable, "-c", f"import {library}"),
        interpreted(sys.executable, "client.py"),
        (library,),
    )


CLIENTS: Final = (
    # Two processes, since the second needs the refresh token of the first.
    RealClient(
        "curl",
        ("curl",),
        ("curl", "--version"),
        interpreted("sh", "curl.sh"),
        steps=CURL_STEPS,
        connections=2,
    ),
    RealClient(
        "curl with HTTP/2",
        ("curl",),
        ("sh", "-c", "curl --version | grep -qw HTTP2"),
        interpreted("sh", "curl.sh"),
        ("--http2",),
        CURL_STEPS,
        connections=2,
    ),
    RealClient(
        "java.net.http.HttpClient",
        ("default-jdk-headless",),
        ("javac", "-version"),
        _built_by_javac,
    ),
    RealClient("Go's net/http", ("golang-go",), ("go", "version"), _built_by_go),
    RealClient(
        "Ruby's net/http", ("ruby",), ("ruby", "--version"), interpreted("ruby", "net_http.rb")
    ),
    RealClient(
        "PHP's curl extension",
        ("php-cli", "php-curl"),
        ("php", "-r", "exit(extension_loaded('curl') ? 0 : 1);"),
        _php,
        ("curl",),
    ),
    # The stream wrapper cannot stream a body, and closes the connection after each answer.
    RealClient(
        "PHP's stream wrapper",
        ("php-cli",),
        ("php", "-r", "exit(extension_loaded('openssl') ? 0 : 1);"),
        _php,
        ("stream",),
        REFRESHES,
        len(REFRESHES),
    ),
    # The second request may come before fetch has put the first connection back into its pool.
    RealClient(
        "Node's fetch",
        ("nodejs",),
        ("node", "-e", "process.exit(typeof fetch === 'function' ? 0 : 1)"),
        interpreted("node", "fetch.mjs"),
        connections=2,
    ),
    _python("requests"),
    _python("httpx"),
)
