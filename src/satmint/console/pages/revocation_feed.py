"""Who listens to the feed of revocations of this server, and how far behind everybody is.

The operator sees the listeners of all projects, a manager those of one project. Every worker of
this server is asked; other servers of the same database have listeners of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.console.context import ConsoleContext
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.revocation_status import FeedStatus, ListenerStatus
from satmint.model.times import duration

_SHOWN: Final = 50
"""Rows; those that are furthest behind come first."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker of this server."""

    number: int
    state: str
    tone: str
    read_ago: str
    listeners: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A listener."""

    status: ListenerStatus
    worker: int
    project_name: str
    token_name: str | None
    """None: the API token was deleted."""
    since: int
    """Unix seconds, by the clock of the console."""
    behind: str


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    feeds = await context.feeds()
    mine = None if request.is_operator or request.current is None else request.current.id
    found = [
        (one, number)
        for number, feed in enumerate(feeds)
        for one in (() if feed is None else feed.listeners)
        if request.is_operator or one.project == mine
    ]
    found.sort(key=lambda pair: (-pair[0].behind_seconds, pair[0].seconds))
    rows = await _rows(context, request, found[:_SHOWN])
    data = {
        "rows": rows,
        "more": max(len(found) - _SHOWN, 0),
        "workers": [_worker(number, feed, mine) for number, feed in enumerate(feeds)],
    }
    return View("revocation_feed.html", data)


def _worker(number: int, feed: FeedStatus | None, project: UUID | None) -> _Worker:
    if feed is None:
        return _Worker(number, "does not respond", "bad", "unknown", 0)
    count = sum(project in (None, one.project) for one in feed.listeners)
    if not feed.is_wanted:
        return _Worker(number, "nobody listens", "", "–", count)
    if feed.read_seconds is None:
        return _Worker(number, "not read yet", "warn", "never", count)
    state, tone = ("up to date", "good") if feed.is_fresh else ("behind: no heartbeats", "bad")
    return _Worker(number, state, tone, f"{_seconds(feed.read_seconds)} ago", count)


async def _rows(
    context: ConsoleContext, request: ConsoleRequest, found: Sequence[tuple[ListenerStatus, int]]
) -> Sequence[_Row]:
    """Listeners with the names of their projects and API tokens, each of which is read once."""
    projects = context.services.store.projects
    names: dict[UUID, str] = {}
    tokens: dict[UUID, str | None] = {}
    for one, _ in found:
        if one.project not in names:
            project = await projects.get(one.project)
            names[one.project] = "" if project is None else project.name
        if one.api_token not in tokens:
            token = await projects.api_token(one.project, one.api_token)
            tokens[one.api_token] = None if token is None else token.name or "unnamed"
    return [
        _Row(
            one,
            number,
            names[one.project],
            tokens[one.api_token],
            request.now - int(one.seconds),
            _seconds(one.behind_seconds) if one.pending or one.behind_seconds else "",
        )
        for one, number in found
    ]


def _seconds(seconds: float) -> str:
    """A duration, to a tenth of a second if it is short."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(int(seconds))


PAGE: Final = Page(
    path="/revocation-feed",
    title="Revocation feed",
    show=_show,
    navigation=NavigationItem(Section.DELIVERY, 40, "live"),
    for_managers=True,
)
