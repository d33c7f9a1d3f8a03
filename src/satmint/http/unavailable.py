"""The application of a server whose database cannot be used yet: it is alive, and says so."""

from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from satmint.http.call import Response, json_response
from satmint.http.cors import Cors
from satmint.http.navigation import is_navigation
from satmint.http.request_ids import SCOPE_KEY, RequestIds
from satmint.http.responder import Responder
from satmint.http.statuses import refusal_response
from satmint.http.upgrades import denial
from satmint.model.entropy import Entropy
from satmint.model.refusals import NotReady, StoreUnavailable

_UNAVAILABLE: Final = 503
_RELOAD: Final = (b"refresh", b"3")


class UnavailableApplication:
    """Answers `/livez` with 200 and everything else with 503 and `Retry-After`."""

    def __init__(
        self, entropy: Entropy, cors: Cors, public_url: str, cause: Callable[[], str]
    ) -> None:
        """Create the application.

        Args:
            entropy: For request ids.
            cors: The rules for pages of other origins.
            public_url: The server's URL from outside, without a slash at the end.
            cause: Why the database cannot be used, for `/readyz`.
        """
        self._cause = cause
        self._request_ids = RequestIds(entropy)
        self._responder = Responder(cors, f"{public_url}/errors")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        request_id = scope.get(SCOPE_KEY) or self._request_ids.next()
        path = scope["path"]
        refusal = (NotReady if path == "/readyz" else StoreUnavailable)(self._cause())
        response = refusal_response(refusal, self._responder.errors_url)
        if scope["type"] != "http":
            await receive()
            for message in denial(response, request_id):
                await send(message)
            return
        if path == "/livez" and scope["method"] in ("GET", "HEAD"):
            response = json_response(200, {"status": "ok"})
        headers = dict(scope["headers"])
        if response.status == _UNAVAILABLE and is_navigation(scope["method"], headers):
            # A browser loads the page again, until the database can be used.
            response = Response(response.status, response.body, (*response.headers, _RELOAD))
        await self._responder.send(response, request_id, scope["method"], headers, send)
