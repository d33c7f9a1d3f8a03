"""Formats times."""

from datetime import UTC, datetime


def iso(seconds: int) -> str:
    """Unix seconds in ISO 8601, UTC, with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(seconds: int | None) -> str | None:
    """As `iso`; None for None."""
    return None if seconds is None else iso(seconds)
