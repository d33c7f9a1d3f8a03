"""anyio: task groups, cancel scopes and worker threads around one session."""

from __future__ import annotations

import anyio
import anyio.to_thread
import httpx
from _common import ME, REFERENCE, log_everything

from satmint_sdk.credentials import CredentialSession, SubscriberCredentialProvider
from satmint_sdk.rest import AsyncRestClient

READERS = 6


async def main() -> None:
    statuses: list[int] = []
    async with AsyncRestClient() as client, httpx.AsyncClient() as http:
        provider = SubscriberCredentialProvider(client, reference=REFERENCE)
        async with CredentialSession(provider) as session:

            async def read(number: int) -> None:
                old = await session.token()
                with anyio.move_on_after(0.0001 * number):  # some give up while all wait
                    await session.renew(old)
                if number % 2:
                    token = await anyio.to_thread.run_sync(session.token_blocking)
                else:
                    token = await session.token()
                answer = await http.get(ME, headers={"authorization": f"Bearer {token}"})
                statuses.append(answer.status_code)

            async with anyio.create_task_group() as readers:
                for number in range(READERS):
                    readers.start_soon(read, number)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await session.token()
            print(*statuses, session.stats.waiting)


if __name__ == "__main__":
    log_everything()
    anyio.run(main)
