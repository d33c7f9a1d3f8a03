"""Jobs in a pool of processes, each with a token of one session that all share by a file.

The first argument is how processes start. The parent has a session of its own open meanwhile, which
processes that are forked inherit.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import httpx
from _common import ME, REFERENCE, log_everything

from satmint_sdk.credentials import (
    CredentialSession,
    FileRefreshTokenStore,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient, RestClient

WORKERS, JOBS = 3, 12


@functools.cache
def client() -> RestClient:
    """One client for each process; forked ones inherit the parent's."""
    made = RestClient()
    atexit.register(made.close)
    return made


def provider() -> SubscriberCredentialProvider:
    store = FileRefreshTokenStore("pool.session")
    return SubscriberCredentialProvider(client(), reference=REFERENCE, store=store)


def job(number: int) -> int:
    async def work() -> int:
        async with CredentialSession(provider()) as session, httpx.AsyncClient() as http:
            token = await session.token()
            if number % 4 == 3:
                token = await session.renew(token)  # as after a 401, which any job may meet
            bearer = {"authorization": f"Bearer {token}"}
            return (await http.get(ME, headers=bearer)).status_code

    return asyncio.run(work())


async def main(method: str) -> None:
    context = multiprocessing.get_context(method)
    async with (
        AsyncRestClient() as own,
        CredentialSession(
            SubscriberCredentialProvider(own, reference=f"{REFERENCE}-parent")
        ) as session,
    ):
        client().fabric.addresses.list()  # a connection that a fork must not share
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
            jobs = [loop.run_in_executor(pool, job, number) for number in range(JOBS)]
            print(*sorted(await asyncio.gather(*jobs)))
        await session.renew(await session.token())


if __name__ == "__main__":
    log_everything()
    asyncio.run(main(sys.argv[1]))
