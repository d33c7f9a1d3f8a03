"""Responses of the console: pages, redirects with a message, and what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.guard import is_secure
from satmint.console.navigation import navigation
from satmint.console.page import Page, Redirect, View
from satmint.console.rendering import html_response, render
from satmint.console.request import ROOT, ConsoleRequest
from satmint.console.session import ConsoleSession, Cookies, Flash
from satmint.http.call import HeaderList, Response
from satmint.model.events import Origin

_RELOAD_SECONDS: Final = 3
_NAVIGATE: Final = b"navigate"
_EVENTS: Final = b"text/event-stream"
_BACKGROUND: Final = b"x-background"
"""Our scripts send this header: without TLS, browsers send Fetch Metadata to this machine only."""


@dataclass(slots=True, kw_only=True)
class Incoming:
    """A request before its page is known, and what is learnt of it."""

    path: str
    query_string: bytes
    headers: Mapping[bytes, bytes]
    """By lower-case name; the last value of a repeated header."""
    scheme: str
    origin: Origin
    now: int
    """Unix seconds."""
    session: ConsoleSession | None = None
    had_cookie: bool = False
    """Whether it has a session's cookie, good or not."""
    request: ConsoleRequest | None = None
    cookies: Cookies
    values: Mapping[str, str]
    """The values of its cookies, by name."""

    @classmethod
    def of(
        cls,
        path: str,
        query_string: bytes,
        headers: Mapping[bytes, bytes],
        scheme: str,
        origin: Origin,
        now: int,
    ) -> "Incoming":
        """Read the cookies of a request."""
        host = headers.get(b"host", b"").decode("latin-1")
        cookies = Cookies(host, secure=is_secure(scheme, headers))
        values = cookies.read(headers.get(b"cookie", b"").decode("latin-1"))
        return cls(
            path=path,
            query_string=query_string,
            headers=headers,
            scheme=scheme,
            origin=origin,
            now=now,
            had_cookie=cookies.session in values,
            cookies=cookies,
            values=values,
        )

    @property
    def is_navigation(self) -> bool:
        """Whether a person opened a page. False: a script of a page asked for it."""
        by_script = _BACKGROUND in self.headers or self.headers.get(b"accept") == _EVENTS
        return not by_script and self.headers.get(b"sec-fetch-mode", _NAVIGATE) == _NAVIGATE


class Answering:
    """Makes responses."""

    def __init__(self, context: ConsoleContext, pages: Sequence[Page]) -> None:
        """Prepare.

        Args:
            context: What pages need.
            pages: The pages of the navigation.
        """
        self._context = context
        self._pages = pages

    def page(self, incoming: Incoming, page: Page | None, view: View) -> Response:
        """A page of somebody who is signed in."""
        title = view.title or ("" if page is None else page.title)
        return self.document(incoming, view.status, view.template, title, view.data, page)

    def redirect(self, incoming: Incoming, redirect: Redirect) -> Response:
        """Lead to another page of the console (303, RFC 9110, section 15.4.4).

        Raises:
            ValueError: the path is none of the console: a mistake in a page.
        """
        if not redirect.path.startswith(ROOT) or "\r" in redirect.path or "\n" in redirect.path:
            raise ValueError("a redirect leads to a page of the console")
        headers = [(b"location", redirect.path.encode("ascii")), *self._session_headers(incoming)]
        if redirect.message:
            sealed = self._context.seals.seal_flash(Flash(redirect.message, redirect.tone))
            headers.append(incoming.cookies.set_flash(sealed))
        return html_response(303, "", headers)

    def problem(self, incoming: Incoming, status: HTTPStatus, text: str = "") -> Response:
        """A page that says what went wrong."""
        data = {"status": status.value, "text": text, "request_id": incoming.origin.request_id}
        return self.document(incoming, status, "problem.html", status.phrase, data)

    def unavailable(self, incoming: Incoming) -> Response:
        """The page while the database cannot be used. It loads itself again."""
        retry = str(_RELOAD_SECONDS).encode()
        headers = [(b"retry-after", retry)]
        if incoming.headers.get(b"sec-fetch-dest", b"document") == b"document":
            headers.append((b"refresh", retry))
        data = {"seconds": _RELOAD_SECONDS}
        title = "Database unavailable"
        return self.document(incoming, 503, "unavailable.html", title, data, headers=headers)

    def document(
        self,
        incoming: Incoming,
        status: int,
        template: str,
        title: str,
        data: Mapping[str, object],
        page: Page | None = None,
        headers: HeaderList = (),
    ) -> Response:
        """A rendered template, with the variables that every one has."""
        session, request = incoming.session, incoming.request
        flash = self._flash(incoming)
        variables = {
            "title": title,
            "now": incoming.now,
            "session": session,
            "request": request,
            "project": None if request is None else request.current,
            "csrf_token": "" if session is None else session.csrf_token,
            "flash": flash,
            "navigation": navigation(self._pages, page, request),
            "path": incoming.path,
            "public_url": self._context.public_url,
            "is_development": self._context.is_development,
            **data,
        }
        sent = [*headers, *self._session_headers(incoming)]
        if flash is not None:
            sent.append(incoming.cookies.delete(incoming.cookies.flash))
        return html_response(status, render(template, variables), sent)

    def _flash(self, incoming: Incoming) -> Flash | None:
        """The message for the next page that a person sees."""
        text = incoming.values.get(incoming.cookies.flash)
        if text is None or not incoming.is_navigation:
            return None
        return self._context.seals.open_flash(text)

    def _session_headers(self, incoming: Incoming) -> HeaderList:
        """The cookie of a session that goes on. What scripts ask for does not prolong it."""
        session = incoming.session
        if session is None:
            return ()
        current = None if incoming.request is None else incoming.request.current
        if not incoming.is_navigation:
            return ()
        seen = session.seen(incoming.now, None if current is None else current.id)
        if seen is session:
            return ()
        return (incoming.cookies.set_session(self._context.seals.seal_session(seen)),)
