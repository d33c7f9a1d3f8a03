"""Container images, built by buildah on a base of debootstrap's, and run without a daemon.

No registry is needed, but root. The root of a container is read-only, but for its
volume and `/tmp`; its processes share the network of this machine.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.kit.apt import install

PROGRAMS: Final = ("buildah", "debootstrap")
_SECONDS: Final = 1800
_UNNEEDED: Final = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
"""What Debian's slim images leave out."""
_CACHES: Final = ("var/cache/apt", "var/lib/apt/lists", "var/log/apt")
_START: Final = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind "$2" "$1$3"
root=$1 user=$4
shift 4
exec /usr/sbin/chroot --userspec="$user" "$root" "$@"
"""


class ImagesImpossible(Exception):
    """Images cannot be built here. The message says what it takes."""


def require_programs() -> None:
    """Install buildah and debootstrap where that is possible.

    Raises:
        ImagesImpossible: they are missing, or this is not root.
    """
    if os.geteuid() != 0:
        raise ImagesImpossible("it needs root")
    if not all(map(shutil.which, PROGRAMS)):
        install(*PROGRAMS)
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise ImagesImpossible(f"{' and '.join(missing)} are missing (Debian)")


@dataclass(frozen=True)
class Builder:
    """Buildah with a storage of its own."""

    folder: Path

    def run(self, *arguments: str | Path) -> str:
        """Run buildah; what it printed."""
        places = ("--root", self.folder / "storage", "--runroot", self.folder / "run")
        command = ["buildah", *places, "--storage-driver", "vfs", *arguments]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=_SECONDS, check=True
        )
        return done.stdout.strip()

    def base(self, suite: str) -> str:
        """An image like Debian's slim one, made by debootstrap; its name."""
        root = self.folder / "base"
        bootstrap = ["debootstrap", "--variant=minbase", suite, str(root)]
        subprocess.run(bootstrap, stdout=subprocess.DEVNULL, timeout=_SECONDS, check=True)
        for name in (*_UNNEEDED, *_CACHES):
            for entry in (root / name).iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        excluded = "".join(f"path-exclude /{name}/*\n" for name in _UNNEEDED)
        (root / "etc" / "dpkg" / "dpkg.cfg.d" / "slim").write_text(excluded)
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, root, "/")
        self.run("commit", "--quiet", "--rm", container, "localhost/base")
        shutil.rmtree(root)
        return "localhost/base"

    def build(self, context: Path, base: str) -> "Image":
        """Build the image of a folder with a `Containerfile`, and unpack it."""
        options = ("--isolation", "chroot", "--format", "docker", "--build-arg", f"BASE={base}")
        file = context / "Containerfile"
        self.run("build", "--quiet", *options, "--tag", "localhost/made", "--file", file, context)
        told = json.loads(self.run("inspect", "--type", "image", "localhost/made"))
        container = self.run("from", "localhost/made")
        return Image(Path(self.run("mount", container)), told["Docker"]["config"])


@dataclass(frozen=True)
class Image:
    """An image, unpacked."""

    root: Path
    config: dict[str, Any]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        said = subprocess.run(
            ["du", "--summarize", "--bytes", self.root], capture_output=True, text=True, check=True
        )
        return int(said.stdout.split()[0])

    def command(self, data: Path, arguments: Sequence[str]) -> list[str]:
        """A command line that runs a process in a container, with a folder as its volume."""
        (volume,) = self.config["Volumes"]
        start = ["sh", "-euc", _START, "start", str(self.root), str(data), volume]
        return ["unshare", "--mount", *start, self.config["User"], *arguments]

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The variables of a container."""
        return {**dict(one.split("=", 1) for one in self.config["Env"]), **more}

    def execute(
        self, data: Path, arguments: Sequence[str], more: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the image in a container."""
        return subprocess.run(
            self.command(data, arguments),
            env=self.environment(more),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    @contextmanager
    def running(self, data: Path, more: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
        """A container with the process that the image names."""
        process = subprocess.Popen(
            self.command(data, [*self.config["Entrypoint"], *self.config["Cmd"]]),
            env=self.environment(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
