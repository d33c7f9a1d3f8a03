"""Which page stands where in the sidebar.

Each document has exactly one place: what is forgotten here, or is no document, fails the build.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from release.documentation.places import START

Chapters = Mapping[str, Sequence[str]]
"""Headings of the sidebar with the paths of documents."""

CHAPTERS: Final[Chapters] = {
    "Start": ("docs/try.md", "docs/console.md"),
    "Use": ("docs/guides/README.md", "packages/satmint-sdk/README.md"),
    "Look up": (
        "docs/reference/http-api.md",
        "docs/reference/errors.md",
        "docs/reference/events.md",
        "docs/reference/gateway.md",
        "docs/reference/sdk.md",
        "docs/reference/command-line.md",
        "docs/reference/settings.md",
        "docs/glossary.md",
    ),
    "Operate": (
        "docs/deploy/README.md",
        "docs/operating.md",
        "docs/troubleshooting.md",
        "docs/many-machines.md",
        "docs/high-availability.md",
        "docs/performance.md",
    ),
    "Trust": ("SECURITY.md", "docs/threat-model.md", "docs/proof.md"),
    "Change": ("CONTRIBUTING.md", "docs/adr/README.md", "CHANGELOG.md"),
}
BELOW: Final[Chapters] = {
    "docs/guides/README.md": ("docs/guides/*", "packages/pytest-satmint/README.md"),
    "docs/deploy/README.md": ("docs/deploy/*",),
    "docs/adr/README.md": ("docs/adr/*",),
    "docs/performance.md": ("benchmarks/README.md",),
    "docs/reference/sdk.md": ("docs/reference/sdk/*",),
    "packages/satmint-sdk/README.md": ("packages/satmint-signalwire/README.md",),
}
"""The pages below a page of the sidebar; `*` stands for all whose names fit, in order."""


class Misplaced(Exception):
    """A document has no place in the navigation, or two; or the navigation names none."""


def pages_below(documents: Iterable[str]) -> dict[str, list[str]]:
    """`BELOW` with the names of all pages.

    Raises:
        Misplaced: see there.
    """
    known = sorted(documents)
    below = {
        parent: [
            page
            for pattern in patterns
            for page in known
            if fnmatchcase(page, pattern) and page != parent
        ]
        for parent, patterns in BELOW.items()
    }
    placed = [START, *(page for pages in (*CHAPTERS.values(), *below.values()) for page in pages)]
    wrong = {*placed} ^ {*known} or {page for page in placed if placed.count(page) > 1}
    if wrong:
        raise Misplaced(f"not once in the navigation or no document: {', '.join(sorted(wrong))}")
    return below
