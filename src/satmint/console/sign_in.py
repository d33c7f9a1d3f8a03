"""Signing in and out: with the link of `satmint console`, or as the manager of a project."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Final

from satmint.console.answering import Answering, Incoming
from satmint.console.context import ConsoleContext
from satmint.console.guard import is_cross_site_link
from satmint.console.page import Redirect
from satmint.console.request import ROOT, ConsoleRequest, read_query
from satmint.console.session import LINK_SECONDS, ConsoleSession, new_session
from satmint.console.used_marks import is_used, use
from satmint.console.viewer import Manager, Operator, Viewer
from satmint.http.call import Response
from satmint.model.permissions import MANAGEMENT, Permission
from satmint.model.refusals import Forbidden, RateLimited, Unauthorized

SIGN_IN: Final = f"{ROOT}/sign-in"
SIGN_OUT: Final = f"{ROOT}/sign-out"
_TEMPLATE: Final = "sign_in.html"
_TITLE: Final = "Sign in"
CSRF_FIELD: Final = "csrf_token"
_CODE: Final = "code"
_SESSION: Final = "session"


async def is_signed_in(context: ConsoleContext, session: ConsoleSession, now: int) -> bool:
    """Whether a session was not signed out, and a manager's API token still has its permission.

    Raises:
        StoreUnavailable: that cannot be looked up now.
    """
    store, viewer = context.services.store, session.viewer
    if await is_used(store, _SESSION, session.id, now):
        return False
    if not isinstance(viewer, Manager):
        return True
    token = await store.projects.api_token(viewer.project, viewer.api_token)
    return token is not None and Permission.MANAGEMENT in token.permissions


class SignIn:
    """Answers the requests that begin and end sessions, and checks those that have one."""

    def __init__(self, context: ConsoleContext, answering: Answering) -> None:
        self._context = context
        self._answering = answering

    async def session_of(self, incoming: Incoming) -> ConsoleSession | None:
        """The session of a request; None: it has none, or it is over.

        Whether it was signed out, and whether a manager's API token still exists, is looked up.

        Raises:
            StoreUnavailable: that cannot be looked up now.
        """
        text = incoming.values.get(incoming.cookies.session)
        if not text:
            return None
        session = self._context.seals.open_session(text, incoming.now)
        if session is None or not await is_signed_in(self._context, session, incoming.now):
            return None
        return session

    async def respond(
        self, method: str, incoming: Incoming, form: Mapping[str, Sequence[str]]
    ) -> Response | None:
        """Answer a request that begins or ends a session; None: it is another one."""
        path = incoming.path.rstrip("/")
        if path == ROOT and method == "GET":
            code = read_query(incoming.query_string).get("code")
            return None if code is None else await self._exchange(incoming, code)
        if path == SIGN_IN:
            if method == "POST":
                return await self._sign_in(incoming, form)
            if incoming.session is not None:
                return self._answering.redirect(incoming, Redirect(ROOT))
            return self._form(incoming, 200, {})
        if path == SIGN_OUT and method == "POST":
            return await self._sign_out(incoming, form)
        return None

    def ask(self, method: str, incoming: Incoming) -> Response:
        """Answer a request that needs a session and has none."""
        if method == "GET" and is_cross_site_link(incoming.headers) and not incoming.had_cookie:
            # The browser withheld the cookie, because a link of another site led here. It sends it
            # when the page that it got there loads itself.
            headers = [(b"refresh", b"0")]
            title = "Opening the console"
            return self._answering.document(
                incoming, 200, "opening.html", title, {}, headers=headers
            )
        query = incoming.query_string.decode("ascii", "replace")
        following = f"{incoming.path}?{query}" if query else incoming.path
        data = {"following": following if method == "GET" else "", "expired": incoming.had_cookie}
        return self._form(incoming, 401, data)

    def check_csrf_token(self, session: ConsoleSession, request: ConsoleRequest) -> None:
        """Check the CSRF token of a form, or of a script's header.

        Raises:
            Forbidden: it is missing or wrong.
        """
        self._check(session, request.text(CSRF_FIELD))

    def _check(self, session: ConsoleSession, sent: str) -> None:
        if not compare_digest(session.csrf_token.encode(), sent.encode()):
            raise Forbidden("csrf_token")

    async def _exchange(self, incoming: Incoming, code: str) -> Response:
        """Begin the operator's session with a sign-in code. The redirect takes it from the URL."""
        link = self._context.seals.open_code(code, incoming.now)
        store = self._context.services.store
        if link is None or not await use(store, _CODE, link.id, incoming.now):
            if incoming.session is not None:  # the link was opened a second time
                return self._answering.redirect(incoming, Redirect(ROOT))
            self._context.services.limits.count_failure(incoming.origin.address)
            text = (
                f"This sign-in link is not valid: it can be used once, within {LINK_SECONDS}"
                " seconds. Run satmint console for a new one."
            )
            incoming.session = None
            return self._form(incoming, 401, {"error": text})
        return self._begin(incoming, Operator(), ROOT)

    async def _sign_in(self, incoming: Incoming, form: Mapping[str, Sequence[str]]) -> Response:
        fields = {name: values[-1].strip() for name, values in form.items() if values}
        project, token = fields.get("project", ""), fields.get("api_token", "")
        following = fields.get("following", "")
        data = {"entered": project, "following": following}
        credentials = b64encode(f"{project}:{token}".encode()).decode()
        try:
            caller = await self._context.callers.authenticate_api_token(
                f"Basic {credentials}".encode(), MANAGEMENT, incoming.origin.address
            )
        except RateLimited as limited:
            text = f"Too many failed attempts. Try again in {limited.retry_after} seconds."
            return self._form(incoming, 429, {**data, "error": text})
        except Unauthorized as refused:
            self._context.metrics.refusals[refused.code, refused.cause] += 1
            text = (
                "Project id or API token is wrong, or the API token lacks the permission"
                " management."
            )
            return self._form(incoming, 401, {**data, "error": text})
        return self._begin(incoming, Manager(caller.project, caller.api_token), following)

    async def _sign_out(self, incoming: Incoming, form: Mapping[str, Sequence[str]]) -> Response:
        session = incoming.session
        if session is not None:
            self._check(session, next(iter(form.get(CSRF_FIELD, ())), ""))
            await use(self._context.services.store, _SESSION, session.id, incoming.now)
            incoming.session = None
        response = self._answering.redirect(incoming, Redirect(SIGN_IN, "You are signed out."))
        deletion = incoming.cookies.delete(incoming.cookies.session)
        return Response(response.status, response.body, (*response.headers, deletion))

    def _begin(self, incoming: Incoming, viewer: Viewer, following: str) -> Response:
        """Begin a session, and lead to the page that was asked for."""
        session = new_session(self._context.services.entropy, viewer, incoming.now)
        incoming.session = None  # the former one, if any
        path = following if _is_own_path(following) else ROOT
        response = self._answering.redirect(incoming, Redirect(path))
        cookie = incoming.cookies.set_session(self._context.seals.seal_session(session))
        return Response(response.status, response.body, (*response.headers, cookie))

    def _form(self, incoming: Incoming, status: int, data: Mapping[str, object]) -> Response:
        defaults = {"error": "", "entered": "", "following": "", "expired": False}
        return self._answering.document(incoming, status, _TEMPLATE, _TITLE, {**defaults, **data})


def _is_own_path(path: str) -> bool:
    """Whether a path that a form sent leads to a page of the console, and nowhere else."""
    is_text = path.isascii() and path.isprintable() and "\\" not in path
    return is_text and path.startswith(f"{ROOT}/") and not path.startswith(f"{ROOT}/sign-")
