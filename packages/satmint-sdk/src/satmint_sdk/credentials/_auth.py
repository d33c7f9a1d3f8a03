"""A session's token on the requests of httpx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Literal

import httpx

from satmint_sdk._secrets import SecretText
from satmint_sdk.credentials._blocking import BlockingCredentialSession
from satmint_sdk.credentials._session import CredentialSession
from satmint_sdk.credentials.errors import CredentialExpired, CredentialRefused

_UNAUTHORIZED = 401


class SubscriberAuth(httpx.Auth):
    """Puts a session's token on every request of an httpx client.

    Example:
        client = httpx.Client(base_url="https://api.example.com", auth=SubscriberAuth(session))

    After a 401 the token is replaced, once for all callers that were refused it, and the request is
    repeated once, unless its body is a stream. The 401 of another server, to which the request was
    redirected without the token, says nothing about the token. Where the token is a Client Bound
    SAT, the request carries a proof of the session's key in the header `DPoP` (RFC 9449).

    Args:
        session: A `BlockingCredentialSession`, or an open `CredentialSession`; both serve sync and
            async clients. A `CredentialSession` serves a sync client in another thread than that of
            its event loop.
        scheme: The scheme of a bound token's `Authorization`: `Bearer`, as the vendor's API and
            satmint have it, or `DPoP`, for servers that follow RFC 9449, section 7.1. Other tokens
            are bearer tokens.

    Raises:
        TypeError: `session` is neither.
    """

    def __init__(
        self,
        session: CredentialSession | BlockingCredentialSession,
        *,
        scheme: Literal["Bearer", "DPoP"] = "Bearer",
    ) -> None:
        if not isinstance(session, CredentialSession | BlockingCredentialSession):
            raise TypeError("session must be a CredentialSession or a BlockingCredentialSession")
        self._session = session
        self._scheme = scheme

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """See `httpx.Auth`."""
        token = SecretText(self._token())
        self._sign(request, token, None)
        response = yield request
        if _is_refused(request, response):
            try:
                token = SecretText(self._renew(token))
            except (CredentialRefused, CredentialExpired):
                return  # the caller gets the 401
            if isinstance(request.stream, httpx.ByteStream):
                self._sign(request, token, response)
                yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """See `httpx.Auth`."""
        token = SecretText(await self._token_async())
        await self._sign_async(request, token, None)
        response = yield request
        if _is_refused(request, response):
            try:
                token = SecretText(await self._renew_async(token))
            except (CredentialRefused, CredentialExpired):
                return
            if isinstance(request.stream, httpx.ByteStream):
                await self._sign_async(request, token, response)
                yield request

    def _token(self) -> str:
        if isinstance(self._session, CredentialSession):
            return self._session.token_blocking()
        return self._session.token()

    def _renew(self, token: SecretText) -> str:
        if isinstance(self._session, CredentialSession):
            return self._session.renew_blocking(token.reveal())
        return self._session.renew(token.reveal())

    async def _token_async(self) -> str:
        if isinstance(self._session, CredentialSession):
            return await self._session.token()
        return await asyncio.to_thread(self._session.token)

    async def _renew_async(self, token: SecretText) -> str:
        if isinstance(self._session, CredentialSession):
            return await self._session.renew(token.reveal())
        return await asyncio.to_thread(self._session.renew, token.reveal())

    async def _sign_async(
        self, request: httpx.Request, token: SecretText, refusal: httpx.Response | None
    ) -> None:
        if isinstance(self._session, CredentialSession):
            self._sign(request, token, refusal)
        else:
            await asyncio.to_thread(self._sign, request, token, refusal)

    def _sign(
        self, request: httpx.Request, token: SecretText, refusal: httpx.Response | None
    ) -> None:
        session = self._session
        if not session.is_bound(token.reveal()):
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
            return
        request.headers["Authorization"] = f"{self._scheme} {token.reveal()}"
        request.headers["DPoP"] = session.key.http_proof(
            request.method,
            str(request.url),
            access_token=token.reveal(),
            nonce=None if refusal is None else refusal.headers.get("DPoP-Nonce"),
        )


def _is_refused(request: httpx.Request, response: httpx.Response) -> bool:
    """Whether the response refuses the token of the request, and not a request without it."""
    carried = response.request.headers.get("Authorization")
    return response.status_code == _UNAUTHORIZED and carried == request.headers["Authorization"]
