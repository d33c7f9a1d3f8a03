"""What a development server offers to the console, in addition to any server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from satmint.model.recorded_exchange import Exchange


@dataclass(frozen=True, slots=True)
class ClockState:
    """The clock that can be moved."""

    now: int
    """Unix seconds."""
    offset: int
    """Seconds that it is ahead of the system clock."""
    frozen: bool


@dataclass(frozen=True, slots=True)
class ArmedFault:
    """A fault that waits for requests."""

    kind: str
    operation: str
    """`*`: any operation of the API."""
    left: int
    """The number of requests that it still applies to."""
    detail: str
    """Its status or its delay."""


@dataclass(frozen=True, slots=True)
class ExpiredSession:
    """A session whose tokens expired early."""

    id: UUID
    since: int
    """Unix seconds."""


class Development(Protocol):
    """The recorded requests, the clock and the faults of a development server."""

    @property
    def operations(self) -> Sequence[str]:
        """The ids of the operations to which a fault can be limited."""

    def exchanges(self) -> Sequence[Exchange]:
        """The last requests and texts on connections, oldest first."""

    def forget_exchanges(self) -> None:
        """Forget all of them."""

    def clock(self) -> ClockState:
        """The clock."""

    def faults(self) -> Sequence[ArmedFault]:
        """The armed faults, in the order in which they apply."""

    def expired(self) -> Sequence[ExpiredSession]:
        """The sessions whose tokens expired early."""

    def move_clock(self, members: Mapping[str, object]) -> None:
        """Move the clock, with the members of the operation `move-clock`.

        Raises:
            Unprocessable: with all errors.
        """

    def reset_clock(self) -> None:
        """Return to the time of the system clock."""

    def arm(self, members: Mapping[str, object]) -> None:
        """Arm a fault, with the members of the operation `arm-fault`.

        Raises:
            Unprocessable: with all errors.
        """

    def disarm(self) -> None:
        """Disarm all faults."""

    def cut_sockets(self) -> int:
        """Abort all WebSocket connections. Return how many there were."""

    async def expire(self, project: UUID, session: UUID, what: str) -> None:
        """Expire the tokens of a session; `what` is `all` or `sat`.

        Raises:
            NotFound: the project has no such session.
        """

    def reset(self) -> None:
        """Reset the clock, and remove faults, early expiries and recorded calls."""
