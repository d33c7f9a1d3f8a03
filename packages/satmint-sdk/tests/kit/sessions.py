"""Sessions on a driven clock, and providers that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from kit.clients import async_client_of
from kit.service import FakeTokenService
from satmint_sdk.credentials import (
    AuthenticateContext,
    Credential,
    CredentialProvider,
    CredentialSession,
    DPoPKey,
    SessionEvent,
    SubscriberCredentialProvider,
    Warned,
)
from satmint_sdk.testing import FakeClock, FakeEntropy, make_token

Step = Credential | Exception | Callable[[], Awaitable[Credential]]


def clock_of(service: FakeTokenService) -> FakeClock:
    assert isinstance(service.clock, FakeClock)
    return service.clock


def session_of(
    service: FakeTokenService, provider: CredentialProvider | None = None, **more: Any
) -> CredentialSession:
    """Open on a backend's provider unless told otherwise; dice 0 mean no jitter at all."""
    if provider is None:
        provider = SubscriberCredentialProvider(
            async_client_of(service), reference="alice", clock=service.clock
        )
    options: dict[str, Any] = {
        "key": DPoPKey.generate(clock=service.clock),
        "entropy": FakeEntropy(0),
        "clock": service.clock,
        "transport": service,
    }
    return CredentialSession(provider, **(options | more))


def credential_for(clock: FakeClock, seconds: float | None) -> Credential:
    expiry_at = None if seconds is None else int((clock.now().wall + seconds) * 1000)
    return Credential(make_token("SAT", cluster=None), expiry_at)


class FixedProvider:
    """Hands out what it is given, once per call; an exception is raised, a function awaited."""

    def __init__(self, first: Step, context: list[AuthenticateContext | None] | None = None):
        self.first = first
        self.contexts = [] if context is None else context

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        self.contexts.append(context)
        return await take(self.first)


class ScriptedProvider(FixedProvider):
    """The same, and it can refresh."""

    def __init__(self, first: Step, *then: Step) -> None:
        super().__init__(first)
        self.then = list(then)
        self.refreshes = 0

    async def refresh(self) -> Credential:
        self.refreshes += 1
        return await take(self.then.pop(0))


async def take(step: Step) -> Credential:
    if isinstance(step, Credential):
        return step
    if isinstance(step, Exception):
        raise step
    return await step()


class BackendProvider:
    """A page's own backend: signs in with the session's fingerprint, and has no `refresh()`."""

    def __init__(self, service: FakeTokenService, *, expiry: bool = False, **members: Any) -> None:
        self._client = async_client_of(service)
        self._clock = clock_of(service)
        self._expiry = expiry
        self._members = members
        self.logins = 0

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        self.logins += 1
        members: dict[str, Any] = {"scope": "sat:refresh", **self._members}
        if context is not None and "fingerprint" not in members:
            members["fingerprint"] = context.fingerprint
        pair = await self._client.fabric.tokens.create_subscriber_token(
            reference="alice", **members
        )
        ends = int((self._clock.now().wall + 7200) * 1000)
        return Credential(pair["token"], ends if self._expiry else None)


def happened(session: CredentialSession) -> list[SessionEvent]:
    """Look at everything that has happened so far."""
    return list(session._log._past)


def kinds(session: CredentialSession) -> list[str]:
    """The same in words: a kind, and for warnings their code."""
    return [
        f"{event.kind}:{event.code}" if isinstance(event, Warned) else event.kind
        for event in happened(session)
    ]


async def never() -> Credential:
    """A provider that hangs."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def close(session: CredentialSession, clock: FakeClock) -> None:
    """Close a session in the middle of an attempt, letting the grace go by."""
    closing = asyncio.ensure_future(session.close())
    await clock.advance(6)
    await closing
