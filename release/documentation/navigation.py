"""Which page stands where in the sidebar.

Each document has exactly one place: what is forgotten here fails the build. `*` in a line
stands for all documents whose paths fit, by name. A page below another may be named before there
is one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from release.documentation.places import START

Chapters = Mapping[str, Sequence[str]]
"""Headings of the sidebar, or pages, with the paths of documents."""

CHAPTERS: Final[Chapters] = {
    "Start": ("docs/try.md", "docs/console.md"),
    "Use": ("docs/guides/README.md", "packages/satmint-sdk/README.md"),
    "Understand": ("docs/concepts/README.md", "docs/glossary.md"),
    "Look up": (
        "docs/reference/http-api.md",
        "docs/reference/errors.md",
        "docs/reference/events.md",
        "docs/reference/gateway.md",
        "docs/reference/sdk.md",
        "docs/reference/command-line.md",
        "docs/reference/settings.md",
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
    "docs/concepts/README.md": (
        "docs/concepts/projects-subscribers-addresses.md",
        "docs/concepts/life-of-a-token.md",
        "docs/concepts/rotation-and-replay.md",
        "docs/concepts/*",
    ),
    "docs/guides/README.md": (
        "docs/guides/recipes.md",
        "docs/guides/from-the-cloud.md",
        "docs/guides/signed-in-user.md",
        "docs/guides/guest.md",
        "docs/guides/embed.md",
        "docs/guides/invite.md",
        "docs/guides/backend-refresh.md",
        "docs/guides/client-bound.md",
        "docs/guides/live-session.md",
        "docs/guides/protect-your-api.md",
        "docs/guides/real-programs.md",
        "docs/guides/repeating.md",
        "docs/guides/testing.md",
        "packages/pytest-satmint/README.md",
        "docs/guides/*",
    ),
    "docs/deploy/README.md": (
        "docs/deploy/one-machine.md",
        "docs/deploy/one-machine-postgresql.md",
        "docs/deploy/kubernetes.md",
        "docs/deploy/load-balancer.md",
        "docs/deploy/*",
    ),
    "docs/adr/README.md": ("docs/adr/*",),
    "docs/performance.md": ("docs/hardware.md", "benchmarks/README.md"),
    "docs/reference/sdk.md": (
        "docs/reference/sdk/satmint_sdk.rest.md",
        "docs/reference/sdk/satmint_sdk.rest.*",
        "docs/reference/sdk/satmint_sdk.credentials.md",
        "docs/reference/sdk/satmint_sdk.verify.md",
        "docs/reference/sdk/*",
    ),
    "packages/satmint-sdk/README.md": ("packages/satmint-signalwire/README.md",),
}
"""The pages below a page of the sidebar. The first line that fits a page places it."""
TITLES: Final[Mapping[str, str]] = {
    "packages/satmint-sdk/README.md": "The Python SDK",
    "packages/satmint-signalwire/README.md": "The vendor's import name",
    "packages/pytest-satmint/README.md": "The pytest plugin",
    "benchmarks/README.md": "How it is measured",
}
"""Names in the sidebar, where the heading of the page is not enough."""


class Misplaced(Exception):
    """A document has no place in the navigation, or two; or the navigation names none."""


@dataclass(frozen=True, slots=True)
class Navigation:
    """The pages of the site, in their order."""

    chapters: Mapping[str, Sequence[str]]
    """`CHAPTERS` with the paths of the documents that there are."""
    below: Mapping[str, Sequence[str]]
    """`BELOW`, in the same way."""


def navigation(documents: Iterable[str], chapters: Chapters, below: Chapters) -> Navigation:
    """Place every document.

    Args:
        documents: The paths of all documents.
        chapters: As `CHAPTERS`.
        below: As `BELOW`.

    Raises:
        Misplaced: see there.
    """
    known = sorted(documents)
    found = Navigation(
        {title: _fitting(known, patterns) for title, patterns in chapters.items()},
        {
            parent: [page for page in _fitting(known, patterns) if page != parent]
            for parent, patterns in below.items()
        },
    )
    lists = (*found.chapters.values(), *found.below.values())
    placed = [START, *(page for pages in lists for page in pages)]
    named = {name for names in (*chapters.values(), below) for name in names if "*" not in name}
    wrong = {*placed} ^ {*known} or {page for page in placed if placed.count(page) > 1}
    wrong |= named - {*known}
    if wrong:
        raise Misplaced(
            "each document has one place in release/documentation/navigation.py, and each place one"
            f" document; these do not: {', '.join(sorted(wrong))}"
        )
    return found


def _fitting(known: Sequence[str], patterns: Iterable[str]) -> list[str]:
    """The documents that fit one of the patterns, in the order of these."""
    found = (page for pattern in patterns for page in known if fnmatchcase(page, pattern))
    return list(dict.fromkeys(found))
