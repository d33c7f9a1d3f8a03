"""Middleware that restricts the control endpoint to requests from this machine."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from satmint.control.operations import is_control_path
from satmint.http.local_addresses import is_this_machine
from satmint.http.request_ids import RequestIds
from satmint.http.responder import Responder
from satmint.http.statuses import plain_error
from satmint.model.refusals import Code

_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host"})


class LocalOnly:
    """Rejects requests to the control endpoint from other machines and other web sites."""

    def __init__(self, app: ASGIApp, request_ids: RequestIds, responder: Responder) -> None:
        self._app = app
        self._request_ids = request_ids
        self._responder = responder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        if scope["type"] == "http" and is_control_path(scope["path"]):
            headers: dict[bytes, bytes] = dict(scope["headers"])
            if not _is_local(scope, headers):
                response, request_id = plain_error(Code.FORBIDDEN), self._request_ids.next()
                await self._responder.send(response, request_id, scope["method"], headers, send)
                return
        await self._app(scope, receive, send)


def _is_local(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a program or a page of this machine made a request.

    The control endpoint also requires an API token. But every program on the machine can read the
    demo project's token, and a web site can make a visitor's browser call this server. Such a
    request has the site's `Origin`, or a `Host` that the site resolved to this machine (DNS
    rebinding). A request through a proxy or a tunnel counts as remote.
    """
    client = scope["client"]
    if client is None or not ip_address(client[0]).is_loopback or _FORWARDED & headers.keys():
        return False
    origin = headers.get(b"origin")
    if origin is not None and not is_this_machine(origin.decode("latin-1").partition("://")[2]):
        return False
    return is_this_machine(headers.get(b"host", b"").decode("latin-1"))
