"""Faults between a client and a server, armed for a number of future requests."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import count
from typing import Final
from uuid import UUID

import msgspec

MAX_ARMED: Final = 100


class FaultKind(StrEnum):
    """The kinds of faults."""

    LOSE_ANSWER = "lose_answer"
    """The request takes effect; then the connection is closed without a response."""
    CUT_ANSWER = "cut_answer"
    """The request takes effect; then the connection is closed within the response's body."""
    DELAY_ANSWER = "delay_answer"
    """The request is handled immediately, and its response is delayed."""
    LOSE_REQUEST = "lose_request"
    """The connection is closed, and the request has no effect."""
    DELAY_REQUEST = "delay_request"
    """The request is handled after a delay, even if the client has disconnected by then."""
    REFUSE = "refuse"
    """The response has an error status, and the request has no effect."""


class InjectedFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, and the number of requests that it applies to."""

    kind: FaultKind
    operation: str
    """The id of the operation that it applies to, or `ANY`."""
    times: int
    status: int | None = None
    """The HTTP status of a refusal."""
    retry_after: int | None = None
    """The seconds in the `Retry-After` header of a refusal."""
    seconds: float | None = None
    """The length of a delay."""


ANY: Final = "*"
"""The operation of a fault that applies to any operation of the API."""


class ArmedFault(msgspec.Struct, eq=False):
    """A fault that was armed."""

    id: UUID
    """Unique in this process."""
    fault: InjectedFault
    left: int
    """The number of requests that it still applies to."""


class FaultInjector:
    """The armed faults, oldest first.

    At most one fault applies to a request: the first one for its operation. No method awaits, so
    each fault applies exactly as often as it was armed for, even with concurrent requests.
    """

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._numbers = count(1)

    def arm(self, fault: InjectedFault) -> ArmedFault | None:
        """Add `fault` after the armed ones. Return None if `MAX_ARMED` faults are armed."""
        if len(self._armed) == MAX_ARMED:
            return None
        armed = ArmedFault(UUID(int=next(self._numbers)), fault, fault.times)
        self._armed.append(armed)
        return armed

    def take_fault(self, *names: str) -> InjectedFault | None:
        """Return the first armed fault whose operation is one of `names`, and use it once."""
        for armed in self._armed:
            if armed.fault.operation in names:
                armed.left -= 1
                if not armed.left:
                    self._armed.remove(armed)
                return armed.fault
        return None

    def armed(self) -> Sequence[ArmedFault]:
        """Return the armed faults, in the order in which they apply."""
        return [*self._armed]

    def disarm(self, fault: UUID) -> ArmedFault | None:
        """Disarm one fault. Return None if it is not armed, or not any more."""
        for armed in self._armed:
            if armed.id == fault:
                self._armed.remove(armed)
                return armed
        return None

    def disarm_all(self) -> None:
        """Disarm all faults."""
        self._armed.clear()
