"""Build the documentation site.

python -m release.documentation.build FOLDER

Any warning is an error: a link that leads nowhere, a heading that is not there, a page without a
place. The site needs no server and no network: its pages and its search work from a disk.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from release.build import ROOT, source_epoch
from release.documentation.licences import NoLicence, write_licences
from release.documentation.links import BrokenLink
from release.documentation.navigation import Misplaced
from release.documentation.places import documents, site_path
from release.documentation.sdk_reference import sdk_pages
from release.documentation.staging import stage
from release.documentation.strict_pages import InlineCode, make_strict

_CONFIGURATION: Final = Path(__file__).parent
_PAGE: Final = re.compile(r"^[^\s:]+\.md(?=:)", re.MULTILINE)
"""The page that a message of Sphinx is about: it begins with the page and the line."""
_NOT_SERVED: Final = (".buildinfo", "objects.inv", "_sources", "*.map")


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
            stage(root, source, sdk_pages(root))
        except (BrokenLink, Misplaced) as error:
            raise BuildFailed(str(error)) from error
        run_sphinx(Path(sys.executable), source, made, root)
        try:
            make_strict(made)
            write_licences(made / "_static" / "licences.txt")
        except (InlineCode, NoLicence) as error:
            raise BuildFailed(str(error)) from error
        for pattern in _NOT_SERVED:
            for found in made.rglob(pattern):
                shutil.rmtree(found) if found.is_dir() else found.unlink()
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(made, into)


def run_sphinx(python: Path, source: Path, made: Path, root: Path = ROOT) -> None:
    """Have Sphinx make pages of what `stage` wrote.

    Args:
        python: The interpreter that has Sphinx.
        source: What `stage` wrote.
        made: Where the pages are put.
        root: The repository with the SDK, and the time of the source.

    Raises:
        BuildFailed: Sphinx had an error or a warning.
    """
    options = ("--quiet", "--fail-on-warning", "--keep-going", "--builder", "html")
    command: list[str | Path] = [python, "-m", "sphinx", *options, "--conf-dir", _CONFIGURATION]
    paths = os.pathsep.join((str(root), str(root / "packages" / "satmint-sdk" / "src")))
    variables = {"PYTHONPATH": paths, "SOURCE_DATE_EPOCH": source_epoch(root), "TZ": "UTC"}
    with TemporaryDirectory() as cache:
        command += ["--doctree-dir", cache, source, made]
        done = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).replace(f"{source}/", "")
        raise BuildFailed(with_documents(said, root))


def with_documents(said: str, root: Path = ROOT) -> str:
    """Return what Sphinx wrote, with the paths that its pages have in the repository.

    The numbers of lines are the same there: `stage` appends to a document, and inserts nothing.
    """
    names = {site_path(document): document for document in documents(root)}
    return _PAGE.sub(lambda page: names.get(page[0], page[0]), said)


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
