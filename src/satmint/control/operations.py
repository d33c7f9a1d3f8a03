"""The control endpoint of a development server: clock control and fault injection."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

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
from satmint.control.bodies import (
    CLOCK,
    EXPIRE,
    ClockChange,
    ExpiryRequest,
    fault_schema,
)
from satmint.control.changes import Changes
from satmint.control.faults import InjectedFault
from satmint.control.reference import TAG, description_operations
from satmint.control.state import Control
from satmint.flows.introspect import open_any_type
from satmint.flows.projects import ProjectContents, replace_contents
from satmint.flows.refresh import token_error
from satmint.http.call import Call, Response
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    Handler,
    HandlerContext,
    Operation,
)
from satmint.http.resources import OPERATIONS
from satmint.model.refusals import Code, NotFound, Unprocessable

PREFIX: Final = "/api/satmint/dev"
"""Only this machine can reach the paths below it."""
_INVALID: Final = token_error(Code.TOKEN_INVALID, "Token is invalid.", "token")


@dataclass(frozen=True, slots=True)
class DemoContents:
    """The demo project, and what it has when the server starts for the first time."""

    project: UUID
    contents: ProjectContents


class _Handlers:
    """The handlers of the control endpoint."""

    def __init__(self, control: Control, demo: DemoContents | None) -> None:
        self._control = control
        self._demo = demo
        self._changes = Changes(control)

    async def state(self, _context: HandlerContext, _call: Call) -> StateAnswer:
        return show_state(self._control)

    async def reset(self, _context: HandlerContext, _call: Call) -> Response:
        self._changes.reset()
        return NO_CONTENT

    async def move_clock(
        self, _context: HandlerContext, _call: Call, change: ClockChange
    ) -> ClockAnswer:
        self._changes.move_clock(change)
        return show_clock(self._control.clock)

    async def reset_clock(self, _context: HandlerContext, _call: Call) -> Response:
        self._changes.reset_clock()
        return NO_CONTENT

    async def arm(self, _context: HandlerContext, _call: Call, fault: InjectedFault) -> FaultAnswer:
        return show_fault(self._changes.arm(fault))

    async def disarm_one(self, _context: HandlerContext, call: Call) -> FaultAnswer:
        return show_fault(self._changes.disarm_one(call.path_id("id")))

    async def disarm(self, _context: HandlerContext, _call: Call) -> Response:
        self._changes.disarm()
        return NO_CONTENT

    async def cut_sockets(self, _context: HandlerContext, _call: Call) -> CutAnswer:
        return CutAnswer(self._changes.cut_sockets())

    async def reset_project(self, context: HandlerContext, call: Call) -> Response:
        project, demo = call.caller.project, self._demo
        if demo is None or project != demo.project:
            raise NotFound("project")
        await replace_contents(context.services, project, demo.contents, call.origin)
        context.callers.evict(project)
        return NO_CONTENT

    async def expire(
        self, context: HandlerContext, call: Call, request: ExpiryRequest
    ) -> ExpiryAnswer:
        services, project = context.services, call.caller.project
        session_id = request.session
        if session_id is None:
            found = open_any_type(services.cipher, request.token or "")
            if found is None or found.opened.claims.prj != project:
                raise Unprocessable(_INVALID)
            session_id = found.opened.claims.sid
        return show_expiry(await self._changes.expire(services, project, session_id, request.what))


def control_operations(
    control: Control, public_url: str, demo: DemoContents | None = None
) -> tuple[Operation, ...]:
    """Return the operations of the control endpoint and of its reference.

    Args:
        control: The state that they change.
        public_url: The server's base URL, without a trailing slash.
        demo: The project that can be reset.
    """
    handlers = _Handlers(control, demo)
    faults = fault_schema(faulty_operations())
    controls = (
        _operation(
            "get-dev-state",
            "GET",
            "",
            handlers.state,
            "Get the clock, the armed faults and the recent calls",
            answer=StateAnswer,
        ),
        _operation(
            "reset-dev-state",
            "DELETE",
            "",
            handlers.reset,
            "Reset clock and faults",
            "Resets the clock, disarms all faults, restores tokens that expired early, and clears"
            " the recent calls. Changes in the database remain.",
        ),
        _operation(
            "reset-project",
            "DELETE",
            "/project",
            handlers.reset_project,
            "Reset the demo project",
            "Deletes everything in the demo project: sessions, subscribers, rooms, webhooks,"
            " tokens, idempotency keys. Its first addresses and tokens are as they were, with the"
            " same ids and secrets. Counts of rate limits begin anew. The audit trail remains.",
            refusals=frozenset({Code.NOT_FOUND}),
        ),
        _operation(
            "move-clock",
            "POST",
            "/clock",
            BodyHandler(CLOCK, handlers.move_clock),
            "Move, set or stop the clock",
            "The server uses only this clock: for tokens, rate limits, the audit trail and the"
            " `Date` header. While the clock is stopped, rate limits per minute do not refill.",
            answer=ClockAnswer,
        ),
        _operation(
            "reset-clock",
            "DELETE",
            "/clock",
            handlers.reset_clock,
            "Reset the clock",
        ),
        _operation(
            "arm-fault",
            "POST",
            "/faults",
            BodyHandler(faults, handlers.arm),
            "Inject a fault",
            "The fault applies to the next requests of any client. A request meets at most one"
            " fault: the first one armed for its operation.",
            answer=FaultAnswer,
            status=201,
        ),
        _operation("disarm-faults", "DELETE", "/faults", handlers.disarm, "Disarm all faults"),
        _operation(
            "disarm-fault",
            "DELETE",
            "/faults/{id}",
            handlers.disarm_one,
            "Disarm a fault",
            "The answer says how many requests it would still have applied to. A fault that applied"
            " to all of its requests is not found.",
            status=200,
            answer=FaultAnswer,
            refusals=frozenset({Code.NOT_FOUND}),
        ),
        _operation(
            "cut-sockets",
            "DELETE",
            "/sockets",
            handlers.cut_sockets,
            "Abort all WebSocket connections",
            "Simulates a network failure: connections end without a close frame, and clients"
            " reconnect.",
            status=200,
            answer=CutAnswer,
        ),
        _operation(
            "expire-session",
            "POST",
            "/expire",
            BodyHandler(EXPIRE, handlers.expire),
            "Expire the tokens of a session",
            "Expires the tokens that the session has now. Nothing is written to the database: after"
            " a restart, the tokens are active again.",
            answer=ExpiryAnswer,
            refusals=frozenset({Code.NOT_FOUND, Code.TOKEN_INVALID}),
        ),
    )
    return (*controls, *description_operations(controls, public_url))


def faulty_operations() -> list[str]:
    """The ids of the operations to which faults can be limited."""
    return [one.id for one in OPERATIONS if one.documented and is_api_operation(one)]


def is_api_operation(operation: Operation) -> bool:
    """Whether faults apply to an operation. They do not apply to probes and pages."""
    return operation.path.startswith("/api/") and not is_control_path(operation.path)


def is_control_path(path: str) -> bool:
    """Whether a path belongs to the control endpoint."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _operation(
    operation_id: str,
    method: str,
    path: str,
    handler: Handler | BodyHandler[Any],
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
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=handler,
        status=status or (204 if method == "DELETE" else 200),
        refusals=frozenset({Code.FORBIDDEN}) | refusals,
        **more,
    )
