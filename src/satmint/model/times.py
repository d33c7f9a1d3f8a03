"""Formats and reads times."""

import re
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60))
_FAR_DAYS: Final = 99
_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SECONDS: Final = re.compile(r"\d{1,12}", re.ASCII)


def iso(seconds: int) -> str:
    """Unix seconds in ISO 8601, UTC, with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[: -len("+00:00")] + "Z"


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
    if not distance:
        return "now"
    return f"in {duration(distance)}" if seconds > now else f"{duration(distance)} ago"


def duration(seconds: int) -> str:
    """A duration in its greatest unit, rounded down: `3 min`."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def read_time(text: str) -> int | None:
    """Unix seconds of a time in RFC 3339 or in Unix seconds; None if it is neither.

    A fraction of a second is dropped.
    """
    if _SECONDS.fullmatch(text):
        return int(text)
    if _RFC_3339.fullmatch(text) is None:
        return None
    # `datetime` accepts neither more than six digits of a fraction nor a lower-case `z`.
    whole = re.sub(r"\.\d+", "", text).upper()
    try:
        return int(datetime.fromisoformat(whole).timestamp())
    except (ValueError, OverflowError):
        return None
