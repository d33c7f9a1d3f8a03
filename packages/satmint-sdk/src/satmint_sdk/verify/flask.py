"""Protects views of Flask.

Example:
    protected = TokenRequired(verifier, base_url="https://api.example.com")

    @app.get("/me")
    @protected
    def me():
        return {"subscriber": g.satmint.subscriber}
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from flask import Response, current_app, g, request

from satmint_sdk.verify import CannotVerify, TokenRefused, Verifier
from satmint_sdk.verify._requests import Rules, answer_of
from satmint_sdk.verify.wsgi import verify_environment

__all__ = ["TokenRequired"]

View = TypeVar("View", bound=Callable[..., Any])


class TokenRequired:
    """A decorator of views: requests without a good SAT do not reach them.

    The view finds the `VerifiedToken` at `g.satmint`. The decorator of the route comes first, above
    this one.

    Args:
        verifier: Verifies the tokens.
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
        verifier: Verifier,
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
        """Protect a view, a function or a coroutine function."""

        @functools.wraps(view)
        def protected(*args: Any, **params: Any) -> Any:
            try:
                g.satmint = verify_environment(
                    self._verifier, self._rules, request.environ, request.view_args or {}
                )
            except (TokenRefused, CannotVerify) as error:
                answer = answer_of(error)
                return Response(answer.body, answer.status, answer.all_headers)
            return current_app.ensure_sync(view)(*args, **params)

        return cast("View", protected)
