"""The control endpoint: what a developer tells a development server to do wrong."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import structlog

from satmint.control.answers import (
    ClockAnswer,
    CutAnswer,
    ExpiryAnswer,
    FaultAnswer,
    StateAnswer,
    show_clock,
    show_expiry,
    show_fault,
    show_state,
)
from satmint.control.clock import EARLIEST, LATEST
from satmint.control.expiries import Expiry
from satmint.control.faults import ANY, MOST_ARMED, Fault, FaultKind
from satmint.control.fields import (
    Advance,
    ChoiceShape,
    Delay,
    FaultShape,
    OperationId,
    Status,
    Whole,
)
from satmint.control.reference import TAG, description_of
from satmint.control.refusals import STATUSES
from satmint.control.state import Control
from satmint.flows.introspect import open_either
from satmint.flows.mint import token_fault
from satmint.flows.oversight import session_of
from satmint.http.fields import Flag, Id, OneOf, TokenText
from satmint.http.messages import Call, Response
from satmint.http.operations import NO_CONTENT, Admits, Desk, Handler, Operation
from satmint.http.upgrades import ROUTE
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.model.refusals import Code, Unprocessable
from satmint.model.refusals import Fault as Wrong

PREFIX: Final = "/api/satmint/dev"
"""Everything below it is for this machine only."""
_LONGEST_DELAY: Final = 120
_MOST_TIMES: Final = 1_000_000
_INVALID: Final = token_fault(Code.TOKEN_INVALID, "Token is invalid.", "token")


class Reach(StrEnum):
    """Which of a session's tokens expire."""

    ALL = "all"
    SAT = "sat"


CLOCK: Final = ChoiceShape(
    "ClockRequest",
    {
        "advance": Advance(doc="By how many seconds to move it; less than 0: back."),
        "set": Whole(doc="The time to set it to, Unix seconds.", low=EARLIEST, high=LATEST),
        "frozen": Flag(doc="Whether it stands still from now on."),
    },
    needed=("advance", "set", "frozen"),
    rivals=("advance", "set"),
)
EXPIRE: Final = ChoiceShape(
    "ExpireRequest",
    {
        "token": TokenText(doc="Any token of the session, expired or not; it is not used by this."),
        "session_id": Id(doc="The session, in place of a token of it."),
        "what": OneOf(
            doc="`sat`: the refresh token still has its five minutes, and so has the key of a bound"
            " session. `all`, the default: they are of no use any more.",
            words=Reach,
        ),
    },
    needed=("token", "session_id"),
    rivals=("token", "session_id"),
)


def fault_shape(operations: Sequence[str]) -> FaultShape:
    """The body that arms a fault for one of `operations`."""
    return FaultShape(
        "FaultRequest",
        {
            "kind": OneOf(doc="What goes wrong.", required=True, words=FaultKind),
            "operation": OperationId(
                doc=f"The `operationId` that meets it; `{ANY}`, the default: any of the API.",
                known=(*operations, ROUTE),
            ),
            "times": Whole(doc="How often; 1 by default.", low=1, high=_MOST_TIMES),
            "status": Status(doc="For `refuse`: the status.", statuses=STATUSES),
            "retry_after": Whole(
                doc="For `refuse`: the seconds in `Retry-After`; 1 by default where the status is"
                " 429 or 503, else none.",
                low=0,
                high=86_400,
            ),
            "seconds": Delay(doc="For delays: how long.", longest=_LONGEST_DELAY),
        },
    )


