"""Times as pages show them: relative, with the exact one beside."""

from datetime import UTC, datetime
from typing import Final

from satmint.model.times import duration, iso

_HOUR: Final = 3600
_RECENT_SECONDS: Final = 5
_LONG_AGO_SECONDS: Final = 60 * 86_400
_LAST: Final = 253_402_300_799


def exact_time(at: int) -> str:
    """A time in Unix seconds, exact, for people; `never` after the year 9999."""
    if at > _LAST:
        return "never"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def relative_hour(at: int, now: int) -> str:
    """A time of which only the hour is known, relative to `now`: `in the last hour`, `2 h ago`.

    It is never said to be longer ago than it can be.

    Args:
        at: Unix seconds of the start of the hour.
        now: Unix seconds.
    """
    if now - at < _HOUR:
        return "in the last hour"
    if now - at < 2 * _HOUR:
        return "in the last 2 h"
    return relative_time(at + _HOUR, now)


def relative_time(at: int, now: int) -> str:
    """A time relative to `now`: `3 min ago`, `in 2 h`; the date if it is more than 60 days away."""
    distance = abs(now - at)
    if distance > _LONG_AGO_SECONDS:
        return iso(at)[:10]
    if distance < _RECENT_SECONDS:
        return "just now" if at <= now else "now"
    text = duration(distance)
    return f"{text} ago" if at <= now else f"in {text}"
