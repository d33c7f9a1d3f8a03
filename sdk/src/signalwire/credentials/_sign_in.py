"""Getting a first credential, and choosing what will refresh it.

The choice [seed 4]:

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

from signalwire._ambient import Clock, Entropy, fraction
from signalwire.credentials._cluster import fabric_host
from signalwire.credentials._credential import (
    AuthenticateContext,
    Credential,
    CredentialProvider,
    RefreshingCredentialProvider,
    checked,
)
from signalwire.credentials._devices import Devices, ProofTarget
from signalwire.credentials._dpop import DPoPKey
from signalwire.credentials._events import EventLog, SessionEvent, Warned
from signalwire.credentials._flight import ATTEMPT_LIMIT, Held, within
from signalwire.credentials._mechanisms import ByKey, ByProvider
from signalwire.credentials._policy import backoff, lease
from signalwire.credentials._verdict import Again, describe, judge
from signalwire.credentials.errors import InvalidCredential
from signalwire.rest._place import locate

_OPEN_AT_ONCE = 2
"""Clients: that of the credential that is held, and that of the one before, still at work maybe."""

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class SignIn:
    """Asks a provider for a credential, as often as it takes within `patience` seconds.

    Args:
        provider: Whom to ask.
        key: What the provider may bind the credential to.
        host: Where the holder's endpoints are; read from the token if absent.
        expire_in: Seconds of life to ask Client Bound SATs for.
        proof_target: What proofs name as their target.
        patience: Seconds within which a failed attempt is followed by another.
        transport: Carries the requests of the key's refreshes in place of the network.
        clock: Tells the time and waits.
        entropy: Spreads what would happen at the same moment.
        log: Told about what went wrong.
    """

    def __init__(
        self,
        provider: CredentialProvider,
        key: DPoPKey,
        *,
        host: str | None,
        expire_in: int,
        proof_target: ProofTarget,
        patience: float,
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
        self._patience = patience
        self._transport = transport
        self._clock = clock
        self._entropy = entropy
        self._log = log
        self._lock = asyncio.Lock()
        self._opened: list[Devices] = []
        self.skew: float | None = None

    async def run(self) -> Held:
        """Get a credential, measure its life, choose a mechanism. One caller after the other.

        Raises:
            InvalidCredential: The provider handed out one that is past its end.
            Exception: Whatever the provider raises for good, or raised last.
        """
        async with self._lock:
            context = AuthenticateContext(fingerprint=self._key.thumbprint)
            started = self._clock.now()
            credential = checked(await self._persist(lambda: self._provider.authenticate(context)))
            held = await self._arm(credential)
        if held.credential.expiry_at is None:
            return held
        life = lease(held.credential.expiry_at, started, fraction(self._entropy))
        if life.life <= 0:
            raise InvalidCredential("the credential is past its end (in milliseconds, that is)")
        return replace(held, lease=life)

    async def close(self) -> None:
        """Close the connections."""
        for devices in self._opened:
            await devices.close()

    async def _arm(self, credential: Credential) -> Held:
        provider = self._provider
        own = ByProvider(provider) if isinstance(provider, RefreshingCredentialProvider) else None
        if own is not None and credential.expiry_at is not None:
            return Held(credential, None, own)
        host = self._host or fabric_host(credential.token)
        if host is None:
            return Held(credential, None, None)
        devices = Devices(
            locate(host),
            self._key,
            self._clock,
            self._transport,
            on_skew=self._on_skew,
            target=self._proof_target,
        )
        self._opened.append(devices)
        if len(self._opened) > _OPEN_AT_ONCE:
            await self._opened.pop(0).close()
        try:
            standing = await self._persist(lambda: devices.standing(credential.token))
        except Exception as error:  # noqa: BLE001 - the credential is good, whatever this was
            cause = judge(error, self._clock.now().wall).cause_code
            self._log.emit(Warned("scope_unknown", cause, describe(error)))
            return Held(credential, None, None)
        if not standing.refreshes_itself:
            return Held(credential, None, None)
        if credential.expiry_at is None:
            credential = replace(credential, expiry_at=standing.expiry_at)
        return Held(credential, None, ByKey(devices, self._expire_in), own)

    async def _persist(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask, and ask again while that may help and patience lasts."""
        began = self._clock.now().mono
        failures = 0
        while True:
            try:
                return await within(self._clock, ATTEMPT_LIMIT, ask())
            except Exception as error:
                failures += 1
                now = self._clock.now()
                verdict = judge(error, now.wall)
                if not isinstance(verdict, Again):
                    raise
                wait = max(backoff(failures, fraction(self._entropy)), verdict.not_before)
                if now.mono - began + wait > self._patience:
                    raise
                self._log.emit(Warned("attempt_failed", verdict.cause_code, describe(error), wait))
            await self._clock.asleep(wait)

    def _on_skew(self, seconds: float) -> None:
        self.skew = seconds
        detail = f"the server's clock is {seconds:+.0f} s off this one"
        self._log.emit(Warned("clock_skew", "http_401", detail))
