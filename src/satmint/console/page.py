"""How a page of the console is declared. See `satmint.console.pages`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from starlette.types import ASGIApp

from satmint.console.context import ConsoleContext
from satmint.console.request import ConsoleRequest
from satmint.http.call import Response


class Section(Enum):
    """A heading of the navigation. The value is shown."""

    OVERVIEW = "Overview"
    """Shown without its heading."""
    PROJECT = "Project"
    SECURITY = "Credentials"
    DELIVERY = "Activity"
    DEPLOYMENT = "Deployment"
    DEVELOPMENT = "Development"
    """On development servers only."""


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """The place of a page in the navigation."""

    section: Section
    order: int
    """Within the section, ascending."""
    icon: str
    """The name of a symbol in `icons.py`."""


@dataclass(frozen=True, slots=True)
class View:
    """A page to show."""

    template: str
    """A file of `templates/`, which extends `page.html`."""
    data: Mapping[str, object] = field(default_factory=dict)
    """The variables of the template, in addition to those of every page."""
    title: str | None = None
    """Instead of the page's title."""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on to another page of the console, which shows a message."""

    path: str
    """The path with `/console`, and a query; from `ConsoleRequest.project_path` or `link`."""
    message: str = ""
    tone: str = "good"
    """`good` or `bad`."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is sent bit by bit, such as live events."""

    app: ASGIApp
    """Answers the request (ASGI 3). The console's headers are added to its own."""


Answer = View | Redirect | Response | Stream
"""A `Response` is sent as it is, with the console's headers: for files to download, and for
server-sent events (`satmint.http.event_stream`)."""
Handler = Callable[[ConsoleContext, ConsoleRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Action:
    """A change, with POST to the page's path and `/<name>`. The CSRF token is checked before."""

    name: str
    perform: Handler
    confirm: Handler | None = None
    """The page that asks first, with GET at the same path; see `confirmation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page."""

    path: str
    """Below `/console`, with placeholders in braces. Paths that begin with `/projects/{project}`
    are for the operator and the project's manager; all others are for the operator."""
    title: str
    show: Handler
    """Answers GET. It must change nothing."""
    navigation: NavigationItem | None = None
    """Its place in the navigation; None: other pages lead to it."""
    actions: Sequence[Action] = ()
    for_managers: bool = False
    """Whether managers may open it although its path names no project."""
    development_only: bool = False
    """Whether it exists on development servers only."""

    @property
    def is_of_project(self) -> bool:
        """Whether its path names a project."""
        return self.path.startswith("/projects/{project}")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The question before a change: what will happen, and to how many."""

    title: str
    text: str
    """What will happen, in the future tense, with the number: «3 sessions will be revoked.»"""
    button: str
    """A verb and its object: `Revoke 3 sessions`."""
    cancel: str
    """The path to return to."""
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """Hidden fields that the form sends."""
    points: Sequence[str] = ()
    """More that will happen, or that will not."""
    dangerous: bool = True
    typed: str | None = None
    """A word that has to be typed, for what cannot be undone; the field is named `typed`."""


def confirmation(question: Confirmation) -> View:
    """The page that asks before a change. Its form is sent to the path at which it is shown."""
    return View("confirm.html", {"question": question}, question.title)
