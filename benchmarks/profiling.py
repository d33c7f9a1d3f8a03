"""Where the CPU time of requests goes: `perf` samples each server's process while it is loaded.

`perf` comes with the kernel (Debian: `linux-perf`). Where it is missing, or may not look at other
processes, the profile is left out with its reason.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.processes import reason_of
from benchmarks.rounds import Contest, Say, load
from benchmarks.running import Running

_SAMPLES_PER_SECOND: Final = 997
"""No multiple of anything that a server does at regular times."""
PYTHON: Final = "Python: the interpreter"
_OTHER: Final = "anything else"
_LIBRARIES: Final[Mapping[str, tuple[str, ...]]] = {
    PYTHON: ("libpython3", "python3"),
    "kernel": ("[kernel", "[vdso]"),
    "C library": ("libc.so", "libc-", "ld-linux"),
    "SQLite": ("libsqlite3", "_sqlite3."),
    "asyncpg": ("protocol.", "pgproto.", "record."),
    "cryptography": ("_rust.", "libcrypto", "_hashlib."),
    "JSON, base64": ("_core.", "binascii."),
    "event loop, HTTP parser": ("loop.", "_asyncio.", "parser.", "url_parser."),
}
"""What the beginning of a library's file name says about it."""
KINDS: Final = (*_LIBRARIES, _OTHER)


class Profile(msgspec.Struct, frozen=True):
    """What the samples of one server fell on."""

    subject: str
    shares: dict[str, float]
    """Of all samples, by kind; together 1."""
    operation: str = "refresh"


def measure_profiles(
    contest: Contest, place: Path, say: Say, leave_out: Callable[[str], None]
) -> list[Profile]:
    """Profile every server of a contest once.

    Args:
        contest: What the servers do.
        place: A folder for samples.
        say: Tells what is under way.
        leave_out: Is called with the reason, if a server cannot be profiled.
    """
    once = replace(contest, effort=replace(contest.effort, rounds=1, rehearsal=0.0))
    profiles = []
    for name, server in once.servers.items():
        with say(f"profile, {contest.operation}: {server.name}"):
            try:
                profiles.append(_profile(once, name, server, place))
            except (OSError, subprocess.CalledProcessError) as failure:
                leave_out(f"profile of {name}, {contest.operation}: {reason_of(failure)}")
    return profiles


def _profile(contest: Contest, name: str, server: Running, place: Path) -> Profile:
    plans = contest.plans(name, server)
    with sampled(server, contest.operation, name, place) as profiles:
        load(contest, server, plans)
    return profiles[0]


@contextmanager
def sampled(
    server: Running, operation: str, subject: str, place: Path
) -> Iterator[Sequence[Profile]]:
    """Profile a server; what is yielded has its profile in the end.

    Args:
        server: Whose process is sampled.
        operation: What it does meanwhile.
        subject: As the report calls the server.
        place: A folder for the samples.

    Raises:
        OSError: `perf` is not there, or took no sample.
        CalledProcessError: `perf` failed.
    """
    samples, profiles = place / f"{subject}.samples", list[Profile]()
    recording = subprocess.Popen(
        [
            *(_perf(), "record", "--freq", str(_SAMPLES_PER_SECOND), "--output", str(samples)),
            *("--pid", str(server.processes["server"])),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield profiles
    finally:
        recording.terminate()  # after which it writes what it has
        recording.wait()
    shown = subprocess.run(
        [
            *(_perf(), "report", "--input", str(samples), "--sort", "dso", "--stdio"),
            *("--field-separator", ",", "--percentage", "absolute"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    samples.unlink()
    profiles.append(Profile(subject, shares(shown.stdout), operation))


def shares(shown: str) -> dict[str, float]:
    """The share of each kind of library.

    Args:
        shown: `perf report --sort dso --field-separator ,`: a line for each library, such as
            `53.69,libpython3.11.so.1.0`, and comments.

    Raises:
        OSError: there is no sample.
    """
    percent = dict.fromkeys(KINDS, 0.0)
    for line in shown.splitlines():
        if line.strip() and not line.startswith("#"):
            value, _, library = line.partition(",")
            percent[_kind(library.strip())] += float(value.strip().rstrip("%"))
    total = sum(percent.values())
    if not total:
        raise OSError("perf took no sample")
    return {kind: value / total for kind, value in percent.items()}


def _kind(library: str) -> str:
    return next((kind for kind, begins in _LIBRARIES.items() if library.startswith(begins)), _OTHER)


def _perf() -> str:
    program = shutil.which("perf")
    if program is None:
        raise FileNotFoundError("perf is not installed")
    return program
