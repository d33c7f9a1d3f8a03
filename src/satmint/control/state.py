"""Everything that a development server was told to do wrong, and what became of it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final
from uuid import UUID

import msgspec

from satmint.control.clock import MovableClock
from satmint.control.expiries import Expiries, ExpiringSafe, Expiry
from satmint.control.faults import Fault, FaultKind, Faults
from satmint.control.sockets import Sockets
from satmint.jose import Keyring, Safe
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy

CALLS_REMEMBERED: Final = 200


class SeenCall(msgspec.Struct, eq=False):
    """A request that came for an operation of the API."""

    operation: str
    request_id: str
    at: int
    """Unix seconds of the server's clock, wherever that was."""
    elapsed: float
    """Seconds since the server's start, of a clock that nothing moves."""
    status: int | None = None
    """What it was answered, even if the answer was lost; None: nothing, or nothing yet."""
    fault: FaultKind | None = None
    """What it met."""


class Control:
    """Clock, faults, early expiries, and the calls that came lately."""

    def __init__(self, machine: Clock, seconds: Callable[[], float] = perf_counter) -> None:
        """Begin with a good day.

        Args:
            machine: The clock that there is.
            seconds: One that only measures, and is never moved.
        """
        self.clock = MovableClock(machine)
        self.faults = Faults()
        self.expiries = Expiries()
        self.sockets = Sockets()
        self.calls: deque[SeenCall] = deque(maxlen=CALLS_REMEMBERED)
        self.curtail: Callable[[UUID, int], None] = lambda _session, _at: None
        """Ends the live connections of a session at a time, Unix seconds."""
        self._seconds = seconds
        self._began = seconds()
        self._stopping = asyncio.Event()

    def safe(self, keyring: Keyring, entropy: Entropy) -> Safe:
        """A safe in which sessions expire when they are told to."""
        return ExpiringSafe(keyring, entropy, self.expiries)

    def see(self, operation: str, request_id: str, fault: Fault | None) -> SeenCall:
        """Remember a request and what it meets."""
        elapsed = round(self._seconds() - self._began, 3)
        kind = None if fault is None else fault.kind
        call = SeenCall(operation, request_id, self.clock.now(), elapsed, fault=kind)
        self.calls.append(call)
        return call

    def expire(self, expiry: Expiry) -> None:
        """Have the tokens of a session expire early, and what lives by them end with them."""
        self.expiries.add(expiry)
        self.curtail(expiry.session, expiry.sat_exp)

    async def sleep(self, seconds: float) -> None:
        """Wait, but hold nobody up who wants to stop the server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def stop(self) -> None:
        """Delay nothing any more."""
        self._stopping.set()

    def reset(self) -> None:
        """Have a good day again."""
        self.clock.reset()
        self.faults.disarm()
        self.expiries.clear()
        self.calls.clear()
