"""Times as people and JSON read them."""

from datetime import UTC, datetime


def iso(seconds: int) -> str:
    """Unix seconds in ISO 8601, UTC, with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
