"""Whether this source is ready to be released under a tag.

python -m release.version v0.2.0

The version stands once in each distribution, and is the same in all. `CHANGELOG.md` has a section
for it, with a date.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from release.build import ROOT, projects

_VERSION: Final = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_SECTION: Final = re.compile(r"^## (\S+) – (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def versions(root: Path = ROOT) -> dict[Path, str]:
    """The files in which a version stands, with the version."""
    found = {}
    for project in projects(root):
        for file in (*project.glob("src/*/__init__.py"), *project.glob("src/*/_version.py")):
            match = _VERSION.search(file.read_text(encoding="utf-8"))
            if match:
                found[file] = match[1]
    return found


def server_version(root: Path = ROOT) -> str:
    """The version of the server."""
    return versions(root)[root / "src" / "satmint" / "__init__.py"]


def sections(root: Path = ROOT) -> dict[str, str]:
    """The versions that the changelog describes, newest first, with their dates (ISO 8601)."""
    return dict(_SECTION.findall((root / "CHANGELOG.md").read_text(encoding="utf-8")))


def faults(tag: str, root: Path = ROOT) -> list[str]:
    """What keeps this source from being released under the tag; empty if nothing does."""
    found = [
        f"{file.relative_to(root)} says {version}, and the tag is {tag}"
        for file, version in versions(root).items()
        if tag != f"v{version}"
    ]
    if tag.removeprefix("v") not in sections(root):
        found.append(f"CHANGELOG.md has no section «## {tag.removeprefix('v')} – YYYY-MM-DD»")
    return found


def main(arguments: Sequence[str]) -> int:
    """Check the tag named, or with none, print the version of the server."""
    if not arguments:
        print(server_version())
        return 0
    for fault in faults(arguments[0]):
        print(fault, file=sys.stderr)
    return int(bool(faults(arguments[0])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
