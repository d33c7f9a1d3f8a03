"""Protects views of Django.

Example:
    protected = TokenRequired(verifier, base_url="https://api.example.com")

    @protected
    def me(request):
        return JsonResponse({"subscriber": request.satmint.subscriber})
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpResponse

from satmint_sdk.verify import AsyncVerifier, CannotVerify, TokenRefused, VerifiedToken, Verifier
from satmint_sdk.verify._requests import (
    SEEN,
    RequestParts,
    Rules,
    answer_of,
    averify_request,
    realm_of,
    verify_request,
)
from satmint_sdk.verify.asgi import parts_of as parts_of_scope
from satmint_sdk.verify.wsgi import parts_of as parts_of_environment

__all__ = ["TokenRequired"]

View = TypeVar("View", bound=Callable[..., Any])


class TokenRequired:
    """A decorator of views: requests without a good SAT do not reach them.

    The view finds the `VerifiedToken` at `request.satmint`. Its requests need no CSRF token: no
    browser sends a SAT by itself. For methods of classes there is Django's `method_decorator`; what
    `as_view()` returns can be decorated as well.

    Args:
        verifier: Verifies the tokens: a `Verifier` for functions, an `AsyncVerifier` for coroutine
            functions.
        base_url: What stands before the path of a request, as clients know it, such as
            `https://api.example.com`. Proofs are checked against it, and no header of the request
            changes it.
        scope: The scopes that a token must have, all of them.
        address: The id of an address that it must be good for.
        address_param: The parameter of the route that has the id of such an address.

    Raises:
        ValueError: `base_url` is no http or https URL.
    """

    def __init__(
        self,
        verifier: Verifier | AsyncVerifier,
        *,
        base_url: str,
        scope: str | Iterable[str] = (),
        address: str | None = None,
        address_param: str | None = None,
    ) -> None:
        self._verifier = verifier
        self._rules = Rules.of(base_url, scope, address, address_param)

    def requiring(
        self,
        scope: str | Iterable[str] = (),
        *,
        address: str | None = None,
        address_param: str | None = None,
    ) -> TokenRequired:
        """A decorator that requires more; see the class."""
        made = TokenRequired(self._verifier, base_url=self._rules.base_url)
        made._rules = self._rules.requiring(scope, address, address_param)
        return made

    def __call__(self, view: View) -> View:
        """Protect a view.

        Raises:
            TypeError: It is a coroutine function and the verifier is a `Verifier`, or the reverse.
        """
        made = self._async_view(view) if iscoroutinefunction(view) else self._sync_view(view)
        # Django asks for this attribute before it looks for the token of a form.
        made.csrf_exempt = True  # type: ignore[attr-defined]
        return cast("View", made)

    def _sync_view(self, view: Callable[..., Any]) -> Callable[..., Any]:
        verifier = self._verifier
        if not isinstance(verifier, Verifier):
            raise TypeError("a view that is no coroutine function needs a Verifier")

        @functools.wraps(view)
        def protected(request: Any, *args: Any, **params: Any) -> Any:
            try:
                token = _seen(request, verifier)
                if token is None:
                    token = verify_request(verifier, self._rules, _parts(request))
                self._admit(request, token, params)
            except (TokenRefused, CannotVerify) as error:
                return _refusal(error)
            return view(request, *args, **params)

        return protected

    def _async_view(self, view: Callable[..., Any]) -> Callable[..., Any]:
        verifier = self._verifier
        if not isinstance(verifier, AsyncVerifier):
            raise TypeError("a view that is a coroutine function needs an AsyncVerifier")

        @functools.wraps(view)
        async def protected(request: Any, *args: Any, **params: Any) -> Any:
            try:
                token = _seen(request, verifier)
                if token is None:
                    token = await averify_request(verifier, self._rules, _parts(request))
                self._admit(request, token, params)
            except (TokenRefused, CannotVerify) as error:
                return _refusal(error)
            return await view(request, *args, **params)

        return protected

    def _admit(self, request: Any, token: VerifiedToken, params: dict[str, object]) -> None:
        request.satmint = self._rules.check(token, params, realm_of(self._verifier))
        _kept(request)[SEEN] = self._verifier, token


def _kept(request: Any) -> dict[str, Any]:
    """Where it is remembered who was verified: also by a middleware around Django."""
    kept: dict[str, Any] = request.scope if hasattr(request, "scope") else request.META
    return kept


def _seen(request: Any, verifier: Verifier | AsyncVerifier) -> VerifiedToken | None:
    by, token = _kept(request).get(SEEN, (None, None))
    return cast("VerifiedToken", token) if by is verifier else None


def _parts(request: Any) -> RequestParts:
    kept = _kept(request)
    if hasattr(request, "scope"):
        return parts_of_scope(kept)
    # Django writes the paths anew, as text.
    return parts_of_environment(kept, "utf-8")


def _refusal(error: TokenRefused | CannotVerify) -> HttpResponse:
    answer = answer_of(error)
    return HttpResponse(answer.body, status=answer.status, headers=answer.all_headers)
