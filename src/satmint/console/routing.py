"""Finds the page and the action of a path."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from satmint.console.page import Action, Handler, Page
from satmint.console.request import ROOT

_PLACEHOLDER: Final = re.compile(r"\\\{(\w+)\\\}")


class Match(NamedTuple):
    """What a path denotes."""

    page: Page
    action: Action | None
    params: dict[str, str]

    def handler(self, method: str) -> Handler | None:
        """What answers a method: GET, HEAD or POST. None: nothing does."""
        if method == "POST":
            return None if self.action is None else self.action.perform
        return self.page.show if self.action is None else self.action.confirm


class Routes:
    """The paths of the pages. Paths without placeholders go first."""

    def __init__(self, pages: Iterable[Page]) -> None:
        entries: list[tuple[str, Page, Action | None]] = []
        for page in pages:
            entries.append((page.path, page, None))
            entries += [(f"{page.path}/{action.name}", page, action) for action in page.actions]
        # More literal parts first: `/sessions/revoke` is no session.
        entries.sort(key=lambda entry: entry[0].count("{"))
        self._patterns = [
            (re.compile(_pattern(f"{ROOT}{path}")), page, action) for path, page, action in entries
        ]

    def match(self, path: str) -> Match | None:
        """What a path denotes; None: nothing."""
        path = path.rstrip("/") or path
        for pattern, page, action in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                return Match(page, action, found.groupdict())
        return None


def _pattern(path: str) -> str:
    return _PLACEHOLDER.sub(r"(?P<\1>[^/]+)", re.escape(path))
