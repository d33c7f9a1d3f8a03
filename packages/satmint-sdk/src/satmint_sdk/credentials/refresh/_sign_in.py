"""Gets the first credential and chooses the refresh mechanism.

The rules [seed 4]:

    provider has `refresh()`   credential has an end   scope is `sat:refresh`   armed
    yes                        yes                     -                        provider
    yes                        no                      yes                      key, then provider
    no                         any                     yes                      key
    yes                        no                      no, or unknown           nothing
    no                         any                     no, or unknown           nothing
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from satmint_sdk._ambient import Clock, Entropy, fraction
from satmint_sdk._retry import backoff
from satmint_sdk.credentials._cluster import fabric_host
from satmint_sdk.credentials._credential import (
    AuthenticateContext,
    Credential,
    CredentialProvider,
    RefreshingCredentialProvider,
    checked,
)
from satmint_sdk.credentials._events import EventLog, SessionEvent, Warned
from satmint_sdk.credentials._waiting import within
from satmint_sdk.credentials.bound._devices import Devices, ProofTarget
from satmint_sdk.credentials.bound._dpop import DPoPKey
from satmint_sdk.credentials.errors import InvalidCredential
from satmint_sdk.credentials.refresh._attempt import ATTEMPT_LIMIT, CredentialState
from satmint_sdk.credentials.refresh._mechanisms import ByKey, ByProvider
from satmint_sdk.credentials.refresh._policy import measure
from satmint_sdk.credentials.refresh._retry_decision import Retry, decide_retry, describe
from satmint_sdk.rest._endpoint import parse_endpoint

_MAX_OPEN = 2
"""Open clients: the current credential's, and the previous one's, which may still be in use."""

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class SignIn:
    """Signs in with a provider, with retries within `max_wait` seconds.

    Args:
        provider: The provider.
        key: The key that the provider may bind the credential to.
        host: Host of the holder's endpoints; read from the token if absent.
        expire_in: Lifetime in seconds to request for Client Bound SATs.
        proof_target: The target in proofs.
        max_wait: Seconds during which transient failures are retried.
        transport: Replaces the network for refreshes by key.
        clock: The source of time.
        entropy: The source of jitter.
        log: Receives warnings.
    """

    def __init__(
        self,
        provider: CredentialProvider,
        key: DPoPKey,
        *,
        host: str | None,
        expire_in: int,
        proof_target: ProofTarget,
        max_wait: float,
        transport: httpx.AsyncBaseTransport | None,
        clock: Clock,
        entropy: Entropy,
        log: EventLog[SessionEvent],
    ) -> None:
        self._provider = provider
        self._key = key
        self._host = host
        self._expire_in = expire_in
        self._proof_target = proof_target
        self._max_wait = max_wait
        self._transport = transport
        self._clock = clock
        self._entropy = entropy
        self._log = log
        self._lock = asyncio.Lock()
        self._opened: list[Devices] = []
        self.skew: float | None = None

    async def run(self) -> CredentialState:
        """Get a credential, compute its lifetime, and choose a mechanism. One call at a time.

        Raises:
            InvalidCredential: The provider returned an expired credential.
            Exception: The provider's permanent error, or the last transient one.
        """
        async with self._lock:
            context = AuthenticateContext(fingerprint=self._key.thumbprint)
            started = self._clock.now()
            credential = checked(await self._retry(lambda: self._provider.authenticate(context)))
            state = await self._choose_mechanism(credential)
        if state.credential.expiry_at is None:
            return state
        life = measure(state.credential.expiry_at, started, fraction(self._entropy))
        if life.life <= 0:
            raise InvalidCredential("the credential has expired (expiry_at is in milliseconds)")
        return replace(state, lifetime=life)

    async def close(self) -> None:
        """Close the connections."""
        for devices in self._opened:
            await devices.close()

    async def _choose_mechanism(self, credential: Credential) -> CredentialState:
        provider = self._provider
        own = ByProvider(provider) if isinstance(provider, RefreshingCredentialProvider) else None
        if own is not None and credential.expiry_at is not None:
            return CredentialState(credential, None, own)
        host = self._host or fabric_host(credential.token)
        if host is None:
            return CredentialState(credential, None, None)
        devices = Devices(
            parse_endpoint(host),
            self._key,
            self._clock,
            self._transport,
            on_skew=self._on_skew,
            target=self._proof_target,
        )
        self._opened.append(devices)
        if len(self._opened) > _MAX_OPEN:
            await self._opened.pop(0).close()
        try:
            info = await self._retry(lambda: devices.token_info(credential.token))
        except Exception as error:  # noqa: BLE001 - the credential is valid in any case
            cause = decide_retry(error, self._clock.now().wall).cause_code
            self._log.emit(Warned("scope_unknown", cause, describe(error)))
            return CredentialState(credential, None, None)
        if not info.refreshes_itself:
            return CredentialState(credential, None, None)
        if credential.expiry_at is None:
            credential = replace(credential, expiry_at=info.expiry_at)
        return CredentialState(credential, None, ByKey(devices, self._expire_in), own)

    async def _retry(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call, and retry transient errors within `max_wait`."""
        began = self._clock.now().mono
        failures = 0
        while True:
            try:
                return await within(self._clock, ATTEMPT_LIMIT, ask())
            except Exception as error:
                failures += 1
                now = self._clock.now()
                decision = decide_retry(error, now.wall)
                if not isinstance(decision, Retry):
                    raise
                wait = max(backoff(failures, fraction(self._entropy)), decision.not_before)
                if now.mono - began + wait > self._max_wait:
                    raise
                self._log.emit(Warned("attempt_failed", decision.cause_code, describe(error), wait))
            await self._clock.asleep(wait)

    def _on_skew(self, seconds: float) -> None:
        self.skew = seconds
        detail = f"the server's clock is {seconds:+.0f} s off this one"
        self._log.emit(Warned("clock_skew", "http_401", detail))
