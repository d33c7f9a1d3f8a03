"""Debian of another release in a folder, made by debootstrap and used again the next time.

What is mounted there is mounted in a namespace of the command's own (`unshare --mount`), and goes
with it, however it ends. pip inside is configured as outside: its settings are read when a command
starts, and the folders and files that they name are mounted read-only.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from release.build import copy_of_source

_NEEDED: Final = ("debootstrap", "unshare", "chroot", "mount")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KERNEL: Final = ("/dev", "/proc", "/sys")
_NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts")
_MADE: Final = Path(".made")
"""A file that says that debootstrap came to its end."""


class ChrootMissing(Exception):
    """It cannot be made here; the message says what is missing."""


class Chroot:
    """A Debian, with the source of this repository in `/source`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def source(self) -> Path:
        """`/source`, as it is called outside."""
        return self.folder / "source"

    def make(self, suite: str, packages: str) -> None:
        """Make it with debootstrap, unless that was done; copy the source to it again.

        Environments that tests have made in `/source` stay.

        Args:
            suite: The name of Debian's release.
            packages: Names with commas.

        Raises:
            ChrootMissing: This is not root, or a program is missing, or the mirror fails.
        """
        missing = [name for name in _NEEDED if shutil.which(name) is None]
        if os.geteuid() != 0 or missing:
            raise ChrootMissing(f"it needs root and {', '.join(missing or _NEEDED)} (Debian)")
        if not (self.folder / _MADE).exists():
            command = ["debootstrap", "--variant=minbase", f"--include={packages}", suite]
            if subprocess.run([*command, str(self.folder)], check=False).returncode != 0:
                raise ChrootMissing(f"debootstrap of {suite} failed")
            (self.folder / _MADE).touch()
        self._remove_source()
        copy_of_source(self.folder)

    def _remove_source(self) -> None:
        """Remove all that git keeps; a name that begins with `.venv` was made there."""
        for entry in self.source.iterdir() if self.source.exists() else ():
            if entry.is_dir() and not entry.name.startswith(".venv"):
                shutil.rmtree(entry)
            elif entry.is_file():
                entry.unlink()

    def run(self, command: str, variables: Mapping[str, str]) -> int:
        """Run a command of a shell in `/source`; return its exit code.

        Args:
            command: For `sh -eu`.
            variables: Of its environment, beside those of this process.
        """
        mounts = [f"mount --rbind {place} {self.folder}{place}" for place in _KERNEL]
        for path in (*_NETWORK, *pip_paths()):
            self._mount_point(Path(path))
            mounts.append(f"mount --bind --read-only {path} {self.folder}{path}")
        inside = f'exec chroot {self.folder} sh -euc "cd /source; $1"'
        script = "\n".join((*mounts, inside))
        environment = {**os.environ, **pip_variables(), **variables}
        environment.update(PATH=_PATH, HOME="/root", LC_ALL="C.UTF-8")
        for name in ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "TMPDIR"):
            environment.pop(name, None)
        words = ["unshare", "--mount", "sh", "-euc", script, "sh", command]
        return subprocess.run(words, env=environment, check=False).returncode

    def _mount_point(self, path: Path) -> None:
        place = self.folder / path.relative_to("/")
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def _pip_settings() -> Iterator[tuple[str, str]]:
    """The settings of pip on this machine: `global.cert` and its like, and values."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        name, _, value = line.partition("=")
        yield name, str(ast.literal_eval(value))


def pip_variables() -> dict[str, str]:
    """The settings of pip as variables: those of its files, unless a variable overrides one."""
    found = {}
    for name, value in sorted(_pip_settings()):
        section, _, option = name.rpartition(".")
        if section in {"global", "install"}:
            found[f"PIP_{option.upper().replace('-', '_')}"] = " ".join(value.split())
    return {name: value for name, value in found.items() if name not in os.environ}


def pip_paths() -> list[str]:
    """The folders and files that pip's settings name and that there are.

    Of an index it is the folder around it, since its pages link to files beside it.
    """
    found = set()
    for name, value in _pip_settings():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                found.add(str(path.parent if name.endswith("index-url") else path))
    return sorted(found)
