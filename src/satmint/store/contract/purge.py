"""What a store says of a step of its purge."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Swept:
    """One step of a walk through everything that is kept."""

    gone: int
    """Rows that were removed."""
    more: bool
    """Whether there is more to look at in this walk. If not, the next step begins a new one."""
    alive: int | None
    """How many sessions may still be used, where this step has seen the last of them."""
