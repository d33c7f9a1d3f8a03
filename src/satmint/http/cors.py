"""CORS (Fetch standard). The browser SDK calls from other origins and must read errors too."""

from collections.abc import Mapping
from typing import Final

from satmint.http.call import HeaderList, Response

_EXPOSED: Final = (
    b"Date, X-Request-Id, Retry-After, WWW-Authenticate, X-Satmint-Cause, DPoP-Nonce,"
    b" Idempotent-Replayed"
)


class Cors:
    """Responds to preflights, and adds CORS headers to all responses, including errors.

    The server uses no cookies and no other ambient credentials. So a response to any origin reveals
    nothing that the caller could not request directly. A list of origins restricts it further.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Allow `origins`; `*` allows all origins."""
        self._all = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def allows_origin(self, web_origin: bytes) -> bool:
        """Whether pages of `web_origin` may call the server."""
        return self._all or web_origin in self._origins

    def headers(self, web_origin: bytes) -> HeaderList:
        """Return the headers of every response to `web_origin`."""
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
        """Return the response to `OPTIONS`, which requires no credentials."""
        if b"access-control-request-method" not in headers:
            return Response(204, headers=(allow,))
        return Response(
            204,
            headers=(
                (b"access-control-allow-methods", allow[1]),
                # The Fetch standard does not let `*` cover Authorization, so it is named.
                (
                    b"access-control-allow-headers",
                    b"authorization, content-type, dpop, idempotency-key, x-request-id",
                ),
                (b"access-control-max-age", b"600"),
            ),
        )
