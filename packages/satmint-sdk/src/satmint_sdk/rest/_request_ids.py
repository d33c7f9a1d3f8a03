"""Request ids, which detect a response that belongs to another request.

An intermediary that delivers a response twice leaves the copy on a persistent connection. It would
be read as the response to the next request, and give one subscriber's token to another. Many
servers return the `X-Request-Id` of the request. satmint returns its own, which it counts: each is
used once, so a second response with it is a copy.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import deque
from typing import Final

from satmint_sdk._ambient import Entropy

_COUNTED: Final = re.compile(r"[0-9a-f]{12}-[0-9a-f]{1,16}")
"""The format of satmint's request ids. Ids of other formats may repeat."""

_MAX_REMEMBERED: Final = 1024


class RequestIds:
    """The request ids of one process. Threads may share them.

    Args:
        entropy: For a prefix that makes the ids unique.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._prefix = f"{entropy.take(8).hex()}-"
        self._count = itertools.count(1)
        self._answered: deque[str] = deque(maxlen=_MAX_REMEMBERED)
        self._lock = threading.Lock()

    def next(self) -> str:
        """Generate an id that no request had before."""
        return f"{self._prefix}{next(self._count)}"

    def is_of_another(self, sent: str, answered: str | None) -> bool:
        """Whether a response belongs to another request than the one it follows.

        Ids of an unknown format are no evidence for that.

        Args:
            sent: The request's id.
            answered: The response's id. It is remembered.
        """
        if answered is None or answered == sent:
            return False
        return answered.startswith(self._prefix) or self._came_before(answered)

    def _came_before(self, answered: str) -> bool:
        if not _COUNTED.fullmatch(answered):
            return False
        with self._lock:
            if answered in self._answered:
                return True
            self._answered.append(answered)
            return False
