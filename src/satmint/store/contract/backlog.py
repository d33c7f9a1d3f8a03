"""What a store has not finished yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backlog:
    """Numbers for metrics, of this process."""

    lock_waits: int = 0
    """Steps that wait for a row that another transaction has locked."""
    seen_marks: int = 0
    """Marks of `SessionStore.mark_seen` that are not durable yet."""
