"""The application of the admin listener."""

import dataclasses
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from satmint.http.application import Application
from satmint.http.cors import Cors
from satmint.http.local_addresses import is_address, is_this_machine
from satmint.http.navigation import is_navigation
from satmint.http.operations import HandlerContext
from satmint.http.resources import ADMIN_OPERATIONS

_NO_SUCH_PATH = "/-"

CONSOLE: Final = "/console"
"""The path of the console."""

MountedApp = ASGIApp
"""An application that serves the paths below one path."""


class RebindingGuard:
    """Middleware that rejects requests from web pages of other sites.

    The admin listener requires no credentials. A site can resolve its own name to the listener (DNS
    rebinding) and read it through a visitor's browser. Requests of browsers are recognized by their
    headers (Fetch Metadata). Programs may use any host name.
    """

    def __init__(self, app: ASGIApp, authority: str | None = None) -> None:
        """Wrap an application.

        Args:
            app: The application.
            authority: The name of the listener from outside, `host` or `host:port`, besides those
                of this machine and addresses. None: it has none.
        """
        self._app = app
        self._authority = authority

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        headers = dict(scope.get("headers", ()))
        host = headers.get(b"host", b"").decode("latin-1")
        # Without TLS, browsers send Fetch Metadata to this machine only; all use the console.
        by_browser = (
            b"sec-fetch-site" in headers
            or b"origin" in headers
            or _is_below(scope.get("path", ""), CONSOLE)
        )
        is_known = is_this_machine(host) or is_address(host) or host.lower() == self._authority
        if by_browser and not is_known:
            scope = {**scope, "path": _NO_SUCH_PATH}  # the application responds with 404
        await self._app(scope, receive, send)


class _Mounted:
    """Hands the paths below `path` to an application of their own, and leads browsers there."""

    def __init__(self, app: ASGIApp, path: str, mounted: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        path: str = scope.get("path", "")
        if path == "/" and is_navigation(scope.get("method", ""), dict(scope["headers"])):
            headers = [(b"location", self._path.encode()), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await (self._mounted if _is_below(path, self._path) else self._app)(scope, receive, send)


def _is_below(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}/")


def admin_application(
    context: HandlerContext, console: MountedApp | None = None, url: str | None = None
) -> RebindingGuard:
    """Return the application of the admin listener: its own operations, no gateway, no CORS.

    Args:
        context: What handlers need.
        console: Serves `/console`. None: there is no console.
        url: The URL of the admin listener from outside, in normal form. None: it has none.
    """
    admin_context = dataclasses.replace(context, gateway=None)
    app: ASGIApp = Application(admin_context, ADMIN_OPERATIONS, Cors(()))
    if console is not None:
        app = _Mounted(app, CONSOLE, console)
    return RebindingGuard(app, None if url is None else urlsplit(url).netloc)
