"""Response bodies of the control endpoint. Times are Unix seconds, as in its requests."""

from uuid import UUID

import msgspec

from satmint.control.clock import MovableClock
from satmint.control.expiries import Expiry
from satmint.control.faults import ArmedFault, FaultKind
from satmint.control.state import Control, RecordedCall
from satmint.model.claims import TokenType


class ClockAnswer(msgspec.Struct, frozen=True):
    """The server's clock."""

    now: int
    """Unix seconds."""
    offset: int
    """Seconds that it is ahead of the system clock."""
    frozen: bool
    """Whether it is stopped."""


class FaultAnswer(msgspec.Struct, frozen=True):
    """An armed fault."""

    id: UUID
    kind: FaultKind
    operation: str
    times: int
    left: int
    """The number of requests that it still applies to."""
    status: int | None
    retry_after: int | None
    seconds: float | None


class ExpiryAnswer(msgspec.Struct, frozen=True):
    """A session whose tokens expired early."""

    session_id: UUID
    since: int
    """When they were expired, Unix seconds. Newer tokens are not affected."""
    generation: int
    """The session's newest generation at that time."""
    sat_expires_at: int
    refresh_token_expires_at: int


class CutAnswer(msgspec.Struct, frozen=True):
    """The number of WebSocket connections that were aborted."""

    cut_sockets: int


class CallAnswer(msgspec.Struct, frozen=True):
    """A request to an operation of the API, or for a WebSocket connection."""

    operation: str
    request_id: str
    """The `X-Request-Id` of its response, even if the response was lost."""
    caller_request_id: str | None
    """The `X-Request-Id` that the caller sent."""
    at: int
    """Unix seconds of the server's clock at that time."""
    elapsed: float
    """Seconds since the server's start, measured with a clock that cannot be moved."""
    status: int | None
    """The response's status, even if the response was lost; null: no response yet, or none."""
    fault: str | None
    """The kind of the fault that was injected, if one was."""


class StateAnswer(msgspec.Struct, frozen=True):
    """The clock, the armed faults and the recent calls."""

    clock: ClockAnswer
    faults: list[FaultAnswer]
    """In the order in which they apply."""
    expired: list[ExpiryAnswer]
    calls: list[CallAnswer]
    """The most recent calls, oldest first."""


def show_clock(clock: MovableClock) -> ClockAnswer:
    """Return the answer for the clock."""
    return ClockAnswer(clock.now(), clock.offset, clock.frozen)


def show_fault(armed: ArmedFault) -> FaultAnswer:
    """Return the answer for an armed fault."""
    fault = armed.fault
    return FaultAnswer(
        id=armed.id,
        kind=fault.kind,
        operation=fault.operation,
        times=fault.times,
        left=armed.left,
        status=fault.status,
        retry_after=fault.retry_after,
        seconds=fault.seconds,
    )


def show_expiry(expiry: Expiry) -> ExpiryAnswer:
    """Return the answer for an early expiry."""
    return ExpiryAnswer(
        session_id=expiry.session,
        since=expiry.since,
        generation=expiry.generation,
        sat_expires_at=expiry.exp(TokenType.SAT),
        refresh_token_expires_at=expiry.exp(TokenType.REFRESH),
    )


def show_call(call: RecordedCall) -> CallAnswer:
    """Return the answer for a recorded call."""
    return CallAnswer(
        call.operation,
        call.request_id,
        call.caller_request_id,
        call.at,
        call.elapsed,
        call.status,
        call.fault,
    )


def show_state(control: Control) -> StateAnswer:
    """Return the answer for the whole state."""
    return StateAnswer(
        clock=show_clock(control.clock),
        faults=[show_fault(armed) for armed in control.faults.armed()],
        expired=[show_expiry(expiry) for expiry in control.expiries.all()],
        calls=[show_call(call) for call in control.calls],
    )
