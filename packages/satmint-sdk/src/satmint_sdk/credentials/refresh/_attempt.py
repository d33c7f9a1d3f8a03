"""One refresh: attempts until it succeeds or fails permanently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from satmint_sdk._ambient import Clock, Entropy, Instant, fraction
from satmint_sdk._retry import backoff
from satmint_sdk.credentials._credential import Credential
from satmint_sdk.credentials._events import MechanismName, SessionEvent, Warned
from satmint_sdk.credentials._waiting import within
from satmint_sdk.credentials.errors import RefreshFailed
from satmint_sdk.credentials.refresh._mechanisms import ByKey, Mechanism
from satmint_sdk.credentials.refresh._policy import (
    REFRESH_GRACE,
    Advice,
    Lifetime,
    advise,
    measure,
    seconds_left,
)
from satmint_sdk.credentials.refresh._retry_decision import (
    GiveUp,
    Retry,
    RetryDecision,
    decide_retry,
    describe,
)

T = TypeVar("T")

FallbackReason = Literal["no-scope", "endpoint-failed", "activation-timeout"]
"""Why the provider's `refresh()` is used and not the key; the vendor's words."""

ATTEMPT_LIMIT: Final = 30.0
"""Maximum seconds of one attempt, including the provider's work."""

ACTIVATION_LIMIT: Final = 30.0
"""Seconds in which the first refresh by key must succeed if there is a fallback, as in the browser
SDK."""


@dataclass(frozen=True, slots=True)
class CredentialState:
    """A session's credential and how it is refreshed; replaced as a whole, so reads are consistent.

    Attributes:
        credential: The current credential.
        lifetime: Its lifetime; `None` if its expiry is unknown.
        mechanism: How it is refreshed; `None` if it is not.
        fallback: The mechanism to use if `mechanism` fails permanently.
        stopped: Why refreshing has stopped; `None` while it runs.
        refused: Whether a server has refused the credential; it is not handed out any more.
    """

    credential: Credential
    lifetime: Lifetime | None
    mechanism: Mechanism | None
    fallback: Mechanism | None = None
    stopped: RefreshFailed | None = None
    refused: bool = False

    def advice(self, now: Instant) -> Advice:
        """What to do with the credential. One that was refused is as good as expired."""
        return Advice.EXPIRED if self.refused else advise(self.lifetime, now)


class Superseded(Exception):
    """A close or a new sign-in has made this attempt's result obsolete."""


