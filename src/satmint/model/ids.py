"""Ids as text."""

from uuid import UUID


def as_uuid(value: object) -> UUID | None:
    """The UUID that `value` spells in its usual form of 36 characters."""
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        parsed = UUID(value)
    except ValueError:
        return None
    return parsed if str(parsed) == value.lower() else None
