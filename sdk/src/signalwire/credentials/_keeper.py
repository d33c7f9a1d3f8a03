"""Keeps one credential fresh, in one event loop. `CredentialSession` is the door to it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import replace
from typing import Any, Final

from signalwire._ambient import Clock, Entropy, fraction
from signalwire.credentials._credential import Credential
from signalwire.credentials._events import EventLog, Expired, Failed, Refreshed, SessionEvent
from signalwire.credentials._flight import Flight, Held, Superseded
from signalwire.credentials._mechanisms import ByKey
from signalwire.credentials._policy import (
    LEAST_BETWEEN,
    TICK,
    Advice,
    advise,
    left,
    next_look,
    overslept,
    wake_delay,
)
from signalwire.credentials._sign_in import SignIn
from signalwire.credentials.errors import CredentialExpired, RefreshFailed, SessionClosed

_CLOSE_GRACE: Final = 5.0
_REMEMBERED: Final = 8


class Keeper:
    """What a session holds, and the schedule that replaces it.

    Everything here happens in one event loop, so there is nothing to lock; `held` is replaced in
    one assignment and may be read from any thread.

    Args:
        sign_in: Brings the first credential.
        max_wait: Seconds that a caller may be kept waiting.
        clock: Tells the time and waits.
        entropy: Spreads what would happen at the same moment.
        log: Told what happens.
    """

    def __init__(
        self,
        sign_in: SignIn,
        *,
        max_wait: float,
        clock: Clock,
        entropy: Entropy,
        log: EventLog[SessionEvent],
    ) -> None:
        self._sign_in = sign_in
        self._max_wait = max_wait
        self._clock = clock
        self._entropy = entropy
        self._log = log
        self._generation = 0
        self._flight: Flight | None = None
        self._flying: asyncio.Task[None] | None = None
        self._last_start: float | None = None
        self._watch: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._durations: deque[float] = deque(maxlen=_REMEMBERED)
        self._told_dead: Credential | None = None
        self.counts: Counter[str] = Counter()
        self.waiting = 0
        self.margin: float | None = None
        self.held: Held | None = None

    # Signing in and out.

    async def login(self) -> Credential:
        """Sign in, install the credential, and have the schedule run.

        Raises:
            SessionClosed: The session was closed meanwhile.
            InvalidCredential: The provider handed out one that is past its end.
            Exception: Whatever the provider raises.
        """
        self._refuse_if_closed()
        self._generation += 1  # what is under way by now is not wanted any more
        await self._end(self._detach())
        held = await self._sign_in.run()
        self._refuse_if_closed()
        self._generation += 1  # and neither is what began meanwhile
        self._install(held)
        await self._end(self._detach())
        self._refuse_if_closed()
        if self._watch is None:
            self._watch = asyncio.ensure_future(self._keep())
        if isinstance(held.armed, ByKey):
            await self._wait_for(self._join(), self._max_wait)
            self._refuse_if_closed()
        return self._current().credential

    async def close(self) -> None:
        """Stop the schedule, release who waits, and throw away what is under way."""
        self._generation += 1
        if not self._closing.done():
            self._closing.set_result(None)
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        await self._end(self._detach())
        await self._sign_in.close()
        self._log.end()

    def _detach(self) -> tuple[Flight | None, asyncio.Task[None] | None]:
        flight, flying = self._flight, self._flying
        self._flight = self._flying = None
        return flight, flying

    async def _end(self, detached: tuple[Flight | None, asyncio.Task[None] | None]) -> None:
        """End a flight. In the middle of an attempt it gets 5 s to end by itself.

        A refresh token that is on its way can then still be stored.
        """
        flight, flying = detached
        if flight is None or flying is None or flying.done():
            return
        if not flight.resting:
            await self._first_of(flying, seconds=_CLOSE_GRACE)
        flying.cancel()
        await asyncio.wait({flying})

    # Handing out.

    async def fresh(self) -> Credential:
        """Hand out a credential that lives, refreshing first where the policy says so.

        Raises:
            CredentialExpired: It is past its end, and no fresh one came within `max_wait`.
            SessionClosed: The session was closed.
        """
        until = self._clock.now().mono + self._max_wait
        while True:
            self._refuse_if_closed()
            held, now = self._current(), self._clock.now()
            advice = advise(held.lease, now)
            if advice in (Advice.KEEP, Advice.MAY):
                return held.credential
            if held.armed is None or held.stopped is not None:
                return self._last_resort(held.stopped)
            flying, flight = self._join(), self._flight
            if not await self._wait_for(flying, until - now.mono):
                return self._last_resort(None if flight is None else flight.trouble)

    async def renew(self, rejected: str) -> Credential:
        """Replace a credential that a server refused, once for all who report the same one.

        Raises:
            CredentialExpired: There is no way to replace it, or no fresh one came in time.
            SessionClosed: The session was closed.
        """
        self._refuse_if_closed()
        held = self._current()
        if held.credential.token != rejected:
            return await self.fresh()
        trouble: Exception | None = held.stopped
        if held.armed is not None and held.stopped is None:
            flying, flight = self._join(forced=True), self._flight
            await self._wait_for(flying, self._max_wait)
            self._refuse_if_closed()
            held = self._current()
            if held.credential.token != rejected:
                return held.credential
            trouble = held.stopped or (None if flight is None else flight.trouble)
        raise CredentialExpired("the credential was refused, and no fresh one came") from trouble

    def _last_resort(self, trouble: Exception | None) -> Credential:
        """Serve the current credential while it lives, whatever keeps a fresh one away."""
        held = self._current()
        if advise(held.lease, self._clock.now()) is not Advice.DEAD:
            return held.credential
        raise CredentialExpired("the credential has expired and no fresh one came") from trouble

    async def _wait_for(self, flying: asyncio.Task[None], seconds: float) -> bool:
        """Wait for a flight, bounded, and say whether it has ended.

        Cancelling the waiter leaves the flight alone; closing the session ends the waiting.
        """
        self.waiting += 1
        try:
            await self._first_of(flying, self._closing, seconds=seconds)
        finally:
            self.waiting -= 1
        self._refuse_if_closed()
        return flying.done()

    async def _first_of(self, *events: asyncio.Future[Any], seconds: float) -> None:
        timer = asyncio.ensure_future(self._clock.asleep(max(0.0, seconds)))
        try:
            await asyncio.wait({timer, *events}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()

    # Refreshing.

    def _join(self, *, forced: bool = False) -> asyncio.Task[None]:
        """Get the flight that is under way, or start the one that everybody will wait for."""
        if self._flying is not None and not self._flying.done():
            return self._flying
        generation = self._generation
        flight = Flight(
            self._current(),
            clock=self._clock,
            entropy=self._entropy,
            emit=self._log.emit,
            wanted=lambda: generation == self._generation,
            slowest=max(self._durations, default=0.0),
            counts=self.counts,
            forced=forced,
        )
        self._flight = flight
        self._flying = asyncio.ensure_future(self._fly(flight, generation))
        self._flying.add_done_callback(_see)
        return self._flying

    async def _fly(self, flight: Flight, generation: int) -> None:
        before = self._current()
        await self._space_out()
        if generation != self._generation:
            raise Superseded
        try:
            fresh = await flight.run()
        except RefreshFailed as failed:
            if generation == self._generation:
                self._install(replace(before, stopped=failed))
                self._log.emit(Failed(failed.cause_code, failed.detail))
            return
        self.margin = None if before.lease is None else left(before.lease, self._clock.now())
        self._durations.append(flight.took)
        self._install(fresh)
        self._log.emit(Refreshed(fresh.credential, flight.brought_by, self.margin))

    async def _space_out(self) -> None:
        """Keep two refreshes apart, however short the lives that a server hands out."""
        now = self._clock.now().mono
        wait = 0.0 if self._last_start is None else self._last_start + LEAST_BETWEEN - now
        if wait > 0:
            await self._clock.asleep(wait)
        self._last_start = self._clock.now().mono

    async def _keep(self) -> None:
        """Look at the clocks at least every 30 s, and refresh in the background when due."""
        before, asked = self._clock.now(), TICK
        while True:
            held, now = self._current(), self._clock.now()
            advice = advise(held.lease, now)
            if advice is Advice.DEAD and self._told_dead is not held.credential:
                self._told_dead = held.credential
                self._log.emit(Expired(held.credential))
            due = advice is not Advice.KEEP and held.armed is not None and held.stopped is None
            if due and (self._flying is None or self._flying.done()):
                if advice is Advice.MAY and overslept(asked, before, now):
                    before, asked = now, wake_delay(fraction(self._entropy))
                    await self._clock.asleep(asked)
                    continue
                self._join()
            before, asked = now, next_look(held.lease, now)
            await self._tick(asked)

    async def _tick(self, seconds: float) -> None:
        """Wait so long, or until what is held has changed."""
        self._wake.clear()
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await self._first_of(woken, seconds=seconds)
        finally:
            woken.cancel()

    def _install(self, held: Held) -> None:
        self.held = held
        self._wake.set()

    # Being there at all.

    def _current(self) -> Held:
        if self.held is None:
            raise SessionClosed("the session was not opened")
        return self.held

    def _refuse_if_closed(self) -> None:
        if self._closing.done():
            raise SessionClosed("the session is closed")


def _see(flying: asyncio.Task[None]) -> None:
    """See that a flight was superseded, so that nobody complains about it later."""
    if not flying.cancelled():
        flying.exception()
