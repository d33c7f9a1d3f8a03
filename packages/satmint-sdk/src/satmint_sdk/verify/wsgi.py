"""Protects WSGI applications: whole Flask and Django sites, Bottle, Falcon, or none of them.

application = TokenMiddleware(application, verifier, base_url="https://api.example.com")
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeAlias

from satmint_sdk._secrets import SecretText
from satmint_sdk.verify import CannotVerify, TokenRefused, VerifiedToken, Verifier
from satmint_sdk.verify._requests import (
    SEEN,
    RequestParts,
    Rules,
    answer_of,
    encoded_path,
    realm_of,
    verify_request,
)

__all__ = ["TokenMiddleware"]

Environment: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
Application: TypeAlias = Callable[[Environment, StartResponse], Iterable[bytes]]

_SENT: Final = ("REQUEST_URI", "RAW_URI")
"""Where servers say what was sent: uWSGI, mod_wsgi and werkzeug; gunicorn and werkzeug."""


class TokenMiddleware:
    """Answers requests without a good SAT itself, and tells the application of the others.

    The application finds the `VerifiedToken` at `environ["satmint.token"]`, and the id of the
    subscriber at `environ["REMOTE_USER"]`. Middleware for CORS belongs around this one: preflight
    requests have no token.

    Args:
        app: The application.
        verifier: Verifies the tokens.
        base_url: What stands before the path of a request, as clients know it, such as
            `https://api.example.com`. Proofs are checked against it, and no header of the request
            changes it.
        scope: The scopes that a token must have, all of them.
        address: The id of an address that it must be good for.
        public: Paths that need no token, each compared as a whole.

    Raises:
        ValueError: `base_url` is no http or https URL.
    """

    def __init__(
        self,
        app: Application,
        verifier: Verifier,
        *,
        base_url: str,
        scope: str | Iterable[str] = (),
        address: str | None = None,
        public: Collection[str] = (),
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._rules = Rules.of(base_url, scope, address, None)
        self._public = frozenset(public)

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if path in self._public:
            return self._app(environ, start_response)
        try:
            token = verify_environment(self._verifier, self._rules, environ, {})
        except (TokenRefused, CannotVerify) as error:
            answer = answer_of(error)
            start_response(answer.status_line, list(answer.all_headers.items()))
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
        environ["REMOTE_USER"] = token.subscriber
        return self._app(environ, start_response)


def verify_environment(
    verifier: Verifier, rules: Rules, environ: Environment, params: dict[str, object]
) -> VerifiedToken:
    """Verify the token of a request, once for each verifier.

    A view may be protected more than once, and a proof is good once.

    Args:
        verifier: Verifies it.
        rules: What it must be good for.
        environ: The WSGI environment.
        params: The parameters of the route.

    Raises:
        TokenRefused: It is not good for this.
        CannotVerify: The server cannot be asked.
    """
    by, seen = environ.get(SEEN, (None, None))
    token: VerifiedToken = (
        seen if by is verifier else verify_request(verifier, rules, parts_of(environ))
    )
    rules.check(token, params, realm_of(verifier))
    environ[SEEN] = verifier, token
    environ["satmint.token"] = token
    return token


def parts_of(environ: Environment, charset: str = "latin-1") -> RequestParts:
    """What counts of a request.

    Servers join several headers of a name with commas, which no token and no proof contains.

    Args:
        environ: The WSGI environment.
        charset: How the bytes of its paths were decoded; Latin-1 by PEP 3333.
    """
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode(charset)
    sent = next((environ[name] for name in _SENT if name in environ), None)
    return RequestParts(
        authorization=_values(environ, "HTTP_AUTHORIZATION"),
        dpop=_values(environ, "HTTP_DPOP"),
        method=environ["REQUEST_METHOD"],
        path=encoded_path(path, None if sent is None else sent.encode("latin-1", "replace")),
    )


def _values(environ: Environment, name: str) -> list[SecretText]:
    return [SecretText(environ[name])] if name in environ else []
