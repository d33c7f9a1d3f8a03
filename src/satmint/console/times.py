"""Times as pages show them: relative, with the exact one beside."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60))
_RECENT_SECONDS: Final = 5
_LONG_AGO_SECONDS: Final = 60 * 86_400
_LAST: Final = 253_402_300_799


def iso_time(at: int) -> str:
    """A time in Unix seconds as ISO 8601 (RFC 3339), in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact_time(at: int) -> str:
    """A time in Unix seconds, exact, for people; `never` after the year 9999."""
    if at > _LAST:
        return "never"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def relative_time(at: int, now: int) -> str:
    """A time relative to `now`: `3 min ago`, `in 2 h`; the date if it is more than 60 days away."""
    distance = abs(now - at)
    if distance > _LONG_AGO_SECONDS:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    if distance < _RECENT_SECONDS:
        return "just now" if at <= now else "now"
    text = duration(distance)
    return f"{text} ago" if at <= now else f"in {text}"


def duration(seconds: int) -> str:
    """A duration in its greatest unit: `3 min`."""
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
