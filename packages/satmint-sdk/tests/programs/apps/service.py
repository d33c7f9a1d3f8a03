"""A service as systemd or a terminal runs it: it works until SIGTERM or Ctrl-C.

The argument says who handles SIGTERM: with `cancel` the main task is cancelled, otherwise nobody.
"""

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

PAUSE = 0.1


async def main() -> None:
    if sys.argv[1] == "cancel":
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncRestClient() as client, httpx.AsyncClient() as http:
        provider = SubscriberCredentialProvider(
            client,
            reference=REFERENCE,
            store=FileRefreshTokenStore("service.session"),
            lifetime=FIRST_LIFE,
            refreshed_lifetime=LIFE,
        )
        async with CredentialSession(provider) as session:
            print("ready", flush=True)
            while True:
                token = await session.token()
                answer = await http.get(ME, headers={"authorization": f"Bearer {token}"})
                if answer.status_code == 401:
                    token = await session.renew(token)
                    answer = await http.get(ME, headers={"authorization": f"Bearer {token}"})
                refreshed = session.stats.attempts.get("refreshed", 0)
                print(f"{answer.status_code} after {refreshed} refreshes", flush=True)
                await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    log_everything()
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        print("stopped", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.exit(130)
