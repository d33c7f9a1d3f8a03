"""A program whose calls fail, with a reporter that shows the variables of every frame."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable

from _common import REFERENCE, log_everything

from satmint_sdk.credentials import (
    Credential,
    CredentialSession,
    EmbedTokenCredentialProvider,
    FileRefreshTokenStore,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient, RestClient


async def a_client_is_refused() -> None:
    async with AsyncRestClient(token=os.environ["SIGNALWIRE_API_TOKEN"][:-1] + "x") as client:
        await client.fabric.tokens.create_subscriber_token(reference=REFERENCE, password=PASSWORD)


async def a_client_cannot_be_made() -> None:
    RestClient(host="no host at all").close()


async def a_session_cannot_sign_in() -> None:
    async with CredentialSession(
        EmbedTokenCredentialProvider(os.environ["SIGNALWIRE_SPACE"], "c2c_" + "0" * 32)
    ):
        pass


async def a_session_was_revoked() -> None:
    async with AsyncRestClient() as client:
        provider = SubscriberCredentialProvider(client, reference=REFERENCE)
        async with CredentialSession(provider) as session:
            made = await client.fabric.tokens.create_subscriber_token(reference=REFERENCE)
            await client.fabric.subscribers.delete(made["subscriber_id"])
            del made
            await session.renew(session.credential.token)


async def a_store_cannot_be_written() -> None:
    async with AsyncRestClient() as client:
        store = FileRefreshTokenStore("/proc/no-such-folder/session")
        provider = SubscriberCredentialProvider(client, reference=REFERENCE, store=store)
        async with CredentialSession(provider, max_wait=1.0):
            pass


async def a_provider_returns_what_is_no_credential() -> None:
    class Provider:
        async def authenticate(self, context: object = None) -> Credential:
            del context
            return Credential(BROKEN_TOKEN)

    async with CredentialSession(Provider()):
        pass


PASSWORD = "-".join(["correct", "horse", "battery"])
BROKEN_TOKEN = ".".join(["eyJ0eXAiOiJTQVQifQ", "", "aaaaaaaaaaaa", "bbbbbbbb", "cccc\n"])

FAILURES: tuple[Callable[[], Awaitable[None]], ...] = (
    a_client_is_refused,
    a_client_cannot_be_made,
    a_session_cannot_sign_in,
    a_session_was_revoked,
    a_store_cannot_be_written,
    a_provider_returns_what_is_no_credential,
)


async def main() -> None:
    for fail in FAILURES:
        try:
            await fail()
        except Exception:  # noqa: BLE001 - as a reporter does
            kind, error, trace = sys.exc_info()
            assert kind is not None
            assert error is not None
            shown = traceback.TracebackException(kind, error, trace, capture_locals=True)
            print(f"== {fail.__name__}")
            print("".join(shown.format()))


if __name__ == "__main__":
    log_everything()
    asyncio.run(main())