class _Handlers:
    """The handlers, with what they control."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._log = structlog.get_logger("satmint.control")

    async def state(self, _desk: Desk, _call: Call) -> StateAnswer:
        return show_state(self._control)

    async def reset(self, _desk: Desk, _call: Call) -> Response:
        self._control.reset()
        self._log.info("good_day")
        return NO_CONTENT

    async def move_clock(self, _desk: Desk, call: Call) -> ClockAnswer:
        clock, form = self._control.clock, call.form
        frozen = form.get("frozen")
        if frozen is True:
            clock.freeze()
        if "set" in form:
            clock.set(form["set"])
        if "advance" in form:
            clock.set(clock.now() + form["advance"])
        if frozen is False:
            clock.run()
        self._log.info("clock_moved", now=clock.now(), frozen=clock.frozen)
        return show_clock(clock)

    async def reset_clock(self, _desk: Desk, _call: Call) -> Response:
        self._control.clock.reset()
        self._log.info("clock_reset")
        return NO_CONTENT

    async def arm(self, _desk: Desk, call: Call) -> FaultAnswer:
        fault = Fault(**{"operation": ANY, "times": 1, **call.form})
        if not self._control.faults.arm(fault):
            message = f"No more than {MOST_ARMED} faults can be armed"
            raise Unprocessable(Wrong(Code.INVALID_PARAMETER, message))
        self._log.info("fault_armed", kind=fault.kind, route=fault.operation, times=fault.times)
        return show_fault(fault, fault.times)

    async def disarm(self, _desk: Desk, _call: Call) -> Response:
        self._control.faults.disarm()
        self._log.info("faults_disarmed")
        return NO_CONTENT

    async def cut_sockets(self, _desk: Desk, _call: Call) -> CutAnswer:
        count = self._control.sockets.cut()
        self._log.info("sockets_cut", count=count)
        return CutAnswer(count)

    async def expire(self, desk: Desk, call: Call) -> ExpiryAnswer:
        mint, form, project = desk.mint, call.form, call.caller.project
        named = form.get("session_id")
        if named is None:
            opened = open_either(mint, form["token"])
            if opened is None or opened.claims.prj != project:
                raise Unprocessable(_INVALID)
            named = opened.claims.sid
        session = await session_of(mint, project, named)
        now = mint.clock.now()
        if form.get("what") is Reach.SAT:
            sat_exp = now
        else:
            # So long ago that neither a refresh token nor a key is of any use.
            slack = max(REFRESH_OVERHANG_SECONDS, mint.policy.device_slack_seconds)
            sat_exp = now - slack - 1
        expiry = Expiry(session.id, session.head.generation, now, sat_exp)
        self._control.expire(expiry)
        self._log.info("session_expired", session=str(session.id), sat_exp=sat_exp)
        return show_expiry(expiry)


def control_operations(
    control: Control, operations: Sequence[Operation], public_url: str
) -> tuple[Operation, ...]:
    """The control endpoint, and what describes it.

    Args:
        control: What it controls.
        operations: The API, for whose operations faults can be armed.
        public_url: Where the server is reached; no slash at the end.
    """
    handlers = _Handlers(control)
    controls = (
        _operation(
            "get-dev-state",
            "GET",
            "",
            handlers.state,
            "The clock, the faults that are armed, and the calls that came lately",
            answer=StateAnswer,
        ),
        _operation(
            "reset-dev-state",
            "DELETE",
            "",
            handlers.reset,
            "Have a good day again",
            "The clock is the machine's, no fault is armed, no token expired early, and no call is"
            " remembered. What was done to the database stays done.",
        ),
        _operation(
            "move-clock",
            "POST",
            "/clock",
            handlers.move_clock,
            "Move, set or stop the clock",
            "It is the only clock there is: tokens, limits, the audit trail and the header `Date`"
            " go by it. While it stands still, limits per minute do not renew themselves.",
            shape=CLOCK,
            answer=ClockAnswer,
        ),
        _operation(
            "reset-clock",
            "DELETE",
            "/clock",
            handlers.reset_clock,
            "Have the machine's clock again",
        ),
        _operation(
            "arm-fault",
            "POST",
            "/faults",
            handlers.arm,
            "Have the next requests go wrong",
            "A request meets at most one fault: of those that are for its operation, the one that"
            " was armed first. Whoever sends it.",
            shape=fault_shape([one.id for one in operations if is_of_the_api(one)]),
            answer=FaultAnswer,
            status=201,
        ),
        _operation("disarm-faults", "DELETE", "/faults", handlers.disarm, "Have no more go wrong"),
        _operation(
            "cut-sockets",
            "DELETE",
            "/sockets",
            handlers.cut_sockets,
            "Have every WebSocket cut, as by a network",
            "Neither side is told: a client learns it from the end of its connection, and comes"
            " back with what it has.",
            status=200,
            answer=CutAnswer,
        ),
        _operation(
            "expire-session",
            "POST",
            "/expire",
            handlers.expire,
            "Have the tokens of a session expire now",
            "Those that it has so far. Nothing is written: after a restart they are good again.",
            shape=EXPIRE,
            answer=ExpiryAnswer,
            refusals=frozenset({Code.NOT_FOUND, Code.TOKEN_INVALID}),
        ),
    )
    return (*controls, *description_of(controls, public_url))


def is_of_the_api(operation: Operation) -> bool:
    """Whether clients of the API call it; probes and pages have no bad day."""
    return operation.path.startswith("/api/")


def _operation(
    operation_id: str,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    description: str = "",
    status: int = 0,
    refusals: frozenset[Code] = frozenset(),
    **more: Any,  # noqa: ANN401 - as `Operation` takes them
) -> Operation:
    return Operation(
        id=operation_id,
        method=method,
        path=f"{PREFIX}{path}",
        tag=TAG,
        summary=summary,
        description=description,
        admits=Admits.MANAGER,
        handler=handler,
        status=status or (204 if method == "DELETE" else 200),
        refusals=frozenset({Code.FORBIDDEN}) | refusals,
        **more,
    )
