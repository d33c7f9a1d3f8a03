"""Times as people and JSON read them."""

from datetime import UTC, datetime


def iso(seconds: int) -> str:
    """Unix seconds in ISO 8601, UTC, with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(seconds: int | None) -> str | None:
    """The same, for a time that may not have come."""
    return None if seconds is None else iso(seconds)
