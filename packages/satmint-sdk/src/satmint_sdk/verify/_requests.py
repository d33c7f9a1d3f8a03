"""The token of an HTTP request, read and checked alike for all frameworks. No I/O."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from satmint_sdk._secrets import SecretText
from satmint_sdk.verify import (
    AsyncVerifier,
    CannotVerify,
    RefusalCause,
    TokenRefused,
    VerifiedToken,
    Verifier,
)
from satmint_sdk.verify._core import scopes_of
from satmint_sdk.verify._urls import normal_url

SEEN: Final = "satmint.verified"
"""Where an ASGI scope and a WSGI environment remember who was verified, and by which verifier."""

MAX_HEADER_CHARS: Final = 16_384
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""`b64token` (RFC 6750, section 2.1) and `token68` (RFC 9110, section 11.2)."""
_PATH_SAFE: Final = "/:@!$&'()*+,;=~-._"
"""What stands in a path as it is (RFC 3986, section 3.3)."""

_SENT_PATH: Final = re.compile(rb"(?:[A-Za-z0-9/:@!$&'()*+,;=~._-]|%[0-9A-Fa-f]{2})+")
"""A path of a URL. Some servers let others through, such as with a `#`, where a fragment begins."""

_log: Final = logging.getLogger("satmint_sdk.verify")


@dataclass(frozen=True, slots=True)
class RequestParts:
    """What counts of a request.

    Attributes:
        authorization: The values of `Authorization`, one for each header.
        dpop: Those of `DPoP`.
        method: The method.
        path: The path, percent-encoded, without the query.
    """

    authorization: Sequence[SecretText]
    dpop: Sequence[SecretText]
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, and the proof that came with it."""

    token: SecretText
    proof: SecretText | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a route requires.

    Attributes:
        base_url: What stands before the path of a request, as clients know it.
        scope: The scopes that a token must have, all of them.
        address: The id of an address that it must be good for.
        address_param: The parameter of the route that has the id of such an address.
    """

    base_url: str
    scope: frozenset[str] = frozenset()
    address: str | None = None
    address_param: str | None = None

    @classmethod
    def of(
        cls,
        base_url: str,
        scope: str | Iterable[str],
        address: str | None,
        address_param: str | None,
    ) -> Self:
        """Rules, checked.

        Raises:
            ValueError: `base_url` is no http or https URL, or has a query or a fragment.
        """
        found = urlsplit(base_url)
        if normal_url(base_url) is None or found.query or found.fragment:
            raise ValueError(
                "base_url must be an http or https URL, such as https://api.example.com"
            )
        return cls(base_url.rstrip("/"), scopes_of(scope), address, address_param)

    def requiring(
        self, scope: str | Iterable[str], address: str | None, address_param: str | None
    ) -> Self:
        """These rules, and more."""
        return replace(
            self,
            scope=self.scope | scopes_of(scope),
            address=self.address if address is None else address,
            address_param=self.address_param if address_param is None else address_param,
        )

    def url_of(self, request: RequestParts) -> str:
        """The URL of a request, as the client knows it."""
        return f"{self.base_url}{request.path}"

    def check(
        self, token: VerifiedToken, params: Mapping[str, object], realm: str | None
    ) -> VerifiedToken:
        """Return the token if it is good for the route.

        Raises:
            TokenRefused: It is not.
            LookupError: The route has no parameter `address_param`.
        """
        is_bound = token.jkt is not None
        if not self.scope <= token.scope:
            raise TokenRefused(
                RefusalCause.SCOPE_MISSING, bound=is_bound, realm=realm, scope=self.scope
            )
        needed = [] if self.address is None else [self.address]
        if self.address_param is not None:
            if self.address_param not in params:
                raise LookupError(f"the route has no parameter {self.address_param!r}")
            needed.append(str(params[self.address_param]))
        if token.addresses is not None and not set(needed) <= set(token.addresses):
            raise TokenRefused(RefusalCause.ADDRESS_NOT_ALLOWED, bound=is_bound, realm=realm)
        return token


