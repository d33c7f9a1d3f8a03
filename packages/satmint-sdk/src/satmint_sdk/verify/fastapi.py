"""Protects endpoints of FastAPI, HTTP and WebSockets.

Example:
    token = TokenRequired(verifier, base_url="https://api.example.com")

    @app.get("/me")
    async def me(caller: Annotated[VerifiedToken, Depends(token)]):
        return {"subscriber": caller.subscriber}
"""

# No `from __future__ import annotations`: FastAPI reads the annotations of `__call__`.

from collections.abc import Iterable
from typing import Final

from fastapi import HTTPException, WebSocketException
from fastapi.openapi.models import HTTPBearer
from fastapi.openapi.models import SecurityBase as SecurityBaseModel
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from satmint_sdk.verify import AsyncVerifier, CannotVerify, TokenRefused, VerifiedToken
from satmint_sdk.verify._requests import Rules, answer_of
from satmint_sdk.verify.asgi import verify_connection

__all__ = ["TokenRequired"]

_DENIAL: Final = "websocket.http.response"
_MODEL: Final = HTTPBearer(
    bearerFormat="SAT",
    description="A subscriber access token. If it is bound to a key, each request needs a proof of"
    " the key in the header `DPoP` (RFC 9449), and the scheme may be `DPoP`.",
)


class TokenRequired(SecurityBase):
    """A dependency: requests without a good SAT do not reach the endpoint.

    Its value is the `VerifiedToken`, which is `request.state.satmint` as well. The OpenAPI document
    has it as the security scheme `SAT`. `Security(token, scopes=[...])` requires scopes, too.
    WebSockets are refused before they are accepted.

    Args:
        verifier: Verifies the tokens. The application opens and closes it, in its lifespan.
        base_url: What stands before the path of a request, as clients know it, such as
            `https://api.example.com`. Proofs are checked against it, and no header of the request
            changes it.
        scope: The scopes that a token must have, all of them.
        address: The id of an address that it must be good for.
        address_param: The path parameter that has the id of such an address.

    Raises:
        ValueError: `base_url` is no http or https URL.
    """

    def __init__(
        self,
        verifier: AsyncVerifier,
        *,
        base_url: str,
        scope: str | Iterable[str] = (),
        address: str | None = None,
        address_param: str | None = None,
    ) -> None:
        self.scheme_name = "SAT"
        self.model: SecurityBaseModel = _MODEL
        self._verifier = verifier
        self._rules = Rules.of(base_url, scope, address, address_param)

    def requiring(
        self,
        scope: str | Iterable[str] = (),
        *,
        address: str | None = None,
        address_param: str | None = None,
    ) -> "TokenRequired":
        """A dependency that requires more; see the class."""
        made = TokenRequired(self._verifier, base_url=self._rules.base_url)
        made._rules = self._rules.requiring(scope, address, address_param)
        return made

    async def __call__(
        self,
        connection: HTTPConnection,
        security_scopes: SecurityScopes,
    ) -> VerifiedToken:
        """Verify the token of a request; FastAPI calls it."""
        scopes = security_scopes.scopes
        rules = self._rules.requiring(scopes, None, None) if scopes else self._rules
        try:
            return await verify_connection(self._verifier, rules, connection.scope)
        except (TokenRefused, CannotVerify) as error:
            answer = answer_of(error)
        if connection.scope["type"] == "websocket" and not _can_deny(connection):
            raise WebSocketException(1013 if answer.status >= 500 else 1008, answer.error)
        raise HTTPException(answer.status, answer.error, answer.headers)


def _can_deny(connection: HTTPConnection) -> bool:
    """Whether the server can answer a WebSocket's handshake with a status."""
    return _DENIAL in connection.scope.get("extensions", {})
