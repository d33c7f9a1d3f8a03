"""Live sessions on the fake gateway, opened and closed on a driven clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from kit.gateway import FakeGateway
from kit.service import FakeSession, FakeTokenService
from kit.sessions import session_of
from satmint_sdk.credentials import (
    Credential,
    CredentialSession,
    SessionClient,
    StaticCredentialProvider,
)
from satmint_sdk.testing import FakeClock, settle

CONNECT = "signalwire.connect"


REAUTHENTICATE = "signalwire.reauthenticate"


@contextlib.asynccontextmanager
async def live(
    gateway: FakeGateway, provider: Any = None, **options: Any
) -> AsyncIterator[tuple[CredentialSession, SessionClient]]:
    """Open both; what is left open is closed, time going by meanwhile."""
    session = session_of(gateway.service, provider)
    async with session:
        client = SessionClient(session, transport=gateway, **options)
        await client.open()
        await settle()
        try:
            yield session, client
        finally:
            await ended(client.close(), gateway.clock)


@contextlib.asynccontextmanager
async def live_slowly(gateway: FakeGateway) -> AsyncIterator[SessionClient]:
    """As `live`, where opening takes time."""
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        await ended(client.open(), gateway.clock)
        yield client
        await ended(client.close(), gateway.clock)


async def ended(work: Any, clock: FakeClock) -> Any:
    """Wait for something that takes time."""
    working = asyncio.ensure_future(work)
    for _ in range(400):
        await settle()
        if working.done():
            break
        await clock.advance(0.25)
    return await working


def static(service: FakeTokenService, seconds: float = 7200) -> StaticCredentialProvider:
    """A credential that nothing refreshes."""
    token = service._issue("SAT", FakeSession("x"), service.now() + seconds, [], None)
    return StaticCredentialProvider(Credential(token))


def past(client: SessionClient) -> list[Any]:
    return list(client._log._past)


def kinds(client: SessionClient) -> list[str]:
    return [event.kind for event in past(client)]
