"""A script with several `asyncio.run`: clients and providers are global, loops come and go."""

from __future__ import annotations

import asyncio

import httpx
from _common import ME, REFERENCE, log_everything

from satmint_sdk.credentials import CredentialSession, SubscriberCredentialProvider
from satmint_sdk.rest import AsyncRestClient, RestClient

RUNS = 3
shared = AsyncRestClient()
provider = SubscriberCredentialProvider(shared, reference=REFERENCE)


async def work() -> int:
    async with CredentialSession(provider) as session, httpx.AsyncClient() as http:
        answer = await http.get(ME, headers={"authorization": f"Bearer {await session.token()}"})
        await shared.fabric.addresses.list()
        return answer.status_code


async def close() -> None:
    await shared.close()


if __name__ == "__main__":
    log_everything()
    with RestClient() as client:  # a blocking client beside it
        for _ in range(RUNS):
            client.fabric.addresses.list()
            print(asyncio.run(work()))
    asyncio.run(close())
