"""The gateway's metrics and its limits."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol


class GatewayMetrics(Protocol):
    """The gateway's counters. Label values are constants, never input."""

    connections: int
    """Open sockets."""
    sessions: int
    """Open sockets whose credentials were accepted."""

    @property
    def connects(self) -> Counter[tuple[str, str]]:
        """By kind (`connect`, `resume`, `reauthenticate`) and outcome: `ok` or the cause."""
        ...

    @property
    def requests(self) -> Counter[str]:
        """By method; `-` stands for every unknown method."""
        ...

    @property
    def closes(self) -> Counter[str]:
        """By close code; `other` stands for every unexpected code."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one process."""

    connections: int = 20_000
    """Sockets in total."""
    per_address: int = 1_000
    """Sockets from one IP address (IPv6: one /64 network). Many users can share one address."""
    per_project: int = 10_000
    """Sockets with accepted credentials of one project."""
    temporary_percent: int = 50
    """The part of `per_project` that guests, invitees and embed visitors together may take."""
    per_session: int = 20
    """Sockets with accepted credentials of one session."""
    per_c2c_token: int = 1_000
    """Sockets of the embed visitors of one Click-to-Call token."""
    requests_per_second: int = 50
    """Frames of one socket that are processed in a second; later frames wait."""
    refusal_delay_seconds: float = 1.0
    """Delay before a refusal once the address has exceeded its failure limit."""
