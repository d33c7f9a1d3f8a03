"""The state of a development server's control endpoint."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final
from uuid import UUID

import msgspec

from satmint.control.clock import MovableClock
from satmint.control.expiries import Expiries, ExpiringCipher, Expiry
from satmint.control.faults import FaultInjector, FaultKind, InjectedFault
from satmint.control.recorder import Recorder
from satmint.control.sockets import Sockets
from satmint.jose import Keyring, TokenCipher
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy

MAX_RECORDED_CALLS: Final = 200


class RecordedCall(msgspec.Struct, eq=False):
    """A request to an operation of the API, and its outcome."""

    operation: str
    request_id: str
    at: int
    """Unix seconds of the server's clock at that time."""
    elapsed: float
    """Seconds since the server's start, measured with a clock that cannot be moved."""
    status: int | None = None
    """The response's status, even if the response was lost; None: no response yet, or none."""
    fault: FaultKind | None = None
    """The fault that was injected, if one was."""
    caller_request_id: str | None = None
    """The `X-Request-Id` that the caller sent."""


class Control:
    """The clock, the armed faults, the early expiries, and the recent calls."""

    def __init__(self, system_clock: Clock, monotonic: Callable[[], float] = perf_counter) -> None:
        """Start with the system's time and no faults.

        Args:
            system_clock: The clock that offsets are relative to.
            monotonic: Returns seconds for measurements; it is never moved.
        """
        self.clock = MovableClock(system_clock)
        self.faults = FaultInjector()
        self.expiries = Expiries()
        self.sockets = Sockets()
        self.recorder = Recorder(system_clock)
        self.calls: deque[RecordedCall] = deque(maxlen=MAX_RECORDED_CALLS)
        self.shorten_session: Callable[[UUID, int], None] = lambda _session, _at: None
        """Ends the gateway connections of a session at a time, Unix seconds."""
        self._monotonic = monotonic
        self._started_at = monotonic()
        self._stopping = asyncio.Event()

    def cipher(self, keyring: Keyring, entropy: Entropy) -> TokenCipher:
        """Return a token cipher that applies the early expiries."""
        return ExpiringCipher(keyring, entropy, self.expiries)

    def record_call(
        self, operation: str, request_id: str, fault: InjectedFault | None
    ) -> RecordedCall:
        """Record a request and the fault that applies to it."""
        elapsed = round(self._monotonic() - self._started_at, 3)
        kind = None if fault is None else fault.kind
        call = RecordedCall(operation, request_id, self.clock.now(), elapsed, fault=kind)
        self.calls.append(call)
        return call

    def expire(self, expiry: Expiry) -> None:
        """Expire the tokens of a session early, and end its gateway connections with them."""
        self.expiries.add(expiry)
        self.shorten_session(expiry.session, expiry.sat_exp)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the server stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def stop(self) -> None:
        """End all delays, because the server stops."""
        self._stopping.set()

    def reset(self) -> None:
        """Reset the clock, and remove faults, early expiries and recorded calls."""
        self.clock.reset()
        self.faults.disarm_all()
        self.expiries.clear()
        self.calls.clear()
