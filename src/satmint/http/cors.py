"""CORS (Fetch standard): the browser SDK calls from other origins, and needs to read errors too."""

from collections.abc import Mapping
from typing import Final

from satmint.http.messages import HeaderList, Response

_EXPOSED: Final = b"Date, X-Request-Id, Retry-After, WWW-Authenticate, X-Satmint-Cause, DPoP-Nonce"


class Cors:
    """Answers preflights and marks answers, errors included.

    No cookie and no ambient credential is ever looked at, so letting every origin in gives away
    nothing that the caller does not hold already; a list of origins narrows it.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Allow `origins`; `*` stands for all of them."""
        self._all = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def admits(self, web_origin: bytes) -> bool:
        """Whether pages of `web_origin` may call."""
        return self._all or web_origin in self._origins

    def headers(self, web_origin: bytes) -> HeaderList:
        """What every answer to `web_origin` carries."""
        if self._all:
            return (
                (b"access-control-allow-origin", b"*"),
                (b"access-control-expose-headers", _EXPOSED),
            )
        vary = (b"vary", b"Origin")
        if web_origin not in self._origins:
            return (vary,)
        return (
            (b"access-control-allow-origin", web_origin),
            (b"access-control-expose-headers", _EXPOSED),
            vary,
        )

    def preflight(self, headers: Mapping[bytes, bytes], allow: tuple[bytes, bytes]) -> Response:
        """The answer to `OPTIONS`; nobody has to be known for it."""
        if b"access-control-request-method" not in headers:
            return Response(204, headers=(allow,))
        return Response(
            204,
            headers=(
                (b"access-control-allow-methods", allow[1]),
                # The Fetch standard does not let `*` cover Authorization, so it is named.
                (
                    b"access-control-allow-headers",
                    b"authorization, content-type, dpop, x-request-id",
                ),
                (b"access-control-max-age", b"600"),
            ),
        )
