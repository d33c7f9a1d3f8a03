"""What the control endpoint answers. Times are Unix seconds, as they are set."""

from uuid import UUID

import msgspec

from satmint.control.clock import MovableClock
from satmint.control.expiries import Expiry
from satmint.control.faults import Fault, FaultKind
from satmint.control.state import Control, SeenCall
from satmint.model.claims import TokenType


class ClockAnswer(msgspec.Struct, frozen=True):
    """The server's clock."""

    now: int
    """Unix seconds."""
    offset: int
    """How many seconds it is ahead of the machine's clock."""
    frozen: bool
    """Whether it stands still."""


class FaultAnswer(msgspec.Struct, frozen=True):
    """A fault that is armed."""

    kind: FaultKind
    operation: str
    times: int
    left: int
    """How often it will still be met."""
    status: int | None
    retry_after: int | None
    seconds: float | None


class ExpiryAnswer(msgspec.Struct, frozen=True):
    """A session whose tokens, as far as it had them at that moment, expired early."""

    session_id: UUID
    since: int
    """That moment, Unix seconds."""
    generation: int
    """The newest one that it had."""
    sat_expires_at: int
    refresh_token_expires_at: int


class CutAnswer(msgspec.Struct, frozen=True):
    """How many WebSockets were cut."""

    cut_sockets: int


class CallAnswer(msgspec.Struct, frozen=True):
    """A request that came for an operation of the API, or for a WebSocket."""

    operation: str
    request_id: str
    at: int
    """Unix seconds of the server's clock, wherever that was."""
    elapsed: float
    """Seconds since the server's start, which nothing moves."""
    status: int | None
    """What it was answered, even if the answer was lost; null: nothing, or nothing yet."""
    fault: str | None
    """The kind of what went wrong on the way."""


class StateAnswer(msgspec.Struct, frozen=True):
    """How bad the day is."""

    clock: ClockAnswer
    faults: list[FaultAnswer]
    """In the order in which they are met."""
    expired: list[ExpiryAnswer]
    calls: list[CallAnswer]
    """The last ones, oldest first."""


def show_clock(clock: MovableClock) -> ClockAnswer:
    """The clock."""
    return ClockAnswer(clock.now(), clock.offset, clock.frozen)


def show_fault(fault: Fault, left: int) -> FaultAnswer:
    """A fault."""
    return FaultAnswer(
        kind=fault.kind,
        operation=fault.operation,
        times=fault.times,
        left=left,
        status=fault.status,
        retry_after=fault.retry_after,
        seconds=fault.seconds,
    )


def show_expiry(expiry: Expiry) -> ExpiryAnswer:
    """An early expiry."""
    return ExpiryAnswer(
        session_id=expiry.session,
        since=expiry.since,
        generation=expiry.generation,
        sat_expires_at=expiry.exp(TokenType.SAT),
        refresh_token_expires_at=expiry.exp(TokenType.REFRESH),
    )


def show_call(call: SeenCall) -> CallAnswer:
    """A call."""
    return CallAnswer(
        call.operation, call.request_id, call.at, call.elapsed, call.status, call.fault
    )


def show_state(control: Control) -> StateAnswer:
    """Everything."""
    return StateAnswer(
        clock=show_clock(control.clock),
        faults=[show_fault(fault, left) for fault, left in control.faults.left()],
        expired=[show_expiry(expiry) for expiry in control.expiries.all()],
        calls=[show_call(call) for call in control.calls],
    )
