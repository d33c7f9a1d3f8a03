"""Request ids, for the log and the audit trail.

The server creates an id for each request and returns it in the response. An id from the caller is
logged in a separate field, so that no caller can write log lines with the id of another request.
"""

import re
from collections.abc import Iterable
from typing import Final

from satmint.model.entropy import Entropy

SCOPE_KEY: Final = "satmint.request_id"
"""The key of the id in an ASGI scope."""

_NAME: Final = b"x-request-id"
_FORMAT: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Creates request ids."""

    def __init__(self, entropy: Entropy) -> None:
        # An id only has to be unique. A random id for each request would cost a system call.
        self._prefix = entropy.take(6).hex()
        self._count = 0

    def next(self) -> str:
        """Return an id that no other request has."""
        self._count += 1
        return f"{self._prefix}-{self._count:x}"


def caller_fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the caller's `X-Request-Id` as a log field, if it has a valid format."""
    for name, value in headers:
        if name == _NAME and _FORMAT.fullmatch(value):
            return {"caller_request_id": value.decode("ascii")}
    return {}
