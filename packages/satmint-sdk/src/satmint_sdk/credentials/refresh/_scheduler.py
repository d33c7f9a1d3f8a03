"""Refreshes one credential on schedule, in one event loop, for a `CredentialSession`."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import replace
from typing import Any, Final

from satmint_sdk._ambient import Clock, Entropy, fraction
from satmint_sdk._secrets import SecretText
from satmint_sdk.credentials._credential import Credential
from satmint_sdk.credentials._events import EventLog, Expired, Failed, Refreshed, SessionEvent
from satmint_sdk.credentials.errors import (
    CredentialExpired,
    CredentialRefused,
    RefreshFailed,
    SessionClosed,
)
from satmint_sdk.credentials.refresh._attempt import CredentialState, RefreshAttempt, Superseded
from satmint_sdk.credentials.refresh._mechanisms import ByKey
from satmint_sdk.credentials.refresh._policy import (
    MAX_CHECK_INTERVAL,
    MIN_REFRESH_INTERVAL,
    Advice,
    advise,
    clock_jumped,
    next_check,
    seconds_left,
    wake_delay,
)
from satmint_sdk.credentials.refresh._retry_decision import describe
from satmint_sdk.credentials.refresh._sign_in import SignIn

_CLOSE_GRACE: Final = 5.0
_MAX_REMEMBERED: Final = 8
_REFUSED: Final = "the credential was refused and not refreshed in time"


class RefreshScheduler:
    """Holds a session's credential and refreshes it on schedule.

    All code runs in one event loop, so it needs no locks; `state` is replaced in one assignment and
    may be read from any thread.

    Args:
        sign_in: Provides the first credential.
        max_wait: Maximum seconds that a caller waits.
        clock: The source of time.
        entropy: The source of jitter.
        log: Receives the events.
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
        self._attempt: RefreshAttempt | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_start: float | None = None
        self._schedule: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._durations: deque[float] = deque(maxlen=_MAX_REMEMBERED)
        self._reported_expired: Credential | None = None
        self.counts: Counter[str] = Counter()
        self.waiting = 0
        self.margin: float | None = None
        self.state: CredentialState | None = None

    # Signing in and out.

    async def login(self) -> Credential:
        """Sign in, install the credential, and start the schedule.

        Raises:
            SessionClosed: The session was closed meanwhile.
            InvalidCredential: The provider returned an expired credential.
            Exception: Any error of the provider.
        """
        self._raise_if_closed()
        self._generation += 1  # supersede a running attempt
        await self._end(self._detach())
        state = await self._sign_in.run()
        self._raise_if_closed()
        self._generation += 1  # and one that began meanwhile
        self._install(state)
        await self._end(self._detach())
        self._raise_if_closed()
        if self._schedule is None:
            self._schedule = asyncio.ensure_future(self._run_schedule())
        if isinstance(state.mechanism, ByKey):
            await self._wait_for(self._start_or_join(), self._max_wait)
            self._raise_if_closed()
        return self._current().credential

    async def close(self) -> None:
        """Stop the schedule, release waiting callers, and discard a running attempt."""
        self._generation += 1
        if not self._closing.done():
            self._closing.set_result(None)
        if self._schedule is not None:
            self._schedule.cancel()
            await asyncio.wait({self._schedule})
        await self._end(self._detach())
        await self._sign_in.close()

    def _detach(self) -> tuple[RefreshAttempt | None, asyncio.Task[None] | None]:
        attempt, task = self._attempt, self._task
        self._attempt = self._task = None
        return attempt, task

    async def _end(self, detached: tuple[RefreshAttempt | None, asyncio.Task[None] | None]) -> None:
        """End an attempt; a running one gets 5 s to finish.

        Its refresh token can then still be stored.
        """
        attempt, task = detached
        if attempt is None or task is None or task.done():
            return
        if not attempt.idle:
            await self._wait_for_any(task, seconds=_CLOSE_GRACE)
        task.cancel()
        await asyncio.wait({task})

    # Callers.

    async def fresh(self) -> Credential:
        """Return a valid credential; refreshes it first if the policy requires it.

        Raises:
            CredentialExpired: It has expired and was not refreshed within `max_wait`.
            CredentialRefused: A server has refused it, and it was not replaced within `max_wait`.
            SessionClosed: The session was closed.
        """
        until = self._clock.now().mono + self._max_wait
        while True:
            self._raise_if_closed()
            state, now = self._current(), self._clock.now()
            if state.advice(now) in (Advice.KEEP, Advice.MAY):
                return state.credential
            if state.mechanism is None or state.stopped is not None:
                return self._current_unless_expired(state.stopped)
            task, attempt = self._start_or_join(forced=state.refused), self._attempt
            if not await self._wait_for(task, until - now.mono):
                return self._current_unless_expired(None if attempt is None else attempt.last_error)

    async def renew(self, rejected: SecretText) -> Credential:
        """Replace a credential that a server has refused, once for all callers that report it.

        Until it is replaced, `fresh` does not return it either.

        Raises:
            CredentialRefused: It cannot be refreshed, or was not refreshed in time.
            SessionClosed: The session was closed.
        """
        self._raise_if_closed()
        state = self._current()
        if state.credential.token != rejected.reveal():
            return await self.fresh()
        self._install(replace(state, refused=True))
        last_error: Exception | None = state.stopped
        if state.mechanism is not None and state.stopped is None:
            task, attempt = self._start_or_join(forced=True), self._attempt
            await self._wait_for(task, self._max_wait)
            self._raise_if_closed()
            state = self._current()
            if state.credential.token != rejected.reveal():
                return state.credential
            last_error = state.stopped or (None if attempt is None else attempt.last_error)
        raise CredentialRefused(_with_reason(_REFUSED, last_error)) from last_error

    def _current_unless_expired(self, last_error: Exception | None) -> Credential:
        """Return the current credential while it is valid, although it was not refreshed."""
        state = self._current()
        if state.refused:
            raise CredentialRefused(_with_reason(_REFUSED, last_error)) from last_error
        if advise(state.lifetime, self._clock.now()) is not Advice.EXPIRED:
            return state.credential
        raise CredentialExpired(
            _with_reason("the credential has expired and was not refreshed in time", last_error)
        ) from last_error

    async def _wait_for(self, task: asyncio.Task[None], seconds: float) -> bool:
        """Wait for an attempt, with a limit. Returns whether it has ended.

        Cancelling the waiter does not cancel the attempt; closing the session ends the wait.
        """
        self.waiting += 1
        try:
            await self._wait_for_any(task, self._closing, seconds=seconds)
        finally:
            self.waiting -= 1
        self._raise_if_closed()
        return task.done()

    async def _wait_for_any(self, *events: asyncio.Future[Any], seconds: float) -> None:
        timer = asyncio.ensure_future(self._clock.asleep(max(0.0, seconds)))
        try:
            await asyncio.wait({timer, *events}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()

    # Refreshing.

    def _start_or_join(self, *, forced: bool = False) -> asyncio.Task[None]:
        """Return the running attempt, or start one."""
        if self._task is not None and not self._task.done():
            return self._task
        generation = self._generation
        attempt = RefreshAttempt(
            self._current(),
            clock=self._clock,
            entropy=self._entropy,
            emit=self._log.emit,
            is_wanted=lambda: generation == self._generation,
            longest_duration=max(self._durations, default=0.0),
            counts=self.counts,
            forced=forced,
        )
        self._attempt = attempt
        self._task = asyncio.ensure_future(self._run_attempt(attempt, generation))
        self._task.add_done_callback(_retrieve_exception)
        return self._task

    async def _run_attempt(self, attempt: RefreshAttempt, generation: int) -> None:
        before = self._current()
        await self._wait_for_spacing()
        if generation != self._generation:
            raise Superseded
        try:
            fresh = await attempt.run()
        except RefreshFailed as failed:
            if generation == self._generation:
                self._install(replace(self._current(), stopped=failed))
                self._log.emit(Failed(failed.cause_code, failed.detail))
            return
        if fresh.credential is before.credential:  # only the mechanism has changed
            self._install(replace(fresh, refused=self._current().refused))
            return
        self.margin = (
            None if before.lifetime is None else seconds_left(before.lifetime, self._clock.now())
        )
        self._durations.append(attempt.duration)
        self._install(fresh)
        self._log.emit(Refreshed(fresh.credential, attempt.refreshed_by, self.margin))

    async def _wait_for_spacing(self) -> None:
        """Enforce the minimum interval between refreshes, however short the lifetimes are."""
        now = self._clock.now().mono
        wait = 0.0 if self._last_start is None else self._last_start + MIN_REFRESH_INTERVAL - now
        if wait > 0:
            await self._clock.asleep(wait)
        self._last_start = self._clock.now().mono

    async def _run_schedule(self) -> None:
        """Check the clocks at least every 30 s, and refresh in the background when due."""
        before, asked = self._clock.now(), MAX_CHECK_INTERVAL
        while True:
            state, now = self._current(), self._clock.now()
            advice = advise(state.lifetime, now)
            if advice is Advice.EXPIRED and self._reported_expired is not state.credential:
                self._reported_expired = state.credential
                self._log.emit(Expired(state.credential))
            due = (
                advice is not Advice.KEEP and state.mechanism is not None and state.stopped is None
            )
            if due and (self._task is None or self._task.done()):
                if advice is Advice.MAY and clock_jumped(asked, before, now):
                    before, asked = now, wake_delay(fraction(self._entropy))
                    await self._clock.asleep(asked)
                    continue
                self._start_or_join()
            before, asked = now, next_check(state.lifetime, now)
            await self._wait_or_wake(asked)

    async def _wait_or_wake(self, seconds: float) -> None:
        """Wait for `seconds`, or until the state changes."""
        self._wake.clear()
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await self._wait_for_any(woken, seconds=seconds)
        finally:
            woken.cancel()

    def _install(self, state: CredentialState) -> None:
        self.state = state
        self._wake.set()

    # State checks.

    def _current(self) -> CredentialState:
        if self.state is None:
            raise SessionClosed("the session was not opened")
        return self.state

    def _raise_if_closed(self) -> None:
        if self._closing.done():
            raise SessionClosed("the session is closed")


def _with_reason(text: str, last_error: Exception | None) -> str:
    return text if last_error is None else f"{text}: {describe(last_error)}"


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Retrieve a superseded attempt's exception, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
