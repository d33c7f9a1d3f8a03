"""What the gateway counts, and how much it takes on."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol


class Figures(Protocol):
    """Numbers for whoever watches the service. Labels are words of ours, never input."""

    connections: int
    """Sockets that are open."""
    sessions: int
    """Those of them that were let in."""

    @property
    def connects(self) -> Counter[tuple[str, str]]:
        """By kind (`connect`, `resume`, `reauthenticate`) and outcome: `ok`, or why not."""
        ...

    @property
    def requests(self) -> Counter[str]:
        """By method; `-` is one that there is not."""
        ...

    @property
    def closes(self) -> Counter[str]:
        """By close code, as far as it is one that is expected; else `other`."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one process takes on."""

    connections: int = 20_000
    """Sockets, over all."""
    per_address: int = 1_000
    """Sockets from one IP address (of IPv6: one /64 network): many people can be behind one."""
    per_project: int = 10_000
    """Sockets that were let in for one project."""
    requests_per_second: int = 50
    """Frames of one socket that are looked at in a second; the rest of them waits."""
    guessing_seconds: float = 1.0
    """How long a refusal takes once there were too many from that address lately."""