class RefreshAttempt:
    """Retries until the credential is refreshed, or cannot be.

    Args:
        state: The state to replace.
        clock: The source of time.
        entropy: The source of jitter.
        emit: Called with an event for every failed attempt.
        is_wanted: Whether the result is still wanted; asked after every wait.
        longest_duration: Seconds that the slowest of the last refreshes took.
        counts: Attempts by what they ended in; added to.
        forced: Whether it begins before its time, because a server refused the credential.
    """

    def __init__(
        self,
        state: CredentialState,
        *,
        clock: Clock,
        entropy: Entropy,
        emit: Callable[[SessionEvent], None],
        is_wanted: Callable[[], bool],
        longest_duration: float,
        counts: Counter[str],
        forced: bool,
    ) -> None:
        self._state = state
        self._mechanism = state.mechanism
        self._fallback = state.fallback
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self._is_wanted = is_wanted
        self._longest_duration = longest_duration
        self._counts = counts
        self._forced = forced
        self.duration = 0.0
        """Seconds that the attempt which succeeded took."""
        self.refreshed_by: MechanismName = "provider"
        """Name of the successful mechanism."""
        self.idle = True
        """Whether no attempt is running: before the first one, and between two."""
        self.last_error: Exception | None = None
        """The last attempt's error."""

    async def run(self) -> CredentialState:
        """Refresh the credential.

        Returns:
            The session's new state. It has the same credential if the key could not be activated,
            and the provider's turn has not come yet.

        Raises:
            RefreshFailed: The credential cannot be refreshed.
            Superseded: The result is obsolete.
        """
        failures = 0
        began = self._clock.now()
        while True:
            started = self._clock.now()
            self.idle = False
            try:
                fresh = await self._attempt(started)
            except Exception as error:  # noqa: BLE001 - a provider may raise anything; classified below
                self.last_error = error
                self._raise_if_superseded()
                now = self._clock.now()
                decision = self._decide(error, now)
                self._counts[decision.cause_code] += 1
                reason: FallbackReason = "endpoint-failed"
                if isinstance(decision, Retry):
                    failures += 1
                    wait = self._retry_wait(failures, decision.not_before, now)
                    late = self._is_activating() and (
                        now.mono - began.mono + (wait or 0.0) > ACTIVATION_LIMIT
                    )
                    if wait is not None and not (late and self._may_fall_back()):
                        await self._wait(wait, decision.cause_code, error)
                        continue
                    reason = "activation-timeout" if late else reason
                    decision = GiveUp(decision.cause_code if late else "out_of_time")
                early = self._is_activating() and advise(self._state.lifetime, now) is Advice.KEEP
                self._fall_back(decision, error, reason)
                if early and not self._forced:
                    return replace(self._state, mechanism=self._mechanism, fallback=None)
                failures = 0
            else:
                self._counts["refreshed"] += 1
                return fresh

    async def _attempt(self, started: Instant) -> CredentialState:
        if self._mechanism is None:
            raise RefreshFailed("no_mechanism", "no mechanism can refresh this credential")
        mechanism = self._mechanism
        credential = await within(
            self._clock, ATTEMPT_LIMIT, mechanism.attempt(self._state.credential)
        )
        self._raise_if_superseded()
        self.duration = self._clock.now().mono - started.mono
        self.refreshed_by = mechanism.name
        lifetime = None
        if credential.expiry_at is not None:
            draw = fraction(self._entropy)
            lifetime = measure(
                credential.expiry_at, started, draw, max(self._longest_duration, self.duration)
            )
            self._raise_if_not_renewed(credential, lifetime.life)
        # `refresh()` is called only where the last credential had an end [seed 4].
        return CredentialState(
            credential, lifetime, None if lifetime is None else mechanism, self._fallback
        )

    def _raise_if_not_renewed(self, fresh: Credential, life: float) -> None:
        """Fail if the response is no progress: otherwise refreshing would loop for ever.

        An earlier expiry than before is accepted: the first token may have been requested with a
        longer lifetime than a refresh gives.
        """
        old = self._state.credential
        if life <= 0:
            raise RefreshFailed("not_moved", "the fresh credential is past its end")
        if fresh.token == old.token:
            raise RefreshFailed("not_moved", "the fresh credential is the old one")
        if fresh.expiry_at == old.expiry_at and not self._forced:
            raise RefreshFailed("not_moved", "the fresh credential ends when the old one does")

    def _decide(self, error: Exception, now: Instant) -> RetryDecision:
        if isinstance(error, RefreshFailed):
            return GiveUp(error.cause_code)
        return decide_retry(error, now.wall)

    def _retry_wait(self, failures: int, not_before: float, now: Instant) -> float | None:
        """Seconds until the next attempt; `None` if the refresh token expires before it.

        If the server's `Retry-After` is later than that, one more attempt is made when the
        credential expires.
        """
        own = backoff(failures, fraction(self._entropy))
        wait = max(own, not_before)
        if self._state.lifetime is None:
            return wait
        remaining = seconds_left(self._state.lifetime, now)
        if wait <= remaining + REFRESH_GRACE:
            return wait
        return remaining if remaining > own else None

    async def _wait(self, wait: float, cause_code: str, error: Exception) -> None:
        self._emit(Warned("attempt_failed", cause_code, describe(error), wait))
        self.idle = True
        await self._clock.asleep(wait)
        self._raise_if_superseded()

    def _is_activating(self) -> bool:
        """Whether the key is used for the first time."""
        return isinstance(self._mechanism, ByKey) and not self._mechanism.activated

    def _may_fall_back(self) -> bool:
        """Whether there is a fallback: `refresh()` follows a credential with an end [seed 4]."""
        return self._fallback is not None and self._state.credential.expiry_at is not None

    def _fall_back(self, decision: GiveUp, error: Exception, reason: FallbackReason) -> None:
        """Switch to the fallback mechanism with a warning, or fail."""
        if not self._may_fall_back():
            if isinstance(error, RefreshFailed):
                raise error
            raise RefreshFailed(decision.cause_code, describe(error)) from error
        detail = f"{decision.cause_code}: {describe(error)}"
        self._emit(Warned("credential_refresh_fallback", reason, detail))
        self._mechanism, self._fallback = self._fallback, None

    def _raise_if_superseded(self) -> None:
        if not self._is_wanted():
            raise Superseded