def read_credentials(request: RequestParts, realm: str | None) -> Credentials:
    """The token and the proof of a request.

    `Bearer` and `DPoP` are taken alike: a bound token needs a proof with either, and no other may
    have one.

    Raises:
        TokenRefused: It has none, or its headers are malformed.
    """
    has_proof = bool(request.dpop)
    if not request.authorization:
        raise TokenRefused(RefusalCause.TOKEN_MISSING, realm=realm)
    if len(request.authorization) > 1:
        raise TokenRefused(RefusalCause.CREDENTIALS_MALFORMED, bound=has_proof, realm=realm)
    value = request.authorization[0].reveal().strip(" \t")
    scheme, _, rest = value.partition(" ")
    token = SecretText(rest.strip(" "))
    del rest
    if not value or len(value) > MAX_HEADER_CHARS:
        raise TokenRefused(RefusalCause.CREDENTIALS_MALFORMED, bound=has_proof, realm=realm)
    del value
    scheme = scheme.lower()
    if scheme not in ("bearer", "dpop"):
        # Another scheme is the same as none (RFC 6750, section 3.1).
        raise TokenRefused(RefusalCause.TOKEN_MISSING, realm=realm)
    if not _TOKEN.fullmatch(token.reveal()):
        raise TokenRefused(RefusalCause.CREDENTIALS_MALFORMED, bound=has_proof, realm=realm)
    if scheme == "dpop" and not has_proof:
        raise TokenRefused(RefusalCause.PROOF_MISSING, bound=True, realm=realm)
    if len(request.dpop) > 1 or (has_proof and not request.dpop[0].reveal().strip(" \t")):
        # RFC 9449, section 4.3: not more than one.
        raise TokenRefused(RefusalCause.PROOF_MALFORMED, bound=True, realm=realm)
    proof = SecretText(request.dpop[0].reveal().strip(" \t")) if has_proof else None
    return Credentials(token, proof)


def realm_of(verifier: Verifier | AsyncVerifier) -> str | None:
    """The realm of a verifier's challenges."""
    return verifier._realm


def verify_request(verifier: Verifier, rules: Rules, request: RequestParts) -> VerifiedToken:
    """Verify the token of a request; what the route requires of it is not checked yet.

    Raises:
        TokenRefused: It is not good.
        CannotVerify: The server cannot be asked.
    """
    found = read_credentials(request, realm_of(verifier))
    return verifier.verify(
        found.token.reveal(),
        proof=None if found.proof is None else found.proof.reveal(),
        method=request.method,
        url=rules.url_of(request),
    )


async def averify_request(
    verifier: AsyncVerifier, rules: Rules, request: RequestParts
) -> VerifiedToken:
    """See `verify_request`."""
    found = read_credentials(request, realm_of(verifier))
    return await verifier.verify(
        found.token.reveal(),
        proof=None if found.proof is None else found.proof.reveal(),
        method=request.method,
        url=rules.url_of(request),
    )


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """What a refused request is answered.

    Attributes:
        status: The status.
        headers: The headers.
        error: The cause, as a word.
    """

    status: int
    headers: dict[str, str]
    error: str

    @property
    def body(self) -> bytes:
        """The body, JSON."""
        return json.dumps({"error": self.error}).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers, with those of the body."""
        return {
            **self.headers,
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
        }

    @property
    def status_line(self) -> str:
        """Status and reason, as WSGI has them."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def answer_of(error: TokenRefused | CannotVerify) -> ErrorAnswer:
    """The answer to a request that is refused, or whose token cannot be verified."""
    if isinstance(error, TokenRefused):
        return ErrorAnswer(error.status, error.headers, error.cause.value)
    level = logging.ERROR if error.permanent else logging.WARNING
    _log.log(level, "a request was answered 503: %s", error)
    return ErrorAnswer(error.status, error.headers, "cannot_verify")


def encoded_path(path: bytes, sent: bytes | None) -> str:
    """A path as the client sent it, percent-encoded.

    Args:
        path: As the application sees it: decoded.
        sent: As the server says that it was sent, if it does. It counts only if it is the same
            path: what was checked is what the application answers.

    Returns:
        The path, which begins with a slash or is empty: it must not continue the host of a URL.
    """
    if sent is not None:
        only = sent.partition(b"?")[0]
        if _SENT_PATH.fullmatch(only) and unquote_to_bytes(only) == path:
            return _after_slash(only.decode())
    return _after_slash(quote_from_bytes(path, safe=_PATH_SAFE))


def _after_slash(path: str) -> str:
    return path if path.startswith("/") or not path else f"/{path}"
