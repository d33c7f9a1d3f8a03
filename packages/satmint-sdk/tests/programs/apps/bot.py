"""A bot that is online for three hours, by its own clock and the server's, which move together.

Where the server answers, the clocks stand still: a network takes time that nobody moves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import httpx
from _common import ME, REFERENCE, log_everything

from satmint_sdk.credentials import (
    AuthenticateContext,
    ClientEvent,
    Credential,
    CredentialSession,
    SessionClient,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient
from satmint_sdk.testing import FakeClock, settle

SPACE = os.environ["SIGNALWIRE_SPACE"]
HOURS, STEP, LIFE = 3, 120, 900
TURN = 0.002
"""Seconds for the network to go on."""


class Observed:
    """A provider that says whether it is at work."""

    def __init__(self, provider: SubscriberCredentialProvider) -> None:
        self._provider = provider
        self.is_busy = False
        self.refreshes = 0

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        return await self._provider.authenticate(context)

    async def refresh(self) -> Credential:
        self.is_busy = True
        try:
            credential = await self._provider.refresh()
        finally:
            self.is_busy = False
        self.refreshes += 1
        return credential


async def main() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    seen: Counter[str] = Counter()
    async with AsyncRestClient() as client, httpx.AsyncClient() as http:
        clock = FakeClock(wall=await move_server(http, {"frozen": True}))
        provider = Observed(
            SubscriberCredentialProvider(
                client, reference=REFERENCE, lifetime=LIFE, refreshed_lifetime=LIFE, clock=clock
            )
        )
        async with (
            CredentialSession(provider, clock=clock) as session,
            SessionClient(session, host=SPACE, silence=HOURS * 3600 + STEP) as live,
        ):
            reading = asyncio.create_task(count(live.events(), seen))

            async def stand_still() -> None:
                await settle()
                while provider.is_busy or seen["reauthenticated"] < provider.refreshes:
                    await asyncio.sleep(TURN)
                    await settle()

            await live.online()
            clock.stand_still = stand_still
            for step in range(HOURS * 3600 // STEP):
                await move_server(http, {"advance": STEP})
                await clock.advance(STEP)
                if step % 5 == 0:
                    bearer = {"authorization": f"Bearer {await session.token()}"}
                    seen[f"answered {(await http.get(ME, headers=bearer)).status_code}"] += 1
            clock.stand_still = settle
            print("phase", live.state.phase)
            for kind, times in sorted(seen.items()):
                print(kind, times)
            print("ready", flush=True)
            await stopping.wait()
        await reading


async def count(events: AsyncIterator[ClientEvent], seen: Counter[str]) -> None:
    async for event in events:
        seen[event.kind] += 1


async def move_server(http: httpx.AsyncClient, change: dict[str, object]) -> int:
    """Change the clock of the development server, and return its time."""
    account = (os.environ["SIGNALWIRE_PROJECT_ID"], os.environ["SIGNALWIRE_API_TOKEN"])
    url = f"http://{SPACE}/api/satmint/dev/clock"
    answer = await http.post(url, json=change, auth=account)
    now: int = answer.raise_for_status().json()["now"]
    return now


if __name__ == "__main__":
    log_everything()
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    asyncio.run(main())
