"""How long credentials live, and the one place that says when one is dead."""

from typing import Final

ACCESS_SECONDS: Final = 7200
"""A SAT lives two hours unless asked otherwise (seeds 0, 1, 2)."""

REFRESH_OVERHANG_SECONDS: Final = 300
"""A refresh token outlives the SAT beside it by exactly five minutes (seeds 0, 1)."""

UNBOUND_SELF_REFRESH_SECONDS: Final = 60
"""The longest life of a SAT that may refresh itself but names no key yet."""

CONCURRENT_REPLAY_SECONDS: Final = 10
"""How long after a rotation the spent token is still a concurrent caller, not a thief."""

FOREVER: Final = 1 << 53
"""A time that does not come: the largest integer that every JSON reader keeps exact."""

LATEST_EXPIRY: Final = 253_402_300_799 - REFRESH_OVERHANG_SECONDS
"""The latest expiry that may be asked for: its refresh token dies with the year 9999, past which
ISO 8601 does not go, and so no time could be shown."""


def expired(expires_at: int, now: int) -> bool:
    """Dead on `exp`, not one second later (RFC 7519, section 4.1.4).

    Args:
        expires_at: Unix seconds.
        now: Unix seconds.
    """
    return now >= expires_at
