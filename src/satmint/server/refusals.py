"""Error responses that no application sends: invalid requests and excess connections.

Each has the API's error format and an `X-Request-Id`, is counted, and is logged at a limited rate:
such requests cost their sender nothing.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog

from satmint.model.entropy import Entropy
from satmint.server.date_field import DateField

_LOGGED_PER_SECOND: Final = 10

_EXTRA_FIELDS: Final = {
    HTTPStatus.UPGRADE_REQUIRED: b"upgrade: websocket\r\nsec-websocket-version: 13\r\n",
    HTTPStatus.SERVICE_UNAVAILABLE: b"retry-after: 1\r\n",
}

Count = Callable[[HTTPStatus, str], None]
"""Counts a refusal by its status and its cause."""


class Refusals:
    """Builds, counts and logs error responses."""

    def __init__(
        self, entropy: Entropy, count: Count, clock: Callable[[], float], date: DateField
    ) -> None:
        """Prepare the responses.

        Args:
            entropy: For request ids.
            count: Called for each refusal.
            clock: A monotonic clock, in seconds.
            date: The `Date` field of responses.
        """
        self._date = date
        self._entropy = entropy
        self._count = count
        self._clock = clock
        self._log = structlog.get_logger("satmint.http")
        self._second = 0
        self._logged = 0
        self._suppressed = 0

    def refuse(
        self, status: HTTPStatus, cause: str, address: str, extra_fields: bytes = b""
    ) -> bytes:
        """A complete error response; the caller closes the connection after it.

        Args:
            status: The status; 426 names WebSocket (RFC 6455, section 4.4).
            cause: A short stable word for logs and counters.
            address: The client's address.
            extra_fields: The listener's common header lines, without its date.
        """
        request_id = self._entropy.take(12).hex()
        self._count(status, cause)
        self._log_limited(status, cause, address, request_id)
        body = b'{"error":"%b"}' % phrase(status)
        # The origin is not known here; every origin may read a fixed text.
        return (
            b"HTTP/1.1 %d %b\r\n%b"
            b"content-type: application/json\r\n"
            b"content-length: %d\r\n"
            b"x-request-id: %b\r\n"
            b"access-control-allow-origin: *\r\n"
            b"%bconnection: close\r\n\r\n%b"
        ) % (
            status,
            phrase(status),
            self._date.line,
            len(body),
            request_id.encode(),
            extra_fields + _EXTRA_FIELDS.get(status, b""),
            body,
        )

    def record(self, status: HTTPStatus, cause: str, address: str) -> None:
        """Count and log a connection that is closed without a response."""
        self._count(status, cause)
        self._log_limited(status, cause, address, None)

    def _log_limited(
        self, status: HTTPStatus, cause: str, address: str, request_id: str | None
    ) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second, self._logged = second, 0
        if self._logged >= _LOGGED_PER_SECOND:
            self._suppressed += 1
            return
        self._logged += 1
        more = {} if not self._suppressed else {"suppressed": self._suppressed}
        self._suppressed = 0
        self._log.info(
            "request_refused",
            status=status.value,
            cause=cause,
            address=address,
            request_id=request_id,
            **more,
        )


def phrase(status: HTTPStatus) -> bytes:
    """The reason phrase of RFC 9110, section 15."""
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return b"Payload Too Large"  # the API's wording, which differs between Python versions
    return status.phrase.encode("ascii")
