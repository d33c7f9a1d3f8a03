"""Protects ASGI applications: Starlette, Quart, Litestar, or none of them.

app = TokenMiddleware(app, verifier, base_url="https://api.example.com")
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

from satmint_sdk._secrets import SecretText
from satmint_sdk.verify import AsyncVerifier, CannotVerify, TokenRefused, VerifiedToken
from satmint_sdk.verify._requests import (
    SEEN,
    ErrorAnswer,
    RequestParts,
    Rules,
    answer_of,
    averify_request,
    encoded_path,
    realm_of,
)

__all__ = ["TokenMiddleware", "TokenScopes", "TokenUser"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_DENIAL: Final = "websocket.http.response"
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN_LATER: Final = 1013


class TokenUser:
    """The subscriber, as `request.user` of Starlette.

    Attributes:
        token: What is known about the token.
    """

    is_authenticated: Final = True

    def __init__(self, token: VerifiedToken) -> None:
        self.token = token

    @property
    def identity(self) -> str:
        """The id of the subscriber."""
        return self.token.subscriber

    @property
    def display_name(self) -> str:
        """The id of the subscriber: a token has no name."""
        return self.token.subscriber

    def __repr__(self) -> str:
        return f"<TokenUser {self.token.subscriber}>"


class TokenScopes:
    """The scopes, as `request.auth` of Starlette: `@requires("sat:refresh")` reads them.

    Attributes:
        scopes: Those of the token, and `authenticated`.
    """

    def __init__(self, token: VerifiedToken) -> None:
        self.scopes: list[str] = ["authenticated", *sorted(token.scope)]


class TokenMiddleware:
    """Answers requests without a good SAT itself, and tells the application of the others.

    The application finds the `VerifiedToken` at `scope["state"]["satmint"]`, which is
    `request.state.satmint` in Starlette, a `TokenUser` at `scope["user"]`, and `TokenScopes` at
    `scope["auth"]`. WebSockets are refused before they are accepted. Middleware for CORS belongs
    around this one: preflight requests have no token.

    Args:
        app: The application.
        verifier: Verifies the tokens. The application opens and closes it.
        base_url: What stands before the path of a request, as clients know it, such as
            `https://api.example.com`. Proofs are checked against it, and no header of the request
            changes it.
        scope: The scopes that a token must have, all of them.
        address: The id of an address that it must be good for.
        address_param: The path parameter that has the id of such an address; for a middleware of a
            route of Starlette.
        public: Paths that need no token, each compared as a whole.

    Raises:
        ValueError: `base_url` is no http or https URL.
    """

    def __init__(
        self,
        app: Application,
        verifier: AsyncVerifier,
        *,
        base_url: str,
        scope: str | Iterable[str] = (),
        address: str | None = None,
        address_param: str | None = None,
        public: Collection[str] = (),
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._rules = Rules.of(base_url, scope, address, address_param)
        self._public = frozenset(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            raise NotImplementedError(f"connections of type {scope['type']!r} have no token")
        if scope["type"] == "http" and scope["path"] in self._public:
            await self._app(scope, receive, send)
            return
        try:
            token = await verify_connection(self._verifier, self._rules, scope)
        except (TokenRefused, CannotVerify) as error:
            await _refuse(answer_of(error), scope, receive, send)
            return
        told = {"user": TokenUser(token), "auth": TokenScopes(token)}
        await self._app({**scope, **told}, receive, send)


async def verify_connection(verifier: AsyncVerifier, rules: Rules, scope: Scope) -> VerifiedToken:
    """Verify the token of an HTTP request or of a WebSocket, once for each verifier.

    A route may be protected more than once, and a proof is good once.

    Raises:
        TokenRefused: It is not good for this.
        CannotVerify: The server cannot be asked.
    """
    by, seen = scope.get(SEEN, (None, None))
    token: VerifiedToken = (
        seen if by is verifier else await averify_request(verifier, rules, parts_of(scope))
    )
    rules.check(token, scope.get("path_params", {}), realm_of(verifier))
    scope[SEEN] = verifier, token
    scope.setdefault("state", {})["satmint"] = token  # the server gives each connection its own
    return token


def parts_of(scope: Scope) -> RequestParts:
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    # Some servers leave the root path out of the path. `/apiary` is not below `/api`.
    whole = path if path == root or path.startswith(f"{root}/") else root + path
    return RequestParts(
        authorization=_values(scope, b"authorization"),
        dpop=_values(scope, b"dpop"),
        method=scope.get("method", "GET"),
        path=encoded_path(whole.encode("utf-8", "surrogateescape"), scope.get("raw_path")),
    )


def _values(scope: Scope, name: bytes) -> list[SecretText]:
    return [
        SecretText(value.decode("latin-1"))
        for key, value in scope["headers"]
        if key.lower() == name
    ]


async def _refuse(answer: ErrorAnswer, scope: Scope, receive: Receive, send: Send) -> None:
    prefix = "http"
    body = b"" if scope.get("method") == "HEAD" else answer.body
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if _DENIAL not in scope.get("extensions", {}):
            code = _TRY_AGAIN_LATER if answer.status >= 500 else _POLICY_VIOLATION
            await send({"type": "websocket.close", "code": code, "reason": answer.error})
            return
        prefix = "websocket.http"
    headers = [(name.lower().encode(), text.encode()) for name, text in answer.all_headers.items()]
    await send({"type": f"{prefix}.response.start", "status": answer.status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body})
