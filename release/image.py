"""The folder in which `deploy/Containerfile` is built: the file, and wheels alone.

python -m release.image dist/image

The wheel of satmint is built as for a release, but without the documentation site, which only
`satmint dev` serves. The others are those that `requirements/runtime.txt` locks, for the Python of
the image and this machine's architecture; pip compares their hashes.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from release.build import ROOT, build, copy_of_source, source_epoch

PYTHON: Final = "3.11"
"""The Python of Debian bookworm, with which all tests run."""
_GLIBC: Final = 36
"""The minor version of its C library."""


def write_context(folder: Path) -> None:
    """Write the folder anew.

    Raises:
        BuildFailed: The wheel of satmint cannot be built.
        CalledProcessError: pip could not download a wheel, or its hash differs.
    """
    shutil.rmtree(folder, ignore_errors=True)
    packages = folder / "packages"
    packages.mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "Containerfile", folder)
    with TemporaryDirectory() as place:
        made = Path(place)
        build(copy_of_source(made), made, source_epoch())
        (wheel,) = made.glob("satmint-*.whl")
        shutil.copy(wheel, packages)
    tags = [f"manylinux_2_{minor}_{platform.machine()}" for minor in range(17, _GLIBC + 1)]
    tags.append(f"manylinux2014_{platform.machine()}")
    abis = (f"cp{PYTHON.replace('.', '')}", "abi3", "none")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(packages)),
        *("--implementation", "cp", "--python-version", PYTHON),
        *(word for abi in abis for word in ("--abi", abi)),
        *(word for tag in tags for word in ("--platform", tag)),
        *("--requirement", str(ROOT / "requirements" / "runtime.txt")),
    ]
    subprocess.run(command, check=True)


def main(arguments: Sequence[str]) -> int:
    """Write the folder named; say what is in it."""
    folder = Path(arguments[0] if arguments else "dist/image").resolve()
    write_context(folder)
    wheels = sorted(file.name for file in (folder / "packages").iterdir())
    print(f"{folder} has {len(wheels)} wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
