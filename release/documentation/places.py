"""Which documents are on the site, and where."""

from pathlib import Path, PurePosixPath
from typing import Final

START: Final = "README.md"
"""The first page."""
NOT_ON_THE_SITE: Final = frozenset({"docs/README.md"})
"""The index for readers of the repository, who have no sidebar. Links to it lead to `START`."""

_PATTERNS: Final = ("*.md", "docs/**/*.md", "packages/*/README.md", "benchmarks/README.md")


def documents(root: Path) -> list[str]:
    """The paths of all documents in the repository `root` that are on the site."""
    found = {
        file.relative_to(root).as_posix() for pattern in _PATTERNS for file in root.glob(pattern)
    }
    return sorted(found - NOT_ON_THE_SITE)


def site_path(path: str) -> str:
    """Where a file of the repository is on the site, such as `guides/index.md`."""
    if path == START or path in NOT_ON_THE_SITE:
        return "index.md"
    parts = PurePosixPath(path).parts
    if parts[0] == "docs":
        inner = PurePosixPath(*parts[1:])
        return str(inner.with_name("index.md") if inner.name == "README.md" else inner)
    if path.endswith(".md"):
        return f"{PurePosixPath(*parts[:-1])}.md" if len(parts) > 1 else path.lower()
    # A package must not hold programs that are none of its modules.
    return f"source/{path}.txt" if path.endswith(".py") else f"source/{path}"
