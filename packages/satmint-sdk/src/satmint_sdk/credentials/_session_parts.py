"""What a session shows, and whom it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Statistics of refreshing.

    Attributes:
        attempts: Number of attempts by outcome: `refreshed`, or a cause code.
        margin: Seconds until the previous credential's expiry when it was replaced.
        waiting: Callers that are waiting for a refresh.
        skew: Seconds that the server's clock is ahead, if proofs have to follow it.
    """

    attempts: Mapping[str, int]
    margin: float | None
    waiting: int
    skew: float | None


class SignInListener(Protocol):
    """Follows the sign-ins of a session."""

    def on_sign_in(self, token: str) -> None:
        """A new sign-in has brought this token. Called in the session's event loop."""
        ...
