"""When to refresh. Pure: readings of the clocks and one random number in, advice out.

    left of the life            advice   what a caller gets          what the session does
    more than `soft`            KEEP     the current credential      nothing
    `soft` down to `hard`       MAY      the current credential      refreshes in the background
    `hard` down to 0            MUST     waits, bounded              refreshes
    0 and less                  EXPIRED  waits, bounded, then error  tries once more

`seconds_left` is the smaller value of both clocks. The monotonic clock cannot be set but may stop
while the machine sleeps; the wall clock continues but may be set.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from satmint_sdk._ambient import Instant

MAX_CHECK_INTERVAL: Final = 30.0
"""Maximum seconds between two checks of the clocks: a longer timer would miss a jump."""

REFRESH_GRACE: Final = 300.0
"""Seconds after a token's expiry during which the server still accepts its refresh."""

MIN_REFRESH_INTERVAL: Final = 0.5
"""Minimum seconds between the starts of two refreshes."""

_SOFT_SHARE: Final = 0.20
_JITTER_SHARE: Final = 0.10
_HARD_SHARE: Final = 0.05
_HARD_CAP: Final = 60.0
_MAX_HARD_SHARE: Final = 1 / 3
_MIN_WAIT: Final = 0.001
_JUMP: Final = 5.0
_WAKE_SPREAD: Final = 5.0


class Advice(enum.Enum):
    """What to do with a credential; see the table above."""

    KEEP = "keep"
    MAY = "may"
    MUST = "must"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The lifetime of a credential by both clocks; all in seconds.

    Attributes:
        life: From the start of its request to its expiry.
        ends_mono: Its expiry by the monotonic clock.
        ends_wall: Its expiry by the wall clock.
        soft: Remaining life at which refreshing begins.
        hard: Remaining life at which callers wait for it.
    """

    life: float
    ends_mono: float
    ends_wall: float
    soft: float
    hard: float


def measure(
    expiry_at: int, started: Instant, draw: float, longest_duration: float = 0.0
) -> Lifetime:
    """Compute a credential's lifetime from the start of its request.

    Args:
        expiry_at: Its expiry, milliseconds since the epoch.
        started: Both clocks when the request began.
        draw: In [0, 1): this credential's share of the jitter.
        longest_duration: Seconds that the slowest of the last refreshes took.

    Returns:
        A lifetime whose margins are shares of the life: soft 20 to 30 %; hard 5 %, or twice
        `longest_duration`, at most 60 s and at most a third.
    """
    ends_wall = expiry_at / 1000
    life = ends_wall - started.wall
    share = max(life, 0.0)
    return Lifetime(
        life=life,
        ends_mono=started.mono + life,
        ends_wall=ends_wall,
        soft=share * (_SOFT_SHARE + _JITTER_SHARE * draw),
        hard=min(
            max(share * _HARD_SHARE, 2 * longest_duration), _HARD_CAP, share * _MAX_HARD_SHARE
        ),
    )


def seconds_left(lifetime: Lifetime, now: Instant) -> float:
    """Remaining life by the clock that says less; zero or less is expired (RFC 7519, 4.1.4)."""
    return min(lifetime.ends_mono - now.mono, lifetime.ends_wall - now.wall)


def advise(lifetime: Lifetime | None, now: Instant) -> Advice:
    """Look a lifetime up in the table. Without one the expiry is unknown: KEEP."""
    if lifetime is None:
        return Advice.KEEP
    remaining = seconds_left(lifetime, now)
    if remaining <= 0:
        return Advice.EXPIRED
    if remaining <= lifetime.hard:
        return Advice.MUST
    return Advice.MAY if remaining <= lifetime.soft else Advice.KEEP


def next_check(lifetime: Lifetime | None, now: Instant) -> float:
    """Seconds until the next check of the clocks: at the next row of the table, or the maximum."""
    if lifetime is None:
        return MAX_CHECK_INTERVAL
    remaining = seconds_left(lifetime, now)
    ahead = [remaining - mark for mark in (lifetime.soft, lifetime.hard, 0.0) if remaining > mark]
    return max(min([MAX_CHECK_INTERVAL, *ahead]), _MIN_WAIT)


def clock_jumped(asked: float, before: Instant, after: Instant) -> bool:
    """Whether a wait of `asked` seconds took much longer by either clock: the machine slept.

    A wall clock that was set forward looks the same and is treated the same.
    """
    return max(after.mono - before.mono, after.wall - before.wall) > asked + _JUMP


def wake_delay(draw: float) -> float:
    """Seconds to wait after the machine slept, so that a fleet does not refresh at once."""
    return _WAKE_SPREAD * draw
