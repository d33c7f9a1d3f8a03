"""Faults between a client and a server, armed for a number of future requests."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

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


class _ArmedFault(msgspec.Struct, eq=False):
    fault: InjectedFault
    left: int


class FaultInjector:
    """The armed faults, oldest first.

    At most one fault applies to a request: the first one for its operation. No method awaits, so
    each fault applies exactly as often as it was armed for, even with concurrent requests.
    """

    def __init__(self) -> None:
        self._armed: list[_ArmedFault] = []

    def arm(self, fault: InjectedFault) -> bool:
        """Add `fault` after the armed ones. Return False if `MAX_ARMED` faults are armed."""
        if len(self._armed) == MAX_ARMED:
            return False
        self._armed.append(_ArmedFault(fault, fault.times))
        return True

    def take_fault(self, *names: str) -> InjectedFault | None:
        """Return the first armed fault whose operation is one of `names`, and use it once."""
        for armed in self._armed:
            if armed.fault.operation in names:
                armed.left -= 1
                if not armed.left:
                    self._armed.remove(armed)
                return armed.fault
        return None

    def left(self) -> Sequence[tuple[InjectedFault, int]]:
        """Return the armed faults, each with the number of requests that it still applies to."""
        return [(armed.fault, armed.left) for armed in self._armed]

    def disarm_all(self) -> None:
        """Disarm all faults."""
        self._armed.clear()
