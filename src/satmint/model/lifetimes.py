"""Lifetimes of credentials, and the one definition of expiry."""

from typing import Final

ACCESS_SECONDS: Final = 7200
"""A SAT is valid for two hours by default (seeds 0, 1, 2)."""

REFRESH_TOKEN_GRACE_SECONDS: Final = 300
"""A refresh token expires exactly five minutes after the SAT of its pair (seeds 0, 1)."""

UNBOUND_SELF_REFRESH_SECONDS: Final = 60
"""The maximum lifetime of a SAT with scope `sat:refresh` that is not bound to a key yet."""

CONCURRENT_REPLAY_SECONDS: Final = 10
"""How long after a rotation the spent token counts as a concurrent request, not as a theft."""

CLOCK_STEP_SECONDS: Final = 10
"""How far a clock may go back after a rotation and no time counts as having passed. A window that
is measured by a clock that went back further is over."""

FOREVER: Final = 1 << 53
"""A time that never comes: the largest integer that every JSON parser represents exactly."""

LATEST_EXPIRY: Final = 253_402_300_799 - REFRESH_TOKEN_GRACE_SECONDS
"""The latest expiry that can be requested: its refresh token expires with the year 9999, the last
that ISO 8601 can represent."""


def expired(expires_at: int, now: int) -> bool:
    """Whether a credential has expired: on `exp`, not one second later (RFC 7519, section 4.1.4).

    Args:
        expires_at: Unix seconds.
        now: Unix seconds.
    """
    return now >= expires_at
