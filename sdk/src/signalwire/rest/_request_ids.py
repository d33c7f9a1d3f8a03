"""Numbering requests, so that an answer to another one is known for what it is.

An intermediary that delivers an answer twice leaves the second copy lying on a connection that is
kept. It would be read as the answer to the next request there, and hand one subscriber's token to
another. satmint, like many servers, answers with the `X-Request-Id` that it was sent, and writes it
into its log and its audit trail.
"""

from __future__ import annotations

import itertools

from signalwire._ambient import Entropy


class RequestIds:
    """The numbers of one process. Threads may share them.

    Args:
        entropy: Tells these numbers from those of everybody else.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._ours = f"{entropy.take(8).hex()}-"
        self._count = itertools.count(1)

    def next(self) -> str:
        """Draw a number that no request had before."""
        return f"{self._ours}{next(self._count)}"

    def is_of_another(self, sent: str, answered: str | None) -> bool:
        """Whether an answer belongs to another request than the one that it follows.

        A server that numbers requests in its own way gives no reason to think so.

        Args:
            sent: The number of the request.
            answered: The number that the answer carries.
        """
        return answered is not None and answered != sent and answered.startswith(self._ours)
