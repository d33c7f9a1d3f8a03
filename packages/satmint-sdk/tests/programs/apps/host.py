"""One of several hosts that share a session by a store, and hand its token to their users."""

from __future__ import annotations

import asyncio
import signal
import sys

import httpx
from _common import FIRST_LIFE, LIFE, ME, REFERENCE, log_everything

from satmint_sdk.credentials import (
    CredentialSession,
    FileRefreshTokenStore,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient


async def main(file: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with AsyncRestClient() as client, httpx.AsyncClient() as http:
        provider = SubscriberCredentialProvider(
            client,
            reference=REFERENCE,
            store=FileRefreshTokenStore(file),
            lifetime=FIRST_LIFE,
            refreshed_lifetime=LIFE,
        )
        async with CredentialSession(provider) as session:
            while not stopping.is_set():
                bearer = {"authorization": f"Bearer {await session.token()}"}
                answer = await http.get(ME, headers=bearer)
                refreshed = session.stats.attempts.get("refreshed", 0)
                print(f"{answer.status_code} after {refreshed} refreshes", flush=True)
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    log_everything()
    asyncio.run(main(sys.argv[1]))
