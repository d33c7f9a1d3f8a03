"""The result of one purge step."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """The result of one step of a pass over all tables."""

    removed: int
    """Deleted rows."""
    more: bool
    """Whether this pass has more rows to examine. If not, the next step begins a new pass."""
    active: int | None
    """Number of active sessions, when this step has completed their count; else None."""
