"""Parses ids."""

from uuid import UUID


def as_uuid(value: object) -> UUID | None:
    """The UUID in `value`, in its 36-character form; None for anything else."""
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        parsed = UUID(value)
    except ValueError:
        return None
    return parsed if str(parsed) == value.lower() else None
