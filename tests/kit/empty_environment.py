"""Environments that hold a package and what it asks for, and nothing else. No index is asked.

The packages that it asks for are copied from an environment in which they are installed as locked.
"""

import shutil
import venv
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit.dev import clean_environment
from tests.sdk.environment import done


def packages_of(python: Path) -> Path:
    """The `site-packages` of a virtual environment."""
    (found,) = python.parent.parent.glob("lib/python3*/site-packages")
    return found


def empty_environment(
    folder: Path, wheels: Sequence[Path], source: Path, extras: Iterable[str] = ()
) -> Path:
    """Make a virtual environment, and install wheels with what they ask for.

    Args:
        folder: Where it is to be; must not exist.
        wheels: All distributions of ours that are wanted.
        source: A Python in whose environment the other packages are installed.
        extras: Of all the wheels.

    Returns:
        Its Python.
    """
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    packages = packages_of(python)
    ours = {canonicalize_name(wheel.name.split("-")[0]) for wheel in wheels}
    wanted = [text for wheel in wheels for text in _requirements(wheel)]
    for found in _needed(wanted, packages_of(source), {"", *extras}, set(ours)):
        for file in found.files or []:
            origin = packages_of(source) / file
            if ".." not in file.parts and origin.exists():
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin, packages / file)
    pip: tuple[str | Path, ...] = (
        source,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
    )
    installed = done(
        *pip,
        *("install", "--quiet", "--no-index"),
        *wheels,
        env=clean_environment(PIP_CONFIG_FILE="/dev/null", PIP_FIND_LINKS="", PYTHONPATH=""),
    )
    assert installed.returncode == 0, installed.stderr
    checked = done(*pip, "check")
    assert checked.returncode == 0, checked.stdout
    return python


def _requirements(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().partition("\n\n")[0].splitlines()
    return [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-D")]


def _needed(
    texts: Iterable[str], packages: Path, extras: set[str], seen: set[str]
) -> Iterator[Distribution]:
    """The distributions that these requirements, and theirs in turn, ask for."""
    for text in texts:
        requirement = Requirement(text)
        marker, name = requirement.marker, canonicalize_name(requirement.name)
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
            continue
        if name in seen:
            continue
        seen.add(name)
        (found,) = Distribution.discover(name=requirement.name, path=[str(packages)])
        yield found
        yield from _needed(found.requires or [], packages, {"", *requirement.extras}, seen)
