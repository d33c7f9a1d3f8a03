"""Faults: what goes wrong between a client and a server, armed for the next so many requests."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

MOST_ARMED: Final = 100


class FaultKind(StrEnum):
    """What goes wrong."""

    LOSE_ANSWER = "lose_answer"
    """Everything is done and durable; then the connection is closed without an answer."""
    CUT_ANSWER = "cut_answer"
    """The same, in the middle of the answer's body."""
    DELAY_ANSWER = "delay_answer"
    """It is dealt with at once, and its answer arrives late."""
    LOSE_REQUEST = "lose_request"
    """The connection is closed, and nothing is done."""
    DELAY_REQUEST = "delay_request"
    """It arrives late, and is dealt with then, even if nobody waits for it any more."""
    REFUSE = "refuse"
    """It is answered with a status, and nothing is done."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to go wrong, so many times."""

    kind: FaultKind
    operation: str
    """The id of the operation that meets it, or `ANY`."""
    times: int
    status: int | None = None
    """What to refuse with."""
    retry_after: int | None = None
    """Seconds, as the refusal tells."""
    seconds: float | None = None
    """How long to delay."""


ANY: Final = "*"
"""Every call of the API goes by this name, too."""


class _Armed(msgspec.Struct, eq=False):
    fault: Fault
    left: int


class Faults:
    """Those that are armed, in the order in which they were.

    A request meets at most one: the first that is for its operation. Nothing here waits, so that
    however many requests come at once, each fault is met as often as it was armed for.
    """

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def arm(self, fault: Fault) -> bool:
        """Have it met after those that are armed already. Returns whether there was room."""
        if len(self._armed) == MOST_ARMED:
            return False
        self._armed.append(_Armed(fault, fault.times))
        return True

    def meet(self, *names: str) -> Fault | None:
        """The fault that a request meets which goes by `names`; it counts as one of its times."""
        for armed in self._armed:
            if armed.fault.operation in names:
                armed.left -= 1
                if not armed.left:
                    self._armed.remove(armed)
                return armed.fault
        return None

    def left(self) -> Sequence[tuple[Fault, int]]:
        """What is armed, and how often each will still be met."""
        return [(armed.fault, armed.left) for armed in self._armed]

    def disarm(self) -> None:
        """Forget all of them."""
        self._armed.clear()
