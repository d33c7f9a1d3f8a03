"""The console as an ASGI application.

The order is fixed: who caused the request, route, session, project, CSRF token, handler. A page
that is refused does not differ from one that does not exist.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from satmint.console.answering import Answering, Incoming
from satmint.console.assets import asset
from satmint.console.context import ConsoleContext
from satmint.console.guard import is_from_elsewhere
from satmint.console.page import Page, Redirect, Stream, View
from satmint.console.pages import PAGES
from satmint.console.rendering import HEADERS
from satmint.console.request import ROOT, ConsoleRequest, read_form
from satmint.console.routing import Match, Routes
from satmint.console.session import ConsoleSession
from satmint.console.sign_in import SignIn
from satmint.console.viewer import Manager
from satmint.console.viewing import console_request
from satmint.http.call import Response
from satmint.http.event_stream import EventStream
from satmint.http.request_body import BodyTooLarge, ClientDisconnected, read_body
from satmint.http.request_ids import RequestIds
from satmint.http.statuses import STATUS
from satmint.model.events import AGENT_LIMIT, Origin
from satmint.model.refusals import Forbidden, NotFound, Refusal, StoreUnavailable, Unprocessable

_METHODS: Final = ("GET", "HEAD", "POST")
_METRIC: Final = "console"


class Console:
    """Serves the pages. Paths outside of `/console` are not for it."""

    def __init__(self, context: ConsoleContext, pages: Sequence[Page] = PAGES) -> None:
        self.context = context
        self.pages = [page for page in pages if context.is_development or not page.development_only]
        self._routes = Routes(self.pages)
        self._answering = Answering(context, self.pages)
        self._sign_in = SignIn(context, self._answering)
        self._request_ids = RequestIds(context.services.entropy)
        self._log = structlog.get_logger("satmint.console")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        method: str = scope["method"]
        incoming = self._incoming(scope)
        try:
            response = await self._respond(method, incoming, receive)
        except ClientDisconnected:
            return
        except Exception as error:  # noqa: BLE001 - maps every exception to a page
            response = self._error_page(error, incoming)
        known = method if method in _METHODS else "-"
        request_id = incoming.origin.request_id
        if isinstance(response, Stream):
            self.context.metrics.requests[known, _METRIC, 200] += 1
            await response.app(scope, receive, _with_headers(request_id, send))
            return
        self.context.metrics.requests[known, _METRIC, response.status] += 1
        await _send(response, request_id, method, receive, send)

    def _incoming(self, scope: Scope) -> Incoming:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        address: str = scope["client"][0] if scope["client"] else ""
        origin = Origin(self._request_ids.next(), address, agent[:AGENT_LIMIT])
        return Incoming.of(
            scope["path"],
            scope["query_string"],
            headers,
            scope["scheme"],
            origin,
            self.context.clock.now(),
        )

    async def _respond(
        self, method: str, incoming: Incoming, receive: Receive
    ) -> Response | Stream:
        file = asset(incoming.path)
        if file is not None and method in ("GET", "HEAD"):
            return file
        if method not in _METHODS:
            return self._answering.problem(incoming, HTTPStatus.METHOD_NOT_ALLOWED)
        if is_from_elsewhere(method, incoming.headers):
            raise Forbidden("from_elsewhere")
        body = await read_body(incoming.headers, receive) if method == "POST" else b""
        form = read_form(body)
        incoming.session = await self._sign_in.session_of(incoming)
        answered = await self._sign_in.respond(method, incoming, form)
        if answered is not None:
            return answered
        if incoming.session is None:
            return self._sign_in.ask(method, incoming)
        return await self._page(method, incoming, incoming.session, form)

    async def _page(
        self,
        method: str,
        incoming: Incoming,
        session: ConsoleSession,
        form: Mapping[str, Sequence[str]],
    ) -> Response | Stream:
        if incoming.path.rstrip("/") == ROOT:
            return self._answering.redirect(incoming, Redirect(self._home(session)))
        match = self._routes.match(incoming.path)
        if match is None or not self._may_open(match, session):
            raise NotFound("page")
        request = await console_request(self.context, match, incoming, session, form)
        incoming.request = request
        handler = match.handler(method)
        if handler is None:
            return self._answering.problem(incoming, HTTPStatus.METHOD_NOT_ALLOWED)
        if method == "POST":
            self._sign_in.check_csrf_token(session, request)
        try:
            answer = await handler(self.context, request)
        except Unprocessable as refused:
            # What the handler did not show beside its form.
            text = " ".join(f"{error.message}." for error in refused.field_errors)
            answer = View("refused.html", {"text": text}, status=422)
        else:
            if method == "POST":
                self._log_change(match, request)
        if isinstance(answer, View):
            return self._answering.page(incoming, match.page, answer)
        if isinstance(answer, Redirect):
            return self._answering.redirect(incoming, answer)
        return answer

    def _log_change(self, match: Match, request: ConsoleRequest) -> None:
        self._log.info(
            "console_change",
            page=match.page.path,
            action="" if match.action is None else match.action.name,
            viewer=request.viewer.label,
            project=str(request.project.id) if match.page.is_of_project else None,
            request_id=request.origin.request_id,
            address=request.origin.address,
        )

    def _home(self, session: ConsoleSession) -> str:
        viewer = session.viewer
        if isinstance(viewer, Manager):
            return f"{ROOT}/projects/{viewer.project}/overview"
        return f"{ROOT}/overview"

    def _may_open(self, match: Match, session: ConsoleSession) -> bool:
        """Whether the viewer may open a page; whether it may see the project is checked later."""
        is_operator = not isinstance(session.viewer, Manager)
        return is_operator or match.page.is_of_project or match.page.for_managers

    def _error_page(self, error: Exception, incoming: Incoming) -> Response:
        if isinstance(error, BodyTooLarge):
            return self._answering.problem(incoming, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not isinstance(error, Refusal):
            self._log.error("failed", request_id=incoming.origin.request_id, exc_info=error)
            return self._answering.problem(incoming, HTTPStatus.INTERNAL_SERVER_ERROR)
        if not isinstance(error, NotFound):  # a page that does not exist is no refusal of a token
            self.context.metrics.refusals[error.code, error.cause] += 1
        status = HTTPStatus(STATUS[error.code])
        self._log.info(
            "refused",
            code=error.code,
            cause=error.cause,
            request_id=incoming.origin.request_id,
            address=incoming.origin.address,
        )
        if isinstance(error, StoreUnavailable):
            return self._answering.unavailable(incoming)
        return self._answering.problem(incoming, status)


async def _send(
    response: Response, request_id: str, method: str, receive: Receive, send: Send
) -> None:
    headers = [*response.headers]
    if not isinstance(response, EventStream):
        headers.append((b"content-length", b"%d" % len(response.body)))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    await _with_headers(request_id, send)(start)
    if isinstance(response, EventStream):
        with suppress(OSError):  # the browser has left
            await response.send_events(method, receive, send)
        return
    body = b"" if method == "HEAD" else response.body
    await send({"type": "http.response.body", "body": body})


def _with_headers(request_id: str, send: Send) -> Send:
    """Add the headers that every response of the console has."""
    more = (*HEADERS, (b"x-request-id", request_id.encode("ascii")))

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return send_with_headers
