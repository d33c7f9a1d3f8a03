"""Build the documentation site.

python -m release.documentation.build FOLDER

Any warning is an error: a link that leads nowhere, a heading that is not there, a page without a
place. The site needs no server and no network: its pages and its search work from a disk.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from release.build import ROOT, source_epoch
from release.documentation.links import BrokenLink
from release.documentation.navigation import Misplaced
from release.documentation.sdk_reference import sdk_pages
from release.documentation.staging import stage

_CONFIGURATION: Final = Path(__file__).parent
_NOT_SERVED: Final = (".buildinfo", "objects.inv", "genindex.html", "_sources", "*.map")


class BuildFailed(Exception):
    """The site cannot be built; the message is what was wrong, a line for each."""


def build(into: Path, root: Path = ROOT) -> None:
    """Build the site of the repository `root` into the folder `into`, whose content is replaced.

    Raises:
        BuildFailed: a document is broken.
    """
    with TemporaryDirectory() as place:
        source, made = Path(place, "source"), Path(place, "site")
        try:
            stage(root, source, sdk_pages())
        except (BrokenLink, Misplaced) as error:
            raise BuildFailed(str(error)) from error
        _run_sphinx(source, made, Path(place, "doctrees"), root)
        for pattern in _NOT_SERVED:
            for found in made.rglob(pattern):
                shutil.rmtree(found) if found.is_dir() else found.unlink()
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(made, into)


def _run_sphinx(source: Path, made: Path, cache: Path, root: Path) -> None:
    options = ("--quiet", "--fail-on-warning", "--keep-going", "--builder", "html")
    command: list[str | Path] = [sys.executable, "-m", "sphinx", *options]
    command += ["--conf-dir", _CONFIGURATION, "--doctree-dir", cache, source, made]
    paths = os.pathsep.join((str(root), str(root / "packages" / "satmint-sdk" / "src")))
    variables = {"PYTHONPATH": paths, "SOURCE_DATE_EPOCH": source_epoch(root), "TZ": "UTC"}
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed((done.stderr or done.stdout).replace(f"{source}/", ""))


def main(arguments: Sequence[str]) -> int:
    """Build into the folder named."""
    try:
        build(Path(arguments[0]).resolve())
    except BuildFailed as failure:
        print(f"The site was not built:\n{failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
