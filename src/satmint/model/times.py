"""Formats times."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_FAR_DAYS: Final = 99


def iso(seconds: int) -> str:
    """Unix seconds in ISO 8601, UTC, with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(seconds: int | None) -> str | None:
    """As `iso`; None for None."""
    return None if seconds is None else iso(seconds)


def relative_time(seconds: int, now: int) -> str:
    """A time relative to `now`, both in Unix seconds: `3 min ago`, `in 2 h`, `now`.

    The number is rounded down. More than 99 days away, it is the date (UTC).
    """
    distance = abs(now - seconds)
    if distance > _FAR_DAYS * 86_400:
        return iso(seconds)[:10]
    for unit, size in _UNITS:
        if distance >= size:
            text = f"{distance // size} {unit}"
            return f"in {text}" if seconds > now else f"{text} ago"
    return "now"
