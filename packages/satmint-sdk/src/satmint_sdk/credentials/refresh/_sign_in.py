"""Gets the first credential and chooses the refresh mechanism.

The rules [seed 4, and the vendor's page on `CredentialProvider`]:

    scope has `sat:refresh`   `refresh()` and an end   armed
    yes                       yes                      key, then provider
    yes                       no                       key
    no, or unknown            yes                      provider; `credential_refresh_fallback`
    no, or unknown            no                       nothing

The last one warns with `credential_no_refresh_handler` if the credential has an end. Without a host
for its holder's requests, a token is not refreshed by key, and its scope is not asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from satmint_sdk._ambient import Clock, Entropy, Instant, fraction
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
from satmint_sdk.credentials.bound._devices import REFRESH_SCOPE, Devices, ProofTarget
from satmint_sdk.credentials.bound._dpop import DPoPKey
from satmint_sdk.credentials.errors import InvalidCredential
from satmint_sdk.credentials.refresh._attempt import (
    ATTEMPT_LIMIT,
    CredentialState,
    FallbackReason,
)
from satmint_sdk.credentials.refresh._local_faults import is_local_fault
from satmint_sdk.credentials.refresh._mechanisms import ByKey, ByProvider
from satmint_sdk.credentials.refresh._policy import Lifetime, measure
from satmint_sdk.credentials.refresh._retry_decision import Retry, decide_retry, describe
from satmint_sdk.rest._endpoint import parse_endpoint

_MAX_OPEN = 2
"""Open clients: the current credential's, and the previous one's, which may still be in use."""

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_NO_SCOPE: Final = "the token's scope does not contain sat:refresh"


@dataclass(frozen=True, slots=True)
class _ByKey:
    """The key can refresh; the token's expiry in milliseconds as the server states it."""

    mechanism: ByKey
    expiry_at: int | None


@dataclass(frozen=True, slots=True)
class _Declined:
    """The key cannot refresh; `reason` is `None` if the scope could not be found out."""

    reason: FallbackReason | None
    cause_code: str
    detail: str


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
            if credential.expiry_at is not None:
                self._measure(credential.expiry_at, started)
            state, expiry_at = await self._choose_mechanism(credential)
        if expiry_at is None:
            return state
        return replace(state, lifetime=self._measure(expiry_at, started))

    def _measure(self, expiry_at: int, started: Instant) -> Lifetime:
        lifetime = measure(expiry_at, started, fraction(self._entropy))
        if lifetime.life <= 0:
            raise InvalidCredential("the credential has expired (expiry_at is in milliseconds)")
        return lifetime

    async def close(self) -> None:
        """Close the connections."""
        for devices in self._opened:
            await devices.close()

    async def _choose_mechanism(self, credential: Credential) -> tuple[CredentialState, int | None]:
        """Choose how a credential is refreshed; returns also its expiry in milliseconds."""
        provider = self._provider
        own = ByProvider(provider) if isinstance(provider, RefreshingCredentialProvider) else None
        choice = await self._choose_key(credential)
        if isinstance(choice, _ByKey):
            state = CredentialState(credential, None, choice.mechanism, own)
            return state, credential.expiry_at or choice.expiry_at
        if own is not None and credential.expiry_at is not None:
            if choice is not None:
                reason, detail = choice.reason or "endpoint-failed", choice.detail
                self._log.emit(Warned("credential_refresh_fallback", reason, detail))
            return CredentialState(credential, None, own), credential.expiry_at
        if choice is not None and choice.reason is None:
            self._log.emit(Warned("scope_unknown", choice.cause_code, choice.detail))
        if credential.expiry_at is not None:
            self._log.emit(
                Warned(
                    "credential_no_refresh_handler",
                    "no_mechanism",
                    "the credential expires and nothing refreshes it: sign in before, give the"
                    " provider a refresh(), or issue tokens with the scope sat:refresh",
                    expiry_at=credential.expiry_at,
                )
            )
        return CredentialState(credential, None, None), credential.expiry_at

    async def _choose_key(self, credential: Credential) -> _ByKey | _Declined | None:
        """Find out whether the key can refresh; `None` if nobody can be asked."""
        known = None if credential.scope is None else REFRESH_SCOPE in credential.scope.split()
        host = self._host
        if host is None and credential.token:
            host = fabric_host(credential.token)
        if host is None or not credential.token:
            no_host = _Declined("endpoint-failed", "no_host", "the token names no server (no `ch`)")
            return no_host if known else None
        if known is False:
            return _Declined("no-scope", "no_scope", _NO_SCOPE)
        devices = await self._open_devices(host)
        if known:
            return _ByKey(ByKey(devices, self._expire_in), None)
        try:
            info = await self._retry(lambda: devices.token_info(credential.token))
        except Exception as error:  # noqa: BLE001 - the credential is valid in any case
            cause = decide_retry(error, self._clock.now().wall).cause_code
            return _Declined(None, cause, describe(error))
        if not info.refreshes_itself:
            return _Declined("no-scope", "no_scope", _NO_SCOPE)
        return _ByKey(ByKey(devices, self._expire_in), info.expiry_at)

    async def _open_devices(self, host: str) -> Devices:
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
        return devices

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
                if not isinstance(decision, Retry) or is_local_fault(error):
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
