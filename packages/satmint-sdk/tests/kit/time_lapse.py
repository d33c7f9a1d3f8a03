"""Days that pass in seconds, for a session that speaks with a real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from satmint_sdk.credentials import (
    AuthenticateContext,
    Credential,
    CredentialSession,
    RefreshingCredentialProvider,
)
from satmint_sdk.testing import FakeClock, settle


class Watched:
    """A provider at work holds the clock up: networks and disks take time that is not driven.

    Give the session this one, and drive `clock` with `advance`.
    """

    def __init__(self, provider: RefreshingCredentialProvider, clock: FakeClock) -> None:
        self.handed_out: list[Credential] = []
        """What the provider has brought so far."""
        self.failures: list[Exception] = []
        """What it failed with meanwhile."""
        self._provider = provider
        self.begun = asyncio.Event()
        """Set whenever work begins; cleared by whoever waits for it."""
        self._idle = asyncio.Event()
        self._idle.set()
        clock.stand_still = self._stand_still

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        with self._at_work():
            return self._noted(await self._provider.authenticate(context))

    async def refresh(self) -> Credential:
        with self._at_work():
            return self._noted(await self._provider.refresh())

    def _noted(self, credential: Credential) -> Credential:
        self.handed_out.append(credential)
        return credential

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        self._idle.clear()
        self.begun.set()
        try:
            yield
        except Exception as error:
            self.failures.append(error)
            raise
        finally:
            self._idle.set()

    async def ask(self, session: CredentialSession, clock: FakeClock) -> str:
        """Get a token as any caller does, time going by until it comes."""
        asking = asyncio.ensure_future(session.token())
        await settle()
        while not asking.done():
            await clock.advance(0.1)
        return await asking

    async def _stand_still(self) -> None:
        await settle()
        while not self._idle.is_set():
            await self._idle.wait()
            await settle()
