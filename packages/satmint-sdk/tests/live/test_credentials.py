"""Providers and sessions against the real server, on the real clock and without waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from kit.server import Live
from satmint_sdk.credentials import (
    CredentialSession,
    EmbedTokenCredentialProvider,
    Failed,
    FileRefreshTokenStore,
    MemoryRefreshTokenStore,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient, SignalWireRestError, SignalWireRestTransportError


class LossyNetwork(httpx.AsyncBaseTransport):
    """Carries everything there, and loses some answers on the way back."""

    def __init__(self) -> None:
        self.losses = 0
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._real.handle_async_request(request)
        if self.losses and request.method == "POST":
            self.losses -= 1
            await answer.aread()
            await answer.aclose()
            raise httpx.ReadError("the connection was lost")
        return answer

    async def aclose(self) -> None:
        await self._real.aclose()


async def accepted(live: Live, token: str) -> bool:
    """Present a token as its holder would."""
    async with httpx.AsyncClient(base_url=live.http) as http:
        answer = await http.get(
            "/api/fabric/subscriber/info", headers={"authorization": f"Bearer {token}"}
        )
        return answer.status_code == 200


async def test_a_session_is_renewed_again_and_again(live: Live) -> None:
    async with live.async_client() as client:
        provider = SubscriberCredentialProvider(client, reference="session")
        async with CredentialSession(provider) as session:
            seen = {await session.token()}
            for _ in range(5):
                seen.add(await session.renew(await session.token()))
                assert await accepted(live, await session.token())
            assert len(seen) == 6
            assert session.mechanism == "provider"


async def test_lost_answers_are_healed_by_the_real_server(live: Live) -> None:
    network = LossyNetwork()
    async with AsyncRestClient(
        live.project_id, live.api_token, live.host, transport=network
    ) as client:
        provider = SubscriberCredentialProvider(client, reference="lossy")
        await provider.authenticate()
        for _ in range(3):
            network.losses = 2
            for _ in range(2):
                with pytest.raises(SignalWireRestTransportError):
                    await provider.refresh()
            assert await accepted(live, (await provider.refresh()).token)


async def test_the_client_heals_a_lost_answer_by_itself(live: Live) -> None:
    network = LossyNetwork()
    async with AsyncRestClient(
        live.project_id, live.api_token, live.host, transport=network
    ) as client:
        pair = await client.fabric.tokens.create_subscriber_token(reference="lossy-2")
        network.losses = 1
        fresh = await client.fabric.tokens.refresh_subscriber_token(
            refresh_token=pair["refresh_token"]
        )
        assert await accepted(live, fresh["token"])


async def test_many_providers_on_one_file_stay_one_session(live: Live, tmp_path: Path) -> None:
    async with live.async_client() as client:
        store = tmp_path / "session"
        providers = [
            SubscriberCredentialProvider(
                client, reference="shared", store=FileRefreshTokenStore(store)
            )
            for _ in range(8)
        ]
        first = await asyncio.gather(*(provider.authenticate() for provider in providers))
        second = await asyncio.gather(*(provider.refresh() for provider in providers))
        assert len({credential.token for credential in first}) == 1
        assert len({credential.token for credential in second}) == 1
        assert await accepted(live, second[0].token)


async def test_a_deleted_subscriber_ends_the_schedule(live: Live) -> None:
    async with live.async_client() as client:
        made = await client.fabric.tokens.create_subscriber_token(reference="leaver")
        provider = SubscriberCredentialProvider(client, reference="leaver")
        async with CredentialSession(provider) as session:
            await client.fabric.subscribers.delete(made["subscriber_id"])
            with pytest.raises(Exception, match="the credential was refused"):
                await session.renew(await session.token())
            events = session.events()
            assert (await anext(events)).kind == "warning"  # no-scope, at sign-in
            event = await anext(events)
            assert isinstance(event, Failed)
            assert event.cause_code in ("http_404", "token_invalid")


async def test_a_visitor_exchanges_and_exchanges_again(live: Live) -> None:
    provider = EmbedTokenCredentialProvider(live.host, live.c2c_token)
    async with CredentialSession(provider) as session:
        first = await session.token()
        assert await session.renew(first) != first
    with pytest.raises(SignalWireRestError) as refused:
        await EmbedTokenCredentialProvider(live.host, "c2c_" + "0" * 32).authenticate()
    assert refused.value.status_code in (404, 422)


async def test_logging_out_revokes_the_session(live: Live) -> None:
    store = MemoryRefreshTokenStore()
    async with live.async_client() as client:
        provider = SubscriberCredentialProvider(client, reference="olaf", store=store)
        session = CredentialSession(provider)
        await session.open()
        token = await session.token()
        assert await accepted(live, token)
        assert await session.logout()
        assert not await accepted(live, token)
        assert await store.load() is None
