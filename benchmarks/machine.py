"""On what it ran: figures without this are worth nothing."""

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

_ROOT: Final = Path(__file__).resolve().parents[1]
_PARTS: Final = ("cryptography", "httptools", "msgspec", "uvicorn", "uvloop")
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})


class Machine(msgspec.Struct, frozen=True):
    """The machine and the versions of what is measured."""

    commit: str
    """With `+changes` where the tree differs from it."""
    cpu: str
    cores: int
    kernel: str
    python: str
    sqlite: str
    parts: dict[str, str]
    filesystem: str
    """Of the database."""


def describe(place: Path) -> Machine:
    """This machine, with the database in `place`."""
    return Machine(
        commit=_commit(),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        parts={name: version(name) for name in _PARTS},
        filesystem=filesystem_of(place),
    )


def filesystem_of(place: Path) -> str:
    """The type of the file system that holds `place`."""
    resolved, found = place.resolve(), ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        # A later mount on the same point hides the former one.
        if resolved.is_relative_to(point) and len(point) >= len(found[0]):
            found = point, kind
    return found[1]


def is_in_memory(filesystem: str) -> bool:
    """Whether nothing on such a file system is ever durable."""
    return filesystem in _IN_MEMORY


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return f"{commit}+changes" if _git("status", "--porcelain", "--", "src") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
