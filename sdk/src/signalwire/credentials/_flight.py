"""One refresh, from the first attempt to a verdict."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from signalwire._ambient import Clock, Entropy, Instant, fraction
from signalwire.credentials._credential import Credential
from signalwire.credentials._events import SessionEvent, Warned
from signalwire.credentials._mechanisms import Mechanism
from signalwire.credentials._policy import SLACK, Lease, backoff, lease, left
from signalwire.credentials._verdict import Again, Stop, Verdict, describe, judge
from signalwire.credentials.errors import RefreshFailed, TransientRefreshError

T = TypeVar("T")

ATTEMPT_LIMIT: Final = 30.0
"""Seconds that one attempt may take, whatever a provider does in it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a session has, replaced as a whole: nobody sees a token beside another one's end.

    Attributes:
        credential: What callers get.
        lease: Its life; `None` where its end is not known.
        armed: What will refresh it; `None` where nothing will.
        spare: What is armed if that fails for good.
        stopped: Why the schedule has stopped; `None` while it runs.
    """

    credential: Credential
    lease: Lease | None
    armed: Mechanism | None
    spare: Mechanism | None = None
    stopped: RefreshFailed | None = None


class Superseded(Exception):
    """The result of this flight is no longer wanted: a close or a new sign-in came in between."""


class Flight:
    """Tries until there is a fresh credential, or until there cannot be one.

    Args:
        held: What is to be replaced.
        clock: Tells the time and waits.
        entropy: Spreads what would happen at the same moment.
        emit: Told about every attempt that failed.
        wanted: Whether the result is still wanted; asked after every wait.
        slowest: Seconds that the slowest of the last refreshes took.
        counts: Attempts by what they ended in; added to.
        forced: Whether it begins before its time, because a server refused the credential.
    """

    def __init__(
        self,
        held: Held,
        *,
        clock: Clock,
        entropy: Entropy,
        emit: Callable[[SessionEvent], None],
        wanted: Callable[[], bool],
        slowest: float,
        counts: Counter[str],
        forced: bool,
    ) -> None:
        self._held = held
        self._armed = held.armed
        self._spare = held.spare
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self._wanted = wanted
        self._slowest = slowest
        self._counts = counts
        self._forced = forced
        self.took = 0.0
        """Seconds that the attempt which succeeded took."""
        self.brought_by = ""
        """Name of the mechanism that succeeded."""
        self.resting = True
        """Whether nothing is under way: before the first attempt, and between two."""
        self.trouble: Exception | None = None
        """What the last attempt failed with."""

    async def run(self) -> Held:
        """Refresh.

        Returns:
            What the session holds from now on.

        Raises:
            RefreshFailed: There will be no fresh credential.
            Superseded: Nobody wants the result any more.
        """
        failures = 0
        while True:
            started = self._clock.now()
            self.resting = False
            try:
                fresh = await self._attempt(started)
            except Exception as error:  # noqa: BLE001 - a provider may raise anything; judged below
                self.trouble = error
                self._refuse_unwanted()
                now = self._clock.now()
                verdict = self._judge(error, now)
                self._counts[verdict.cause_code] += 1
                if isinstance(verdict, Again):
                    failures += 1
                    wait = self._pause(failures, verdict.not_before, now)
                    if wait is not None:
                        await self._rest(wait, verdict.cause_code, error)
                        continue
                    verdict = Stop("out_of_time")
                self._fall_back(verdict, error)
                failures = 0
            else:
                self._counts["refreshed"] += 1
                return fresh

    async def _attempt(self, started: Instant) -> Held:
        if self._armed is None:
            raise RefreshFailed("no_mechanism", "nothing is armed that could refresh")
        armed = self._armed
        credential = await within(self._clock, ATTEMPT_LIMIT, armed.attempt(self._held.credential))
        self._refuse_unwanted()
        self.took = self._clock.now().mono - started.mono
        self.brought_by = armed.name
        held = None
        if credential.expiry_at is not None:
            draw = fraction(self._entropy)
            held = lease(credential.expiry_at, started, draw, max(self._slowest, self.took))
            self._refuse_stale(credential, held.life)
        # `refresh()` is called only where the last credential had an end [seed 4].
        return Held(credential, held, None if held is None else armed, self._spare)

    def _refuse_stale(self, fresh: Credential, life: float) -> None:
        """Stop where an answer is no progress: asking for the next one would never end.

        An end that lies before the old one is progress all the same: a first token may have been
        asked for with a longer life than a refresh gives.
        """
        old = self._held.credential
        if life <= 0:
            raise RefreshFailed("not_moved", "the fresh credential is past its end")
        if fresh.token == old.token:
            raise RefreshFailed("not_moved", "the fresh credential is the old one")
        if fresh.expiry_at == old.expiry_at and not self._forced:
            raise RefreshFailed("not_moved", "the fresh credential ends when the old one does")

    def _judge(self, error: Exception, now: Instant) -> Verdict:
        if isinstance(error, RefreshFailed):
            return Stop(error.cause_code)
        return judge(error, now.wall)

    def _pause(self, failures: int, not_before: float, now: Instant) -> float | None:
        """Seconds until the next attempt; `None` when even what refreshes the token is dead.

        A server that wants to be left alone for longer than that is asked once more at the end of
        the credential, rather than never again.
        """
        own = backoff(failures, fraction(self._entropy))
        wait = max(own, not_before)
        if self._held.lease is None:
            return wait
        remaining = left(self._held.lease, now)
        if wait <= remaining + SLACK:
            return wait
        return remaining if remaining > own else None

    async def _rest(self, wait: float, cause_code: str, error: Exception) -> None:
        self._emit(Warned("attempt_failed", cause_code, describe(error), wait))
        self.resting = True
        await self._clock.asleep(wait)
        self._refuse_unwanted()

    def _fall_back(self, verdict: Stop, error: Exception) -> None:
        """Arm the spare mechanism and say so, or give up."""
        if self._spare is None:
            if isinstance(error, RefreshFailed):
                raise error
            raise RefreshFailed(verdict.cause_code, describe(error)) from error
        self._emit(Warned("bound_to_provider", verdict.cause_code, describe(error)))
        self._armed, self._spare = self._spare, None

    def _refuse_unwanted(self) -> None:
        if not self._wanted():
            raise Superseded


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, and cancel it after so many seconds of the given clock.

    Raises:
        TimeoutError: It took longer.
        TransientRefreshError: It cancelled itself, which must not look like the caller's wish.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.asleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.cancelled():
            raise TransientRefreshError("the attempt was cancelled from within")
        if task.done():
            return task.result()
        raise TimeoutError(f"the attempt took longer than {seconds:g} s")
    finally:
        timer.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # seen, so that nobody complains about it later
