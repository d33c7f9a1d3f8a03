"""When to refresh. Pure: readings of the clocks and one random number in, advice out.

    left of the life            advice   what a caller gets          what the session does
    more than `soft`            KEEP     the current credential      nothing
    `soft` down to `hard`       MAY      the current credential      refreshes in the background
    `hard` down to 0            MUST     waits, bounded              refreshes
    0 and less                  DEAD     waits, bounded, then error  tries once more

`left` is the smaller of what the two clocks say. The monotonic clock cannot be set but may stand
still while the machine sleeps; the wall clock goes on in sleep but may be set.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from signalwire._ambient import Instant

TICK: Final = 30.0
"""Seconds between two looks at the clocks, at most: a longer timer would sleep through a jump."""

SLACK: Final = 300.0
"""Seconds that a server goes on accepting what refreshes a token after the token's end."""

LEAST_BETWEEN: Final = 0.5
"""Seconds between the starts of two refreshes, at least, however short a life is."""

_SOFT_SHARE: Final = 0.20
_JITTER_SHARE: Final = 0.10
_HARD_SHARE: Final = 0.05
_HARD_CAP: Final = 60.0
_LARGEST_SHARE: Final = 1 / 3
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 30.0
_SHORTEST_WAIT: Final = 0.001
_JUMP: Final = 5.0
_WAKE_SPREAD: Final = 5.0


class Advice(enum.Enum):
    """What to do about a credential; see the table above."""

    KEEP = "keep"
    MAY = "may"
    MUST = "must"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Lease:
    """The life of one credential, as both clocks see it; all in seconds.

    Attributes:
        life: From the start of the request that brought it to its end.
        ends_mono: Its end on the monotonic clock.
        ends_wall: Its end on the wall clock.
        soft: With so much left, refreshing begins.
        hard: With so much left, callers wait for it.
    """

    life: float
    ends_mono: float
    ends_wall: float
    soft: float
    hard: float


def lease(expiry_at: int, started: Instant, draw: float, slowest: float = 0.0) -> Lease:
    """Measure the life of a credential from the start of the request that brought it.

    Args:
        expiry_at: Its end, milliseconds since the epoch.
        started: Both clocks when the request began.
        draw: From 0 up to 1: how much of the jitter this credential gets.
        slowest: Seconds that the slowest of the last refreshes took.

    Returns:
        A lease whose margins are shares of the life: soft 20 to 30 %; hard 5 %, or twice
        `slowest`, at most 60 s and at most a third.
    """
    ends_wall = expiry_at / 1000
    life = ends_wall - started.wall
    share = max(life, 0.0)
    return Lease(
        life=life,
        ends_mono=started.mono + life,
        ends_wall=ends_wall,
        soft=share * (_SOFT_SHARE + _JITTER_SHARE * draw),
        hard=min(max(share * _HARD_SHARE, 2 * slowest), _HARD_CAP, share * _LARGEST_SHARE),
    )


def left(held: Lease, now: Instant) -> float:
    """Seconds of life left, by the clock that says less; zero or less is dead (RFC 7519, 4.1.4)."""
    return min(held.ends_mono - now.mono, held.ends_wall - now.wall)


def advise(held: Lease | None, now: Instant) -> Advice:
    """Look a lease up in the table. Without a lease the end is not known: KEEP."""
    if held is None:
        return Advice.KEEP
    remaining = left(held, now)
    if remaining <= 0:
        return Advice.DEAD
    if remaining <= held.hard:
        return Advice.MUST
    return Advice.MAY if remaining <= held.soft else Advice.KEEP


def next_look(held: Lease | None, now: Instant) -> float:
    """Seconds until the clocks are to be looked at again: the next row of the table, or a tick."""
    if held is None:
        return TICK
    remaining = left(held, now)
    ahead = [remaining - mark for mark in (held.soft, held.hard, 0.0) if remaining > mark]
    return max(min([TICK, *ahead]), _SHORTEST_WAIT)


def backoff(failures: int, draw: float) -> float:
    """Seconds to wait after so many failures in a row (from 1): anything from 0.5 up to 30.

    The upper end doubles with every failure; the draw spreads callers over all of the room below
    it ("full jitter"), so that those who failed together do not return together.
    """
    ceiling = min(_FIRST_BACKOFF * 2.0 ** min(failures, 30), _LONGEST_BACKOFF)
    return _FIRST_BACKOFF + (ceiling - _FIRST_BACKOFF) * draw


def overslept(asked: float, before: Instant, after: Instant) -> bool:
    """Whether a wait of `asked` seconds took much longer by either clock: the machine slept.

    A wall clock that was set forward looks the same, and is treated the same.
    """
    return max(after.mono - before.mono, after.wall - before.wall) > asked + _JUMP


def wake_delay(draw: float) -> float:
    """Seconds to wait after a sleep before asking for anything: a fleet wakes together."""
    return _WAKE_SPREAD * draw
