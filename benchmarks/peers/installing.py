"""Installing a peer out of its lock, once for each state of its folder."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.processes import ROOT

_INSTALLED: Final = ROOT / "build" / "peers"
_DONE: Final = ".installed"
_SECONDS: Final = 600


class NotInstalled(Exception):
    """A peer cannot be had here. The message says why, in one line."""


def installed_with_npm(source: Path) -> Path:
    """The folder of a node app with all it needs."""
    if shutil.which("npm") is None:
        raise NotInstalled("npm is missing; on Debian: apt-get install nodejs npm")
    place = _place(source)
    if not (place / _DONE).exists():
        _fresh(place)
        for file in source.iterdir():
            if file.is_file():
                shutil.copy(file, place)
        _run(["npm", "ci", "--omit=dev"], place)
        (place / _DONE).touch()
    return place


def installed_with_pip(source: Path) -> Path:
    """The interpreter of an environment with what a Python app needs."""
    place = _place(source)
    python = place / "bin" / "python"
    if not (place / _DONE).exists():
        _fresh(place)
        _run([sys.executable, "-m", "venv", str(place)], source)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(
            [*pip, "--require-hashes", "--no-deps", "-r", str(source / "requirements.txt")], source
        )
        (place / _DONE).touch()
    return python


def _place(source: Path) -> Path:
    """Where it is installed: another place for other contents."""
    digest = hashlib.sha256()
    for file in sorted(source.iterdir()):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return _INSTALLED / f"{source.name}-{digest.hexdigest()[:12]}"


def _fresh(place: Path) -> None:
    """An empty folder, with nothing of an installation that failed, or of another lock."""
    for other in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
        shutil.rmtree(other)
    place.mkdir(parents=True)


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(
            command, check=True, cwd=folder, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        raise NotInstalled(said[-1] if said else str(error)) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
