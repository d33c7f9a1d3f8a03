"""The navigation: the pages that a viewer may open, by section."""

from collections.abc import Sequence
from dataclasses import dataclass

from satmint.console.page import Page, Section
from satmint.console.request import ROOT, ConsoleRequest


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the navigation."""

    title: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A section with its links."""

    title: str
    entries: Sequence[Entry]


def navigation(
    pages: Sequence[Page], shown: Page | None, request: ConsoleRequest | None
) -> list[Group]:
    """The groups of links; none if nobody is signed in.

    Args:
        pages: All pages.
        shown: The page that is shown.
        request: The request.
    """
    if request is None:
        return []
    groups, current = [], _entry_of(shown, pages)
    for section in Section:
        entries = [
            (page.navigation.order, Entry(page.title, url, page.navigation.icon, page is current))
            for page in pages
            if page.navigation is not None
            and page.navigation.section is section
            and (url := _url(page, request)) is not None
        ]
        if entries:
            entries.sort(key=lambda entry: entry[0])
            groups.append(Group(section.value, [entry for _, entry in entries]))
    return groups


def _url(page: Page, request: ConsoleRequest) -> str | None:
    """The URL of a page for this viewer; None: there is none."""
    if page.is_of_project:
        current = request.current
        if current is None:
            return None
        return f"{ROOT}{page.path.replace('{project}', str(current.id))}"
    if request.is_operator or page.for_managers:
        return f"{ROOT}{page.path}"
    return None


def _entry_of(shown: Page | None, pages: Sequence[Page]) -> Page | None:
    """The page of the navigation to which a page belongs: itself, or the list of a detail."""
    if shown is None:
        return None
    above = [
        page
        for page in pages
        if page.navigation is not None
        and page.is_of_project == shown.is_of_project
        and (shown.path == page.path or shown.path.startswith(f"{page.path}/"))
    ]
    return max(above, key=lambda page: len(page.path), default=None)
