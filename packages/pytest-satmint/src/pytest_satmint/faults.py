"""Faults between the program under test and the server."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Literal

import pytest

from pytest_satmint.calls import SatmintCalls
from pytest_satmint.control import Control, SatmintError

ANY: Final = "*"
"""The operation of a fault that any request to the API meets."""
_SHOWN_CALLS: Final = 10


class SatmintFaults:
    """Injects faults into the next requests of any client.

    Each method arms a fault at once. Use it in a `with` statement: at its end the fault is
    disarmed, and the test fails if no request met it, since then it tested nothing. Without `with`,
    the fault is disarmed at the end of the test.

    Args that all of them take:
        operation: The `operationId` whose requests meet the fault, such as
            `refresh-subscriber-token`, or `gateway` for WebSockets; by default any of the API.
        times: The number of requests that meet it.
        optional: Whether the end of a `with` block accepts that no request met it.
    """

    def __init__(self, control: Control) -> None:
        """Take the server of `control`."""
        self._control = control

    def lose_answer(
        self, operation: str = ANY, *, times: int = 1, optional: bool = False
    ) -> "Fault":
        """The server handles the request, and closes the connection without a response."""
        return self._arm("lose_answer", operation, times, optional=optional)

    def cut_answer(
        self, operation: str = ANY, *, times: int = 1, optional: bool = False
    ) -> "Fault":
        """The server handles the request, and closes the connection within the response."""
        return self._arm("cut_answer", operation, times, optional=optional)

    def lose_request(
        self, operation: str = ANY, *, times: int = 1, optional: bool = False
    ) -> "Fault":
        """The connection is closed, and the request has no effect."""
        return self._arm("lose_request", operation, times, optional=optional)

    def delay(
        self,
        seconds: float,
        operation: str = ANY,
        *,
        of: Literal["answer", "request"] = "answer",
        times: int = 1,
        optional: bool = False,
    ) -> "Fault":
        """The response is late, or with `of="request"` the request arrives late.

        Args:
            seconds: For how long, at most 120, by the machine's clock.
            operation: See the class.
            of: `request`: it is handled after the delay, even if the client has given up.
            times: See the class.
            optional: See the class.
        """
        return self._arm(f"delay_{of}", operation, times, optional=optional, seconds=seconds)

    def refuse(
        self,
        status: int = 503,
        operation: str = ANY,
        *,
        retry_after: int | None = None,
        times: int = 1,
        optional: bool = False,
    ) -> "Fault":
        """The response has an error status, and the request has no effect.

        Args:
            status: 401, 403, 408, 429, 500, 502, 503 or 504, for example.
            operation: See the class.
            retry_after: The seconds in `Retry-After`. By default 1 for 429 and 503.
            times: See the class.
            optional: See the class.
        """
        more = {} if retry_after is None else {"retry_after": retry_after}
        return self._arm("refuse", operation, times, optional=optional, status=status, **more)

    def expire(self, token: str, *, what: Literal["all", "sat"] = "all") -> None:
        """Expire the tokens that a session has now.

        Args:
            token: A SAT or a refresh token of the session. It is not consumed.
            what: `sat`: the session can still refresh. `all`: it cannot.
        """
        self._control.dev("POST", "/expire", token=token, what=what)

    def cut_sockets(self) -> int:
        """Abort all WebSocket connections, as a failing network does; returns their number."""
        return int(self._control.dev("DELETE", "/sockets")["cut_sockets"])

    def _arm(
        self, kind: str, operation: str, times: int, *, optional: bool, **members: object
    ) -> "Fault":
        armed = self._control.dev(
            "POST", "/faults", kind=kind, operation=operation, times=times, **members
        )
        return Fault(self._control, armed, optional=optional)


class Fault(AbstractContextManager["Fault"]):
    """An armed fault."""

    def __init__(self, control: Control, armed: dict[str, Any], *, optional: bool) -> None:
        """Keep what the server said when it armed the fault."""
        self._control = control
        self._id = armed["id"]
        self._optional = optional
        self._met: int | None = None
        self.kind = str(armed["kind"])
        self.operation = str(armed["operation"])
        self.times = int(armed["times"])
        self._status = armed["status"]

    @property
    def met(self) -> int:
        """How many requests have met it."""
        if self._met is not None:
            return self._met
        armed = {one["id"]: one["left"] for one in self._control.dev("GET")["faults"]}
        return self.times - int(armed.get(self._id, 0))

    def disarm(self) -> None:
        """Disarm it. `met` keeps its value; a repeated call changes nothing."""
        if self._met is None:
            self._met = self.met
            if self._met < self.times:
                self._met = self.times - self._left()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        """Disarm it. Fail the test if no request met it, unless it fails already."""
        __tracebackhide__ = True
        self.disarm()
        if kind is None and not self._met and not self._optional:
            pytest.fail(f"no request met {self}; {self._seen()}")
        return False

    def __str__(self) -> str:
        """As in messages: `the fault refuse 503 of refresh-subscriber-token`."""
        status = f" {self._status}" if self._status else ""
        return f"the fault {self.kind}{status} of {self.operation}"

    def _left(self) -> int:
        try:
            return int(self._control.dev("DELETE", f"/faults/{self._id}")["left"])
        except SatmintError:
            return 0  # requests have met it since

    def _seen(self) -> str:
        calls = SatmintCalls(self._control)()
        if not calls:
            return "satmint received no call in this test"
        listed = ", ".join(map(str, calls[-_SHOWN_CALLS:]))
        return f"satmint received: {'... ' if len(calls) > _SHOWN_CALLS else ''}{listed}"
