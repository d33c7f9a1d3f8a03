"""The distributions of this repository, built so that the same commit gives the same bytes.

python -m release.build dist build/site

The second folder is the documentation site, which the server's distributions carry.

A source distribution is made from the files that git keeps, or would; the wheel is made from the
source distribution, so that what is missing there is missing in neither unnoticed. Times in the
archives are those of the commit. Needs hatchling and nothing else; no network.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_MADE: Final = (".satmint", "build", "dist")
_NOT_KEPT: Final = (".git", ".venv*", "__pycache__", "node_modules", ".*_cache", *_MADE)
_SITE: Final = Path("src", "satmint", "documentation")
_FALLBACK_EPOCH: Final = "1580601600"
"""Seconds since 1970 without git and without SOURCE_DATE_EPOCH; hatchling's own choice."""


class BuildFailed(Exception):
    """A distribution cannot be built; the message is what the builder wrote."""


def projects(root: Path = ROOT) -> list[Path]:
    """The folders with a distribution: the server's first, then those of `packages/`, by name."""
    return [root, *(file.parent for file in sorted(root.glob("packages/*/pyproject.toml")))]


def source_epoch(root: Path = ROOT) -> str:
    """When the source is from, in seconds since 1970: SOURCE_DATE_EPOCH, or else the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        return given
    try:
        command = ["git", "log", "-1", "--format=%ct"]
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return _FALLBACK_EPOCH
    return said.strip() or _FALLBACK_EPOCH


def copy_of_source(folder: Path, root: Path = ROOT, site: Path | None = None) -> Path:
    """A copy of the files that git keeps, or would; without git, of all but what tools make.

    Args:
        folder: Where the copy is made.
        root: The repository.
        site: The documentation site, to be part of the server's package.
    """
    copy = _copy_of_files(folder / "source", root)
    if site is not None:
        shutil.copytree(site, copy / _SITE)
    return copy


def _copy_of_files(copy: Path, root: Path) -> Path:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*_NOT_KEPT), symlinks=True)
        return copy
    for name in filter(None, listed.decode().split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    return copy


def archive_of(kind: str, project: Path, into: Path, epoch: str) -> Path:
    """Build one archive: `kind` is `sdist` or `wheel`. The other arguments are those of `build`.

    Raises:
        BuildFailed: As for `build`.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed(f"{project.name}: {done.stderr or done.stdout}")
    (found,) = into.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return found


def build(project: Path, into: Path, epoch: str) -> list[Path]:
    """Build the source distribution of a folder, and from it the wheel.

    Args:
        project: Holds `pyproject.toml`; files are written below it.
        into: Where both are put.
        epoch: Seconds since 1970, for the times in the archives.

    Raises:
        BuildFailed: The builder ended with an error.
    """
    with TemporaryDirectory() as place:
        made = Path(place)
        sdist = archive_of("sdist", project, made, epoch)
        with tarfile.open(sdist) as archive:
            archive.extractall(made, filter="data")
        wheel = archive_of("wheel", made / sdist.name.removesuffix(".tar.gz"), made, epoch)
        return [Path(shutil.copy(file, into / file.name)) for file in (sdist, wheel)]


def build_all(into: Path, root: Path = ROOT, site: Path | None = None) -> list[Path]:
    """Build every distribution; `site` as for `copy_of_source`.

    Raises:
        BuildFailed: As for `build`.
    """
    epoch = source_epoch(root)
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        source = copy_of_source(Path(place), root, site)
        return [file for project in projects(source) for file in build(project, into, epoch)]


def main(arguments: Sequence[str]) -> int:
    """Build all into the folder named, with the site if one is named; print the files."""
    into, site = (*map(Path, arguments), None, None)[:2]
    try:
        for file in build_all((into or Path("dist")).resolve(), site=site):
            print(file.name)
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
